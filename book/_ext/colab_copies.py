"""Make copies of the chapters that run on Colab, where neither this repository nor its package is installed.

A copy is the chapter with one cell before it, which fetches the repository and goes to the chapter's folder. The copies
lie beside the site in ``_build/colab``; the workflow ``book.yml`` pushes them to the branch ``colab``, to which the
button of each chapter leads. The notebooks of the main branch keep clear of such cells.
"""

from pathlib import Path

import nbformat
from sphinx.application import Sphinx

BRANCH = "colab"
CELL = """\
# Only for Colab: fetch the course, and work in the folder of this chapter.
!git clone --quiet --depth 1 {repository} /content/course
%cd -q /content/course/{folder}
import sys

sys.path.insert(0, "/content/course")"""


def colab_copy(notebook: nbformat.NotebookNode, folder: str, repository: str) -> nbformat.NotebookNode:
    """Return a notebook with the cell before it that fetches the course.

    Parameters
    ----------
    notebook : NotebookNode
    folder : str
        The chapter's folder in the repository.
    repository : str
        The address from which git clones it.
    """
    source = CELL.format(repository=repository, folder=folder)
    copy = nbformat.from_dict(notebook)
    copy.cells = [nbformat.v4.new_code_cell(source, id="only-for-colab"), *notebook.cells]
    return copy


def lead_to_copy(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Turn the page's Colab button towards the copy."""
    branch = app.config.html_theme_options.get("repository_branch", "main")
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if "://colab." in button.get("url", ""):
                button["url"] = button["url"].replace(f"/blob/{branch}/", f"/blob/{BRANCH}/")


def write_copies(app: Sphinx, exception: Exception | None) -> None:
    """Write the copy of each chapter of a finished HTML site."""
    if exception is not None or app.builder.name != "html":
        return
    for page in sorted(app.env.found_docs):
        path = Path(app.srcdir, f"{page}.ipynb")
        if path.is_file():
            copy = colab_copy(
                nbformat.read(path, as_version=4),
                Path(page).parent.as_posix(),
                app.config.html_theme_options["repository_url"],
            )
            target = Path(app.outdir).parent / "colab" / f"{page}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(copy, target)


def setup(app: Sphinx) -> dict:
    """Connect to the writing of a page, after the theme has made its buttons, and to the end of the build."""
    app.connect("html-page-context", lead_to_copy, priority=950)
    app.connect("build-finished", write_copies)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
