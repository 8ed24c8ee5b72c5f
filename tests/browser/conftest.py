"""Chromium and a server for the built site.

Where there is no Chromium (`scripts/chromium.py` says which is taken), these tests are skipped, or fail when
COURSE_REQUIRE_BROWSER=1 says that there has to be one.
"""

import functools
import gzip
import http.server
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
sys.path.insert(0, str(ROOT / "scripts"))

from chromium import ARGUMENTS, find_chromium  # noqa: E402


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


class CompressingHandler(http.server.SimpleHTTPRequestHandler):
    """Serve text compressed, as web servers do, and say nothing on the terminal."""

    def log_message(self, *args) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Send one file."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        kind, content = self.guess_type(str(path)), path.read_bytes()
        self.send_response(200)
        if kind.startswith("text/") or kind.split("/")[1].split("+")[-1] in ("javascript", "json", "xml"):
            content = gzip.compress(content, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Serve the built site on this machine and return the address of its root."""
    if not (SITE / "index.html").is_file():
        pytest.fail("there is no _build/html/index.html: run `make book` first", pytrace=False)
    handler = functools.partial(CompressingHandler, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def pytest_generate_tests(metafunc) -> None:
    """Give a test that asks for ``page_name`` each page that _toc.yml lists, and the search page."""
    if "page_name" in metafunc.fixturenames:
        import yaml

        toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
        names = [
            toc["root"],
            *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"]),
            "search",
        ]
        metafunc.parametrize("page_name", [f"{name}.html" for name in names])
