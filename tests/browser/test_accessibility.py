"""Each page by the rules of axe: wide and narrow, light and dark. A file of its own, so that two workers share the pages."""

import pytest
from opened_pages import OF_COLOURS, SETTLED, axe_violations, opened

pytestmark = [pytest.mark.browser, pytest.mark.site]


@pytest.mark.parametrize("theme, rules", [("light", None), ("dark", OF_COLOURS)], ids=["light", "dark"])
def test_page_is_accessible(browser, address, page_name, theme, rules):
    with opened(browser, address + page_name, theme=theme) as page:
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        for width in (1350, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(SETTLED)
            assert axe_violations(page, rules) == [], width
