"""The built site, for the tests that read it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site; fail with what to do when there is none."""
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").is_file():
        pytest.fail("there is no _build/html/index.html: run `make book` first", pytrace=False)
    return folder
