"""Each page by the rules of axe: wide and narrow, light and dark. A file of its own, so that two workers share the pages."""

from pathlib import Path

import pytest
from opened_pages import opened

pytestmark = [pytest.mark.browser, pytest.mark.site]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SETTLED = 500  # milliseconds in which the theme finds out what scrolls at the new width
AXE_RUN = """(tags) => axe.run(document, {
  runOnly: {type: "tag", values: tags},
  resultTypes: ["violations"],
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_is_accessible(browser, address, page_name, theme):
    with opened(browser, address + page_name, theme=theme) as page:
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        page.evaluate(AXE.read_text("utf-8"))
        for width in (1350, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(SETTLED)
            result = page.evaluate(AXE_RUN, RULES)
            violations = [
                (width, rule["id"], node["target"], node["html"][:120])
                for rule in result["violations"]
                for node in rule["nodes"]
            ]
            assert violations == []
