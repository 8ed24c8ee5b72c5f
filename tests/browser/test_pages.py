"""The pages as a reader meets them: from a server and from a file, wide and narrow, light and dark."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from opened_pages import opened

pytestmark = [pytest.mark.browser, pytest.mark.site]

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
BUDGET = 256 * 1024  # bytes sent for a page with everything that it loads


def is_elsewhere(url: str) -> bool:
    """Return whether an address asks another machine."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1"


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_page_is_complete_without_any_other_host(browser, address, page_name, scheme):
    url = f"{address if scheme == 'http' else SITE.as_uri() + '/'}{page_name}"
    with opened(browser, url) as page:
        assert [request for request in page.requested if is_elsewhere(request)] == []
        assert page.errors == []
        assert page.evaluate("document.querySelectorAll('.math:not(:has(.katex-html))').length") == 0
        assert (
            page.evaluate("[...document.images].filter((image) => !image.naturalWidth).map((i) => i.src)")
            == []
        )
        assert page.evaluate("[...document.fonts].filter((font) => font.status == 'error').length") == 0
        if scheme == "http":
            assert sum(page.sent.values()) <= BUDGET


OUTSIDE = """[...document.querySelectorAll('main *')].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1) return false;
  for (let around = element; around; around = around.parentElement) {
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(around).overflowX)) return false;
  }
  return true;
}).map((element) => element.outerHTML.slice(0, 80))"""
STUCK = """[...document.querySelectorAll('.katex-display')].filter(
  (box) => box.scrollWidth > box.clientWidth + 1 && box.tabIndex != 0
).length"""


def test_page_fits_on_a_phone(browser, address, page_name):
    with opened(browser, address + page_name, width=320) as page:
        assert page.evaluate(STUCK) == 0, "the keyboard does not reach a formula that scrolls"
        for width in (320, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(OUTSIDE) == [], width


def test_search_finds_a_word_in_the_glossary(browser, address):
    with opened(browser, f"{address}search.html?q=overfitting") as page:
        page.wait_for_selector("ul.search li a", timeout=20_000)
        found = page.evaluate("[...document.querySelectorAll('ul.search li > a')].map((link) => link.href)")
        assert any("book/glossary.html" in link for link in found)


def test_search_says_when_it_finds_nothing(browser, address):
    with opened(browser, f"{address}search.html?q=zzyzxqq") as page:
        page.wait_for_function(
            "document.querySelector('.search-summary')?.textContent.includes('did not match')"
        )
        assert page.locator("ul.search li").count() == 0


def test_search_opens_with_the_keyboard(browser, address):
    with opened(browser, f"{address}book/glossary.html") as page:
        page.keyboard.press("Control+k")
        page.locator("#pst-search-dialog input[name=q]").wait_for(state="visible")
        page.keyboard.type("precision")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=precision*")
        page.wait_for_selector("ul.search li a", timeout=20_000)


def test_reader_chooses_light_or_dark_and_the_next_page_remembers(browser, address):
    with opened(browser, f"{address}index.html") as page:
        for _ in range(3):
            page.locator(".article-header-buttons .theme-switch-button").click()
            if page.evaluate("document.documentElement.dataset.theme") == "dark":
                break
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        page.goto(f"{address}book/glossary.html")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_landing_page_shows_the_drawing_that_fits(browser, address):
    for width, shown in ((1350, "drawing-wide"), (390, "drawing-narrow")):
        with opened(browser, f"{address}index.html", width=width) as page:
            visible = page.evaluate(
                "[...document.querySelectorAll('svg.drawing')].filter((d) => d.getBoundingClientRect().width)"
                ".map((d) => d.classList[1])"
            )
            assert visible == [shown]
