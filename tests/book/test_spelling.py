"""No word that is known to be misspelt, in the pages, in the code and in what surrounds it."""

import subprocess
import sys
from pathlib import Path

import pytest
from test_contents import CHAPTERS, TOC, source, text_of

ROOT = Path(__file__).parents[2]
NOT_WORDS = "nd,fpr,te,ans,mis,mape,hart"  # axes, rates, abbreviations and a name


def misspelt(*paths: Path | str) -> str:
    """Return what codespell finds in files and folders, one line for each word."""
    command = [
        sys.executable,
        "-m",
        "codespell_lib",
        "--skip",
        "package-lock.json,node_modules",
        "--ignore-words-list",
        NOT_WORDS,
        *map(str, paths),
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout


def test_it_notices_a_word(tmp_path):
    wrong = "rec" + "ieve"  # or this line would be found
    (tmp_path / "page.md").write_text(f"We {wrong} a picture.")
    assert f"{wrong} ==> receive" in misspelt(tmp_path)


@pytest.mark.parametrize(
    "what", ["utils", "scripts", "tests", "book/_ext", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
)
def test_code_and_its_surroundings(what):
    assert misspelt(what) == ""


def test_pages(tmp_path):
    for name in [TOC["root"], *CHAPTERS]:
        if path := source(name):
            (tmp_path / f"{name.replace('/', '_')}.txt").write_text(text_of(path), "utf-8")
    assert misspelt(tmp_path) == ""
