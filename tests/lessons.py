"""What the chapters write out, for the tests that compare it with the package's copies."""

import ast
from collections.abc import Iterable

import nbformat

from utils.runs import ROOT


def written_out(chapter: str, names: Iterable[str] | None = None, **scope) -> dict[str, object]:
    """Return what the cells tagged `define` of a chapter define, by name.

    Parameters
    ----------
    chapter : str
        Its path below `chapters`, without suffix.
    names : iterable of str, optional
        Only the cells that define a function or a class of these names.
    scope
        What the cells need to be there, such as `np=numpy`.
    """
    for cell in nbformat.read(ROOT / f"chapters/{chapter}.ipynb", as_version=4).cells:
        if "define" in cell.metadata.get("tags", []):
            defined = {getattr(node, "name", "") for node in ast.parse(cell.source).body}
            if names is None or defined & set(names):
                exec(cell.source, scope)
    return scope
