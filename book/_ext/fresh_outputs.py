"""Read a page again when its outputs are new although its file is the same, and every page when the book's looks are.

A chapter is also executed again when something that it imports or reads has changed; the notebook's file
has not, so Sphinx would keep the page with the old outputs. ``scripts/execute.py`` writes one
fingerprint for each chapter beside the cache of outputs; a page whose fingerprint is not the one that it
was last read with is out of date.

After a build that failed on a warning, Sphinx would not read the page again, and the next build would pass. So such a
build forgets what it has read.

A change of an extension, a template or a drawing concerns all pages, and Sphinx does not look for it: their digest is
a value of the configuration, which it compares.
"""

import hashlib
import json
from pathlib import Path

from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.environment import BuildEnvironment

ATTRIBUTE = "output_fingerprints"


def read_fingerprints(cache: str | Path) -> dict[str, str]:
    """Return the fingerprint of each page; none when no file ``fingerprints.json`` is in the cache."""
    try:
        found = json.loads(Path(cache, "fingerprints.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def outdated(app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set) -> list[str]:
    """Return the pages whose outputs were made again since they were read."""
    new = read_fingerprints(app.config.nb_execution_cache_path)
    old = getattr(env, ATTRIBUTE, {})
    return [
        page for page, fingerprint in new.items() if page in env.found_docs and old.get(page) != fingerprint
    ]


def remember(app: Sphinx, env: BuildEnvironment) -> None:
    """Keep with the read pages the fingerprints they were read with."""
    setattr(env, ATTRIBUTE, read_fingerprints(app.config.nb_execution_cache_path))


def forget_after_failure(app: Sphinx, exception: Exception | None) -> None:
    """Remove what is remembered of the pages if there were warnings and a warning is an error."""
    if exception is None and app._warncount and (app.keep_going or app.warningiserror):
        Path(app.doctreedir, ENV_PICKLE_FILENAME).unlink(missing_ok=True)


def digest_of_looks(book: Path) -> str:
    """Return a digest of all extensions, templates and drawings below a folder."""
    digest = hashlib.sha256()
    for pattern in ("_ext/*.py", "_templates/*.html", "_static/drawings/*.svg"):
        for path in sorted(book.glob(pattern)):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def setup(app: Sphinx) -> dict:
    """Connect to Sphinx's question which pages are out of date."""
    app.add_config_value("digest_of_looks", digest_of_looks(Path(__file__).parents[1]), "env", str)
    app.connect("env-get-outdated", outdated)
    app.connect("env-updated", remember)
    app.connect("build-finished", forget_after_failure)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
