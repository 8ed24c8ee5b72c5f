"""The index: where each chapter first uses a term of the glossary, beside the place that explains it.

Under a term stand the titles of the chapters. Terms that begin with a Chinese character stand together, under one heading.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

BEFORE_THE_INDEX_IS_READ = 800
CHINESE = re.compile("[\u4e00-\u9fff]")


class IndexTerms(SphinxTransform):
    """Add an entry at the first link to each term on a page; put the Chinese terms of the glossary under one heading."""

    default_priority = BEFORE_THE_INDEX_IS_READ

    def apply(self, **kwargs) -> None:
        """Change the entries that the glossary made, or add those of another page."""
        if next(self.document.findall(addnodes.glossary), None) is None:
            self._add_first_uses()
        for index in self.document.findall(addnodes.index):
            index["entries"] = [
                (kind, term, place, main, "中文" if CHINESE.match(term) else key)
                for kind, term, place, main, key in index["entries"]
            ]

    def _add_first_uses(self) -> None:
        title = next(self.document.findall(nodes.title), nodes.title()).astext().replace(";", ",")
        seen = set()
        for link in list(self.document.findall(addnodes.pending_xref)):
            term = link.get("reftarget", "")
            if link.get("reftype") == "term" and term.lower() not in seen:
                seen.add(term.lower())
                place = f"term-use-{len(seen)}"
                entry = addnodes.index(entries=[("single", f"{term}; {title}", place, "", None)])
                link.parent.insert(link.parent.index(link), [entry, nodes.target("", "", ids=[place])])


def setup(app: Sphinx) -> dict:
    """Register the transform."""
    app.add_transform(IndexTerms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
