"""Part 3 states each formula once, with a label, and names the function and the test that hold it.

Behind equations stands `*In code:* names; *held by:* tests.`; the docstring of each function names the label.
"""

import ast
import importlib
import re

import pytest
from notebooks import CHAPTERS, code_cells, read

from utils import numpy_nn
from utils.runs import ROOT

ALGORITHMS = [chapter for chapter in CHAPTERS if "/3_algorithms/" in chapter]
each_algorithm = pytest.mark.parametrize("chapter", ALGORITHMS)
FORMULA = re.compile(r"^\$\$\n.*?^\$\$(?: \((?P<label>[\w-]+)\))?", re.S | re.M)
HELD = re.compile(
    r"^\*In code:\* (?P<names>`.+?`(?:, `.+?`)*); \*held by:\* (?P<tests>`.+?`(?:,\s`.+?`)*)\.$", re.M
)
TESTS = {
    f"{path.name}::{node.name}"
    for path in (ROOT / "tests").rglob("test_*.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef)
}


def held(chapter):
    """Yield each equation of a chapter: its label, the functions that compute it and the tests that hold it."""
    for cell in read(chapter).cells:
        if cell.cell_type != "markdown":
            continue
        lines = list(HELD.finditer(cell.source))
        for formula in FORMULA.finditer(cell.source):
            assert formula["label"], f"{cell.id}: a formula without a label: {formula[0][:60]}"
            behind = next((line for line in lines if line.start() > formula.end()), None)
            assert behind, f"{cell.id}: {formula['label']} names no function and no test"
            yield formula["label"], names_in(behind["names"]), names_in(behind["tests"])


def names_in(text):
    return re.findall(r"`([^`]+)`", text)


def docstrings_of_chapter(chapter):
    """Return the docstrings of what the cells tagged `define` define, methods as Class.method."""
    found = {}
    for cell in code_cells(read(chapter), "define"):
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[node.name] = ast.get_docstring(node) or ""
                for method in node.body if isinstance(node, ast.ClassDef) else ():
                    if isinstance(method, ast.FunctionDef):
                        found[f"{node.name}.{method.name}"] = ast.get_docstring(method) or ""
    return found


def docstring(name, chapter):
    """Return the docstring of a function that an equation names: what the chapter defines, and the package's copy."""
    own = docstrings_of_chapter(chapter)
    first, *rest = name.split(".")
    place = numpy_nn
    if not hasattr(numpy_nn, first):
        if name in own:
            return own[name]
        place = importlib.import_module(f"utils.{first}")
    else:
        rest = [first, *rest]
    for part in rest:
        place = getattr(place, part)
    return own.get(name, "") + (place.__doc__ or "")


def test_part_3_has_its_chapters():
    topics = [chapter.rsplit("/", 1)[1] for chapter in ALGORITHMS]
    assert topics == [
        "cnn_forward",
        "cnn_backward",
        "transformer_mathematics",
        "transformer_from_parts",
        "optimisers",
    ]


@each_algorithm
def test_each_equation_names_its_function_and_its_test(chapter):
    labels = []
    for label, names, tests in held(chapter):
        assert label.startswith("eq-"), label
        labels.append(label)
        for name in names:
            assert f"`{label}`" in docstring(name, chapter), f"the docstring of {name} does not name {label}"
        for test in tests:
            assert test in TESTS, f"{label} names {test}, which is no test"
    assert len(labels) == len(set(labels)) >= 5


def test_each_equation_that_the_package_names_stands_in_the_book():
    stated = {label for chapter in ALGORITHMS for label, _, _ in held(chapter)}
    named = {
        label: path.name
        for path in (ROOT / "utils" / "numpy_nn").glob("*.py")
        for label in re.findall(r"`(eq-[a-z0-9-]+)`", path.read_text(encoding="utf-8"))
    }
    assert {label: name for label, name in named.items() if label not in stated} == {}
