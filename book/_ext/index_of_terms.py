"""Put into the index where each chapter first uses a term of the glossary, beside the place that explains it."""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

BEFORE_THE_INDEX_IS_READ = 800


class IndexFirstUses(SphinxTransform):
    """Add an entry of the index at the first link to each term on a page; the glossary itself has them already."""

    default_priority = BEFORE_THE_INDEX_IS_READ

    def apply(self, **kwargs) -> None:
        """Add the entries, each with a place on the page to lead to."""
        if next(self.document.findall(addnodes.glossary), None) is not None:
            return
        seen = set()
        for link in list(self.document.findall(addnodes.pending_xref)):
            term = link.get("reftarget", "")
            if link.get("reftype") == "term" and term.lower() not in seen:
                seen.add(term.lower())
                place = f"term-use-{len(seen)}"
                entry = addnodes.index(entries=[("single", term, place, "", None)])
                link.parent.insert(link.parent.index(link), [entry, nodes.target("", "", ids=[place])])


def setup(app: Sphinx) -> dict:
    """Register the transform."""
    app.add_transform(IndexFirstUses)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
