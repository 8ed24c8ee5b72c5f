"""Chromium and a server for the built site.

Debian's package is ``chromium``; another one is named by the variable COURSE_CHROMIUM. Where there is none,
these tests are skipped, or fail when COURSE_REQUIRE_BROWSER=1 says that there has to be one.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from served_site import ARGUMENTS, NO_CHROMIUM, NO_SITE, SITE, find_chromium, served  # noqa: E402


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Start Chromium without any network but this machine; skip, or fail, where there is none."""
    path = find_chromium()
    if path is None:
        if os.environ.get("COURSE_REQUIRE_BROWSER") == "1":
            pytest.fail(NO_CHROMIUM, pytrace=False)
        pytest.skip(NO_CHROMIUM)
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
