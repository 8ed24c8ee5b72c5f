"""Put labs into pages: `{lab}` shows a picture of one, and what it loads comes when the reader opens it.

    :::{lab} convolution
    :::

`book/labs.yml` says of each lab what it loads and in which words it speaks; these go into the catalogue `labs` for
translation, and into the page as JSON. What it computes with (models, samples, recorded results) is made by
`scripts/build_labs.py` before the pages are written, and lies with its programs in `_static/labs`.
"""

import json
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

FOLDER = "_static/labs"
CATALOGUE = "labs"


class lab(nodes.General, nodes.Element):
    """One lab, by its name."""


class Lab(SphinxDirective):
    """A lab by its name in `book/labs.yml`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the lab; an unknown name is an error that tells the known ones."""
        name, known = self.arguments[0], self.env.app.labs["labs"]
        if name not in known:
            raise self.error(f"There is no lab {name!r}; book/labs.yml has {', '.join(known)}")
        self.env.note_dependency(str(Path(self.env.srcdir, "book", "labs.yml")))
        node = lab("", name=name)
        self.set_source_info(node)
        return [node]


def html_of(app: Sphinx, name: str, page: str) -> str:
    """Return the lab as a figure: its picture in light and dark, a button, an empty stage, its words."""
    _ = get_translation(CATALOGUE)
    common, facts = app.labs["common"], app.labs["labs"][name]
    here = app.builder.get_target_uri(page)
    home = relative_uri(here, app.builder.get_target_uri(f"book/labs/{name}"))
    pictures = "".join(
        f'<img class="lab-{theme}" src="{relative_uri(here, f"{FOLDER}/previews/{path.name}")}" '
        f'alt="{escape(_(facts["shows"]))}" width="{size[0]}" height="{size[1]}" loading="lazy" decoding="async"/>'
        for theme in ("light", "dark")
        if (size := picture_size(path := preview(Path(app.srcdir), name, theme)))
    )
    words = {key: _(text) for key, text in (common | facts["words"]).items()}
    own = "" if page == f"book/labs/{name}" else f' <a href="{home}">{escape(_(common["own_page"]))}</a>'
    return (
        f'<figure class="lab" id="lab-{name}" data-lab="{name}" data-loads="{" ".join(facts["loads"])}">'
        f'<div class="lab-preview">{pictures}<button type="button" class="lab-open pst-js-only">'
        f"{escape(_(common['open']))}</button></div>"
        f'<div class="lab-stage" role="group" aria-label="{escape(_(facts["title"]))}" hidden></div>'
        f'<p class="lab-message" role="status"></p>'
        f"<figcaption>{escape(_(facts['caption']))}{own}</figcaption>"
        f"<noscript><p>{escape(_(common['needs_script']))}</p></noscript>"
        f'<script type="application/json" class="lab-words">{_json(words)}</script></figure>'
    )


def _json(words: dict[str, str]) -> str:
    return json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")


def preview(root: Path, name: str, theme: str) -> Path:
    """Return where the picture of a lab lies."""
    return root / "book" / FOLDER / "previews" / f"{name}-{theme}.webp"


def picture_size(path: Path) -> tuple[int, int] | None:
    """Return width and height of a picture in its own pixels, or None if there is none yet."""
    if not path.is_file():
        return None
    with Image.open(path) as image:
        return image.size


def visit_html(translator, node: lab) -> None:
    """Write a lab into a page."""
    builder = translator.builder
    translator.body.append(html_of(builder.app, node["name"], builder.current_docname))
    raise nodes.SkipNode


def prepare(app: Sphinx) -> None:
    """Read the list of labs; make what they load, or hand their words to the translators."""
    path = Path(app.srcdir, "book", "labs.yml")
    app.labs = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {"common": {}, "labs": {}}
    if app.builder.name == "gettext":
        for line, text in enumerate(all_words(app.labs), start=1):
            app.builder.catalogs[CATALOGUE].add(text, _Origin(str(path), line, f"labs-{line}"))
    if app.builder.name == "html" and app.labs["labs"]:
        done = subprocess.run(
            [sys.executable, "scripts/build_labs.py"], cwd=app.srcdir, capture_output=True, text=True
        )
        if done.returncode:
            raise ExtensionError(f"scripts/build_labs.py failed:\n{done.stderr.strip()[-2000:]}")


class _Origin:
    """Where a message for translators comes from, as Sphinx's catalogues want it."""

    def __init__(self, source: str, line: int, uid: str) -> None:
        self.source, self.line, self.uid = source, line, uid


def all_words(labs: dict) -> list[str]:
    """Return every text of the list of labs that a reader sees, once."""
    texts = list(labs["common"].values())
    for facts in labs["labs"].values():
        texts += [facts["title"], facts["shows"], facts["caption"], *facts["words"].values()]
    return list(dict.fromkeys(texts))


def copy_made(app: Sphinx, exception: Exception | None) -> None:
    """Copy what `scripts/build_labs.py` made into the site."""
    made = Path(app.srcdir, "_build", "labs")
    if exception is None and app.builder.name == "html" and made.is_dir() and app.labs["labs"]:
        for path in made.glob("*.js"):
            shutil.copy2(path, Path(app.outdir, FOLDER, path.name))


def setup(app: Sphinx) -> dict:
    """Register the directive and what writes it."""
    app.add_node(lab, html=(visit_html, None))
    app.add_directive("lab", Lab)
    app.add_message_catalog(CATALOGUE, str(Path(app.srcdir, "book", "locales")))
    app.connect("builder-inited", prepare, priority=400)
    app.connect("build-finished", copy_made)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
