"""The executor: what makes a chapter stale, and what happens when one fails."""

import json
import os
import signal
import subprocess
import sys
import time

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
    (tmp_path / "scripts/execute.py").write_text((ROOT / "scripts/execute.py").read_text("utf-8"), "utf-8")
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(TOC))
    (tmp_path / "requirements.lock").write_text("numpy==1\n")
    (tmp_path / "results/run.json").write_text("{}")
    (tmp_path / "utils/__init__.py").write_text("")
    (tmp_path / "utils/other.py").write_text("ONE = 1\n")
    (tmp_path / "utils/deep.py").write_text("TWO = 2\n")
    (tmp_path / "utils/tool.py").write_text("from utils import deep\n")
    write(tmp_path, "good", "if False:\n    from utils import tool\n    load_result('run')", "print('hello')")
    write(tmp_path, "bad", "1 + 1", "1 / 0", "never = 1")
    return tmp_path


def write(book, name, *sources, kernel="python3"):
    """Write a chapter as it is committed: with the counts of an earlier run."""
    cells = [
        new_code_cell(source, id=f"{name}-{i}", execution_count=i + 1) for i, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": kernel}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), book / f"chapters/{name}.ipynb")


def execute(book, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "scripts/execute.py", *arguments],
        cwd=book,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
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
    "sources, kernel, words",
    [
        (("1 + 1", "x = (1,"), "python3", "cell 2 ('bad-1')"),
        (("1 + 1",), "a-kernel-of-my-own", "before its first cell"),
    ],
)
def test_a_chapter_that_cannot_run_is_named_and_harms_no_other(book, sources, kernel, words):
    write(book, "bad", *sources, kernel=kernel)
    result = execute(book)
    assert result.returncode == 1 and "1 executed, 1 failed" in result.stdout
    assert f"chapters/bad, {words}" in result.stderr
    assert "1 chapters up to date" in execute(book, "chapters/good").stdout


def test_chapters_run_two_at_a_time_and_the_bar_names_them_and_the_time_that_is_left(book):
    meet = "import pathlib, time\npathlib.Path('{}').touch()\nend = time.time() + 20\n"
    meet += "while not pathlib.Path('{}').exists():\n    assert time.time() < end\n    time.sleep(0.1)"
    write(book, "good", meet.format("a", "b"))
    write(book, "bad", meet.format("b", "a"))
    result = execute(book)
    assert result.returncode == 0, result.stderr
    assert "good + bad, about 30 s left" in result.stderr


def test_an_interrupt_ends_soon_and_keeps_what_was_done(book):
    write(book, "bad", "import time", "time.sleep(300)")
    process = subprocess.Popen(
        [sys.executable, "scripts/execute.py"],
        cwd=book,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a process started in the background inherits that interrupts are ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    fingerprints = book / ".cache/jupyter/fingerprints.json"
    end = time.monotonic() + 60
    while not fingerprints.exists() and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)  # a busy machine ends slowly, too
    assert process.returncode == 130 and "the chapters that were done are kept" in errors
    assert set(json.loads(fingerprints.read_text())) == {"chapters/good"}


def test_a_readers_environment_changes_no_outputs(book):
    write(book, "good", "import os\nprint(os.environ.get('MPLBACKEND'), os.environ['KERAS_BACKEND'])")
    execute(book, "chapters/good", "--outputs", MPLBACKEND="Agg", KERAS_BACKEND="torch")
    notebook = json.loads((book / "chapters/good.ipynb").read_text())
    inline = "module://matplotlib_inline.backend_inline"
    assert notebook["cells"][0]["outputs"][0]["text"] == [f"{inline} tensorflow\n"]


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


@pytest.mark.parametrize(
    "source, stale",
    [("load_result('run')", True), ("load_result('other')", False), ("load_result(name)", True)],
)
def test_a_result_counts_wherever_and_however_it_is_named(book, source, stale):
    """In a module of utils as in a chapter; if the name is computed, every result may be meant."""
    write(book, "good", "if False:\n    from utils import tool")
    (book / "utils/deep.py").write_text(f"def f(name):\n    return {source}\n")
    assert execute(book, "chapters/good").returncode == 0
    (book / "results/run.json").write_text("[]")
    assert ("1 executed" if stale else "0 executed") in execute(book, "chapters/good").stdout


def test_a_list_of_the_book_counts_and_the_findings_bring_the_stored_numbers_of_all_notebooks(book):
    (book / "book").mkdir()
    (book / "chapters/1_part").mkdir()
    for path in ("book/claims.yml", "book/findings.yml", "chapters/1_part/page.ipynb"):
        (book / path).write_text("1")
    for name, path, word in [
        ("claims", "book/claims.yml", "1 executed"),
        ("claims", "chapters/1_part/page.ipynb", "0 executed"),
        ("findings", "book/findings.yml", "1 executed"),
        ("findings", "chapters/1_part/page.ipynb", "1 executed"),
    ]:
        write(book, "good", f"path = 'book/{name}.yml'")
        assert execute(book, "chapters/good").returncode == 0
        (book / path).write_text((book / path).read_text() + "1")
        assert word in execute(book, "chapters/good").stdout, path


def test_a_tag_and_the_code_of_a_cell_make_a_chapter_stale_but_not_its_text(book):
    execute(book, "chapters/good")
    path = book / "chapters/good.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("more text"))
    nbformat.write(notebook, path)
    assert "0 executed" in execute(book, "chapters/good").stdout
    notebook.cells[0].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)
    assert "1 executed" in execute(book, "chapters/good").stdout


def test_outputs_are_stored_once_whatever_an_editor_calls_the_kernel(book):
    path = book / "chapters/good.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec.display_name = "Python 3 (ipykernel)"
    nbformat.write(notebook, path)
    execute(book, "chapters/good", "--outputs")
    before = path.read_bytes()
    assert "0 executed" in execute(book, "chapters/good", "--outputs").stdout
    assert path.read_bytes() == before


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
