"""Open a page of the built site as a reader does."""

from contextlib import contextmanager
from pathlib import Path

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SETTLED = 500  # milliseconds in which a page finds out what scrolls at a new width
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules whose outcome depends on the theme
AXE_RUN = """([type, values]) => {
  // what formulas draw, for eyes only and in the colour of the text, is a third of all elements: axe need not judge it
  for (const drawn of document.querySelectorAll(".katex-html")) drawn.replaceChildren();
  return axe.run(document, {runOnly: {type, values}, resultTypes: ["violations"]});
}"""
LOAD_ALL = """async () => {
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.allSettled(images.map((image) => image.decode()));
  await document.fonts.ready;
}"""

SHOW_ALL = "* { content-visibility: visible !important; }"  # as if the reader had been everywhere: no place is reserved


@contextmanager
def opened(browser, url: str, width: int = 1350, theme: str = "light"):
    """Open a page and yield it, with lists of what it requested and which errors it had."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.requested, page.errors, page.sent = [], [], {}
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda note: page.errors.append(note.text) if note.type == "error" else None)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on(
        "Network.loadingFinished", lambda e: page.sent.update({e["requestId"]: e["encodedDataLength"]})
    )
    try:
        page.goto(url, wait_until="load")
        page.add_style_tag(content=SHOW_ALL)
        page.evaluate(LOAD_ALL)
        page.wait_for_load_state("networkidle")
        yield page
    finally:
        context.close()


def open_lab(page, name: str):
    """Click the button of a lab, wait until it is ready, and return the lab."""
    lab = page.locator(f".lab[data-lab={name}]")
    lab.locator(".lab-open").click()
    page.wait_for_selector(f".lab[data-lab={name}]:is([data-state=ready], [data-state=failed])")
    assert lab.get_attribute("data-state") == "ready", lab.locator(".lab-message").text_content()
    return lab


def axe_violations(page, rules: list[str] | None = None) -> list[tuple]:
    """Return each violation of these rules of axe, of all if none are given: the rule, where it is, how its HTML begins."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    result = page.evaluate(AXE_RUN, ["rule", rules] if rules else ["tag", RULES])
    return [
        (rule["id"], node["target"], node["html"][:120])
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def assert_accessible_and_fits(page, width: int) -> None:
    """Give the page a width, and ask for no violation of the rules of axe and for no scrolling sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(SETTLED)
    assert axe_violations(page) == [], width
    assert page.evaluate("document.documentElement.scrollWidth") <= width, width
