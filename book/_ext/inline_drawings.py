"""Put our SVG drawings into the page itself, so that they follow its light or dark colours and its width.

An SVG in an ``<img>`` does not see the page's style. So an image of the class ``drawing`` is replaced by
the drawing's own text; its alt text becomes the drawing's label. When ``NAME.narrow.svg`` lies beside
``NAME.svg``, both go into the page, and the style sheet shows the one that fits. Other builders and code
hosts keep the plain image.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def inline(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace each image of the class ``drawing`` in an HTML page."""
    if app.builder.format != "html":
        return
    for image in list(doctree.findall(nodes.image)):
        if "drawing" in image["classes"]:
            source = Path(app.srcdir, image["candidates"]["*"])
            image.replace_self(nodes.raw("", drawing_html(source, image.get("alt", "")), format="html"))


def drawing_html(source: Path, alt: str) -> str:
    """Return the drawing, and its narrow companion if there is one, as HTML."""
    narrow = source.with_suffix(".narrow.svg")
    if not narrow.is_file():
        return _svg(source, alt, "drawing")
    return _svg(source, alt, "drawing drawing-wide") + _svg(narrow, alt, "drawing drawing-narrow")


def _svg(path: Path, alt: str, classes: str) -> str:
    text = re.sub(r"<\?xml.*?\?>|<!--.*?-->", "", path.read_text("utf-8"), flags=re.DOTALL).strip()
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" class="{classes}" ', 1)


def setup(app: Sphinx) -> dict:
    """Connect to the moment at which all references of a page are known."""
    app.connect("doctree-resolved", inline)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
