"""Mark the line behind an equation that names its function and its test, so that it can be set small.

It is the paragraph that begins with emphasis, a space and code: ``*In code:* `Dense.forward`; *held by:* …``.
"""

from docutils import nodes
from sphinx.application import Sphinx


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """Give these paragraphs the class ``held-by``."""
    for paragraph in doctree.findall(nodes.paragraph):
        kinds = [type(child) for child in paragraph.children[:3]]
        if kinds == [nodes.emphasis, nodes.Text, nodes.literal] and paragraph[1].astext() == " ":
            paragraph["classes"].append("held-by")


def setup(app: Sphinx) -> dict:
    """Mark them once a page is read."""
    app.connect("doctree-read", mark)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
