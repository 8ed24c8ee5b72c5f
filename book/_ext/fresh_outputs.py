"""Read a page again when its outputs are new although its file is the same.

A chapter is also executed again when something that it imports or reads has changed; the notebook's file
has not, so Sphinx would keep the page with the old outputs. ``scripts/execute.py`` writes one
fingerprint for each chapter beside the cache of outputs; a page whose fingerprint is not the one that it
was last read with is out of date.
"""

import json
from pathlib import Path

from sphinx.application import Sphinx
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


def setup(app: Sphinx) -> dict:
    """Connect to Sphinx's question which pages are out of date."""
    app.connect("env-get-outdated", outdated)
    app.connect("env-updated", remember)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
