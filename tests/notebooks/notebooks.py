"""The chapters, as the tests of this folder read them."""

import re
import sys

import nbformat
import pytest

from utils.runs import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from execute import chapters_of_the_book

CHAPTERS = chapters_of_the_book()
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def read(chapter: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / f"{chapter}.ipynb", as_version=4)


def code_cells(notebook: nbformat.NotebookNode, tag: str | None = None) -> list[nbformat.NotebookNode]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", [])]


def text_of(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def solutions(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the Python of every `{solution}` by the label of its exercise."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (match := re.search(r"\{solution\} ([\w-]+)", cell.source)):
            found[match[1]] = "\n".join(re.findall(r"```python\n(.*?)```", cell.source, re.S))
    return found
