"""What a reader has read: kept in the browser, shown on the map, forgotten at will, and no harm where it cannot be kept."""

from pathlib import Path

import pytest
from opened_pages import opened

pytestmark = [pytest.mark.browser, pytest.mark.site]

FIRST, SECOND = "chapters/1_background/four_eras", "chapters/1_background/data"
SITE = Path(__file__).parents[2] / "_build" / "html"
STATES = "JSON.parse(localStorage.getItem('image-recognition-course'))"
READ = f"({STATES} || {{}})[%r] == 'read'"
FORBID = """Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied', 'SecurityError') }})"""


def test_a_new_reader_sees_the_map_alone(browser, address):
    with opened(browser, f"{address}index.html") as page:
        assert page.locator(".course-progress").is_hidden()
        assert page.locator(".course-map .state, .bd-links .state").count() == 0


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_chapter_is_opened_then_read_at_its_end_then_forgotten(browser, address, scheme):
    root = address if scheme == "http" else SITE.as_uri() + "/"
    with opened(browser, f"{root}{FIRST}.html") as page:
        assert page.evaluate(f"{STATES}[{FIRST!r}]") == "opened"
        assert not page.locator(".chapter-end input").is_checked()
        page.locator("#next-steps").scroll_into_view_if_needed()
        page.wait_for_function(READ % FIRST)
        assert page.locator(".chapter-end input").is_checked()
        page.goto(f"{root}{SECOND}.html")
        page.goto(f"{root}index.html")
        states = page.locator(".course-map ol .state").all_inner_texts()
        assert [words.strip() for words in states] == ["read", "opened"]
        assert page.locator(".station-name .state").all_inner_texts()[0].strip() == "1 of 2 read"
        assert page.locator(".bd-links .state").count() == 1
        assert "1 of 32 read" in page.locator(".course-progress").inner_text()
        onward = page.locator(".course-progress a")
        assert onward.inner_text() == "Continue with Pictures as data"
        assert onward.get_attribute("href").endswith(f"{SECOND}.html")
        page.locator(".course-progress button").click()
        assert page.locator(".course-progress").is_hidden() and page.locator(".state").count() == 0
        assert page.evaluate(STATES) is None
        assert page.errors == []


def test_the_reader_has_the_last_word_on_what_is_read(browser, address):
    with opened(browser, f"{address}{FIRST}.html") as page:
        box = page.locator(".chapter-end input")
        box.check()
        assert page.evaluate(READ % FIRST)
        box.uncheck()
        page.reload()
        page.locator("#next-steps").scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        assert not page.evaluate(READ % FIRST) and not box.is_checked()


def test_a_browser_that_keeps_nothing_shows_no_progress(browser, address):
    context = browser.new_context()
    context.add_init_script(FORBID)
    page = context.new_page()
    for name, part in ((FIRST, ".chapter-end label"), ("index", ".course-progress")):
        page.goto(f"{address}{name}.html")
        assert page.locator(part).is_hidden()
        assert page.evaluate("document.documentElement.dataset.theme") in ("light", "dark")
    context.close()


def test_the_map_needs_no_script(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}index.html")
    assert page.locator(".course-map ol a:visible").count() == 32
    assert page.locator(".course-progress").is_hidden()
    page.goto(f"{address}{FIRST}.html")
    assert page.locator(".chapter-end label").is_hidden() and page.locator(".chapter-end li a").count() == 3
    context.close()
