"""The executor: what makes a chapter stale, and what happens when one fails."""

import json
import subprocess
import sys

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from utils.runs import ROOT

TOC = {"root": "index", "parts": [{"chapters": [{"file": "chapters/good"}, {"file": "chapters/bad"}]}]}


@pytest.fixture
def book(tmp_path):
    """Make a book of two little chapters; `good` uses utils.tool and results/run.json."""
    for folder in ("scripts", "utils", "results", "chapters"):
        (tmp_path / folder).mkdir()
    (tmp_path / "scripts/execute.py").write_text((ROOT / "scripts/execute.py").read_text())
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(TOC))
    (tmp_path / "requirements.lock").write_text("numpy==1\n")
    (tmp_path / "results/run.json").write_text("{}")
    (tmp_path / "utils/__init__.py").write_text("")
    (tmp_path / "utils/other.py").write_text("ONE = 1\n")
    (tmp_path / "utils/deep.py").write_text("TWO = 2\n")
    (tmp_path / "utils/tool.py").write_text("from utils import deep\n")
    write(tmp_path, "good", "if False:\n    from utils import tool\n    load_result('run')", "print('hello')")
    write(tmp_path, "bad", "1 + 1", "1 / 0")
    return tmp_path


def write(book, name, *sources):
    cells = [new_code_cell(source, id=f"{name}-{i}") for i, source in enumerate(sources)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), book / f"chapters/{name}.ipynb")


def execute(book, *arguments):
    return subprocess.run(
        [sys.executable, "scripts/execute.py", *arguments],
        cwd=book,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_failure_names_chapter_cell_and_traceback_and_keeps_the_work_of_the_others(book):
    first = execute(book)
    assert first.returncode == 1 and "1 executed, 1 failed" in first.stdout
    assert "chapters/bad, cell 2 ('bad-1')" in first.stderr and "ZeroDivisionError" in first.stderr
    write(book, "bad", "1 + 1")
    second = execute(book)
    assert second.returncode == 0 and "1 chapters up to date, 1 executed, 0 failed" in second.stdout
    assert "2 chapters up to date, 0 executed, 0 failed" in execute(book).stdout


def test_a_kernel_that_dies_is_named_with_its_last_words(book):
    words = "import os, sys\nprint('out of memory', file=sys.__stderr__, flush=True)\nos._exit(1)"
    write(book, "bad", "1 + 1", words)
    result = execute(book)
    assert result.returncode == 1 and "1 executed, 1 failed" in result.stdout
    assert "chapters/bad, cell 2 ('bad-1')" in result.stderr and "Kernel died" in result.stderr
    assert "out of memory" in result.stderr.split("The end of what its kernel wrote:")[1]


@pytest.mark.parametrize(
    "path, stale",
    [
        ("utils/tool.py", True),
        ("utils/deep.py", True),
        ("utils/other.py", False),
        ("results/run.json", True),
        ("requirements.lock", True),
    ],
)
def test_what_a_chapter_uses_makes_it_stale(book, path, stale):
    assert execute(book, "chapters/good").returncode == 0
    with (book / path).open("a") as file:
        file.write("\n")
    word = "1 executed" if stale else "0 executed"
    assert word in execute(book, "chapters/good").stdout


def test_outputs_are_stored_only_when_asked_for(book):
    path = book / "chapters/good.ipynb"
    before = path.read_bytes()
    execute(book, "chapters/good")
    assert path.read_bytes() == before
    execute(book, "chapters/good.ipynb", "--outputs")
    notebook = json.loads(path.read_text())
    assert notebook["cells"][1]["outputs"][0]["text"] == ["hello\n"]
    assert [cell["execution_count"] for cell in notebook["cells"]] == [1, 2]
    assert "execution" not in notebook["cells"][1]["metadata"]


def test_an_unknown_chapter_is_refused_with_the_known_ones(book):
    result = execute(book, "chapters/none")
    assert (
        result.returncode == 2 and "not in _toc.yml: chapters/none; there are: chapters/good" in result.stderr
    )
