"""Offer the whole book as files: the directive `{downloads}` links the PDF and the EPUB that lie beside the site.

`scripts/print_book.py` prints them from the pages of the site, so a page is written before they are there. Therefore the
directive leaves an empty place that carries the words in the page's language, and `fill` fills it: at the end of each build
and when the files are printed. Where there is no file, the place says how to make them.

The words of the files themselves stand here too, in the same catalogue for translation.
"""

import json
import re
import shutil
from html import escape, unescape
from pathlib import Path
from types import SimpleNamespace

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective

CATALOGUE = "downloads"
WORDS = {
    "pdf": "PDF for screen and paper, {pages} pages, {size} MB",
    "epub": "EPUB for e-readers and phones, {size} MB",
    "offer": "The whole book in one file:",
    "missing": "There are no such files yet. The command “make book” prints them where Chromium is installed.",
    "contents": "Contents",
    "about": "About this book",
    "origin": "The website, where this file comes from, has the newest edition:",
    "edition": "The code that the website folds away, mostly that of figures, is left out here; solutions are open.",
    "lab": "This lab runs in a browser:",
}
FILES = {"pdf": "image_recognition.pdf", "epub": "image_recognition.epub"}
RECORD = "files.json"  # what is known of each file: pages, and the digest of what it was printed from
PLACE = re.compile(r'<div class="downloads"([^>]*)>.*?</div>', re.DOTALL)
_DATA = re.compile(r'data-(\w+)="([^"]*)"')


class Downloads(SphinxDirective):
    """The place for the links."""

    def run(self) -> list[nodes.Node]:
        """Return the empty place."""
        return [nodes.raw("", place(get_translation(CATALOGUE)), format="html")]


def place(translate) -> str:
    """Return the place for the links, with the words that will be needed."""
    data = " ".join(f'data-{key}="{escape(translate(WORDS[key]))}"' for key in ("offer", *FILES, "missing"))
    return f'<div class="downloads" {data}></div>'


def fill(site: Path) -> None:
    """Copy the files beside a finished site into it, and link them from the places for them."""
    made = site.parent / "download"
    found = {kind: made / name for kind, name in FILES.items() if (made / name).is_file()}
    shutil.rmtree(site / "downloads", ignore_errors=True)
    for path in found.values():
        (site / "downloads").mkdir(exist_ok=True)
        shutil.copy2(path, site / "downloads" / path.name)
    for page in site.rglob("*.html"):
        html = page.read_text("utf-8")
        if '<div class="downloads"' in html:
            root = "../" * (len(page.relative_to(site).parts) - 1)
            filled = PLACE.sub(lambda match, root=root: _filled(match.group(1), found, root), html)
            if filled != html:
                page.write_text(filled, "utf-8")


def _filled(attributes: str, found: dict[str, Path], root: str) -> str:
    words = {key: unescape(text) for key, text in _DATA.findall(attributes)}
    links = []
    for kind, path in found.items():
        facts = {"size": f"{path.stat().st_size / 1e6:.1f}", **facts_of(path)}
        text = escape(words[kind].format_map(facts))
        links.append(f'<a href="{root}downloads/{path.name}" download>{text}</a>')
    says = f"{escape(words['offer'])} {' · '.join(links)}" if links else escape(words["missing"])
    return f'<div class="downloads"{attributes}><p>{says}</p></div>'


def facts_of(path: Path) -> dict:
    """Return what is known of a file, by the record beside it; nothing, if there is none."""
    record = path.parent / RECORD
    return json.loads(record.read_text("utf-8")).get(path.name, {}) if record.is_file() else {}


def extract(app: Sphinx) -> None:
    """Hand the words to the translators."""
    if app.builder.name == "gettext":
        for line, text in enumerate(WORDS.values(), start=1):
            origin = SimpleNamespace(source=__file__, line=line, uid=f"downloads-{line}")
            app.builder.catalogs[CATALOGUE].add(text, origin)


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Fill the places of a finished HTML site."""
    if exception is None and app.builder.name == "html":
        fill(Path(app.outdir))


def setup(app: Sphinx) -> dict:
    """Register the directive and the end of the build."""
    app.add_directive("downloads", Downloads)
    app.add_message_catalog(CATALOGUE, str(Path(app.srcdir, "book", "locales")))
    app.connect("builder-inited", extract, priority=400)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
