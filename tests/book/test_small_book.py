"""A small book, built with the settings of ours: translation, formulas, new outputs, failures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
NOTEBOOK = "page.ipynb"
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><path d="M0 0h4"/></svg>'
INDEX = """
# The first heading

A paragraph about pixels that is long enough to be one.

```{figure} boat.svg
:alt: A boat of pixels
:name: fig-boat

The caption of a drawing
```
"""
PAGE = """
# A page

A note.[^a] {numref}`fig-line` and {ref}`ex-hits` and $\\\\frac{a}{b}$.

[^a]: The text of the footnote.

:::{exercise} Count the hits
:label: ex-hits
Do it.
:::

:::{solution} ex-hits
Done.
:::

:::{question}
Which way is *up*?

To the left
: No. That is a side.

Away from the ground
: Yes. With `gravity` against it.
:::
"""


def figure_cell() -> nbformat.NotebookNode:
    """Return a cell that shows an image, with caption and alt text."""
    output = nbformat.v4.new_output("display_data", {"image/svg+xml": DRAWING, "text/plain": "<Figure>"})
    figure = {"figure": {"caption": "The message of the figure", "name": "fig-line"}}
    metadata = {"mystnb": figure | {"image": {"alt": "A line that rises"}}}
    return nbformat.v4.new_code_cell("plot()", outputs=[output], metadata=metadata, execution_count=1)


@pytest.fixture
def book(tmp_path) -> Path:
    """Write a book of two pages with the settings of ours."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    for key in ("logo", "launch_buttons", "html"):
        del config[key]
    config["execute"]["execute_notebooks"] = "off"
    config["execute"]["cache"] = str(tmp_path / "cache")
    config["bibtex_bibfiles"] = ["references.bib"]
    sphinx = config["sphinx"]
    sphinx["local_extensions"] = {name: str(ROOT / path) for name, path in sphinx["local_extensions"].items()}
    sphinx["config"]["templates_path"] = [str(ROOT / "book" / "_templates")]
    sphinx["config"]["html_static_path"] = [str(ROOT / "book" / "_static")]
    sphinx["config"]["locale_dirs"] = ["locales"]
    parts = [{"caption": "The first part", "chapters": [{"file": "page", "title": "A shorter title"}]}]
    toc = {"format": "jb-book", "root": "index", "parts": parts}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(PAGE.replace("\\\\", "\\")), figure_cell()]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), "utf-8")
    (tmp_path / "references.bib").touch()
    (tmp_path / "index.md").write_text(INDEX, "utf-8")
    (tmp_path / "boat.svg").write_text(DRAWING, "utf-8")
    try:
        (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    except OSError:  # Windows asks for a right that not everybody has
        shutil.copytree(ROOT / "node_modules", tmp_path / "node_modules")
    nbformat.write(notebook, tmp_path / NOTEBOOK)
    return tmp_path


def build(book: Path, *options: str) -> subprocess.CompletedProcess:
    """Build the book with warnings as errors and return how that ended."""
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", ".", "-W", "-n", "--keep-going", *options]
    environment = os.environ | {"NO_COLOR": "1"}
    return subprocess.run(command, cwd=book, capture_output=True, text=True, timeout=300, env=environment)


def extract(book: Path) -> dict[str, str]:
    """Extract what is to be translated, as `make gettext` does, and return the catalogue of each page."""
    done = build(
        book, "--path-output", "_build/gettext", "--builder", "custom", "--custom-builder", "gettext"
    )
    assert done.returncode == 0, done.stderr
    return {path.stem: path.read_text("utf-8") for path in book.glob("_build/gettext/_build/gettext/*.pot")}


def test_everything_that_a_reader_reads_is_extracted(book):
    catalogues = extract(book)
    for page, words in [
        ("index", "The first heading"),
        ("index", "A paragraph about pixels that is long enough to be one."),
        ("index", "The caption of a drawing"),
        ("index", "A boat of pixels"),
        ("index", "The first part"),
        ("index", "A shorter title"),
        ("page", "A page"),
        ("page", "The text of the footnote."),
        ("page", "Count the hits"),
        ("page", "The message of the figure"),
        ("page", "A line that rises"),
        ("page", "Which way is *up*?"),
        ("page", "Away from the ground"),
        ("page", "Yes. With `gravity` against it."),
    ]:
        assert f'msgid "{words}"' in catalogues[page], (page, words)


def translate(book: Path, page: str, translations: dict[str, str]) -> None:
    """Write a Chinese catalogue for a page."""
    entries = [
        (json.dumps(k, ensure_ascii=False), json.dumps(v, ensure_ascii=False))
        for k, v in translations.items()
    ]
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    folder = book / "locales" / "zh_CN" / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    body = "".join(f"\nmsgid {source}\nmsgstr {target}\n" for source, target in entries)
    (folder / f"{page}.po").write_text(head + body, "utf-8")


def test_a_translation_reaches_the_page(book):
    note = "A note.[^a] {numref}`fig-line` and {ref}`ex-hits` and $\\frac{a}{b}$."
    translate(
        book,
        "index",
        {"The first heading": "第一标题", "The first part": "第一部分", "A shorter title": "短标题"},
    )
    translate(
        book,
        "page",
        {
            "Count the hits": "数一数",
            "The message of the figure": "图的意思",
            "A line that rises": "一条上升的线",
            "To the left": "向左",
            "Yes. With `gravity` against it.": "对。与 `gravity` 相反。",
            note: note.replace("A note.", "注。"),
        },
    )
    config = yaml.safe_load((book / "_config.yml").read_text("utf-8"))
    config["sphinx"]["config"]["language"] = "zh_CN"
    (book / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")
    done = build(book)
    assert done.returncode == 0, done.stderr
    index = (book / "_build" / "html" / "index.html").read_text("utf-8")
    page = (book / "_build" / "html" / "page.html").read_text("utf-8")
    assert all(words in index for words in ("第一标题", "第一部分", "短标题"))
    assert "The first part" not in index and "A shorter title" not in index
    assert page.count("数一数") >= 2, "the exercise, and the solution that repeats its title"
    assert "Count the hits" not in page
    assert "图的意思" in page and 'alt="一条上升的线"' in page
    assert "<summary>向左</summary>" in page and "Yes. With" not in page
    right = page[page.index('class="choice right"') :]
    assert "对。与" in right, "the right choice is known before its explanation is translated"
    assert "注。" in page and "[^a]" not in page and "footnote-reference" in page


def test_formulas_are_set_and_a_bad_one_fails_the_build(book):
    done = build(book)
    assert done.returncode == 0, done.stderr
    assert "<mfrac>" in (book / "_build" / "html" / "page.html").read_text("utf-8")
    (book / "index.md").write_text(INDEX + "\n$\\muu$\n", "utf-8")
    for _ in range(2):
        done = build(book)
        assert done.returncode != 0, "it failed before, and nothing was mended"
        assert "index.md:13" in done.stderr and "Undefined control sequence: \\muu" in done.stderr


def test_a_question_with_two_right_choices_fails_the_build(book):
    lesson = nbformat.read(book / NOTEBOOK, as_version=4)
    lesson.cells[0].source = lesson.cells[0].source.replace(": No. That", ": Yes. That")
    nbformat.write(lesson, book / NOTEBOOK)
    done = build(book)
    assert done.returncode != 0 and "needs one choice explained by 'Yes. …'" in done.stderr


def test_new_outputs_reach_the_page_of_an_unchanged_notebook(book):
    (book / "cache").mkdir()
    fingerprints = book / "cache" / "fingerprints.json"
    fingerprints.write_text('{"page": "1"}')
    assert "2 added" in build(book).stdout
    assert "0 added, 0 changed" in build(book).stdout
    fingerprints.write_text('{"page": "2"}')
    assert "0 added, 1 changed" in build(book).stdout


def test_a_failing_chapter_fails_the_build(book):
    config = yaml.safe_load((book / "_config.yml").read_text("utf-8"))
    config["execute"]["execute_notebooks"] = "cache"
    (book / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    done = build(book)  # the notebook calls a function that nobody defined
    assert done.returncode != 0
    assert NOTEBOOK in done.stderr and "NameError" in done.stderr
