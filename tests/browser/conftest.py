"""Chromium and a server for the built site.

Where there is no Chromium (`scripts/chromium.py` says which is taken), these tests are skipped, or fail when
COURSE_REQUIRE_BROWSER=1 says that there has to be one.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from chromium import ARGUMENTS, find_chromium  # noqa: E402
from served_site import NO_SITE, SITE, served  # noqa: E402


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Start Chromium without any network but this machine; skip, or fail, where there is none."""
    path = find_chromium()
    if path is None:
        message = "these tests need Chromium: on Debian and Ubuntu, apt-get install chromium"
        if os.environ.get("COURSE_REQUIRE_BROWSER") == "1":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Serve the built site on this machine and return the address of its root."""
    if not (SITE / "index.html").is_file():
        pytest.fail(NO_SITE.format(SITE.relative_to(ROOT)), pytrace=False)
    with served(SITE) as root:
        yield root


def pytest_generate_tests(metafunc) -> None:
    """Give a test that asks for ``page_name`` each page that _toc.yml lists, the index of terms and the search page."""
    if "page_name" in metafunc.fixturenames:
        import yaml

        toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
        names = [
            toc["root"],
            *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"]),
            "genindex",
            "search",
        ]
        metafunc.parametrize("page_name", [f"{name}.html" for name in names])
