"""Open a page of the built site as a reader does."""

from contextlib import contextmanager
from pathlib import Path

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_RUN = """(tags) => axe.run(document, {
  runOnly: {type: "tag", values: tags},
  resultTypes: ["violations"],
})"""
LOAD_ALL = """async () => {
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.allSettled(images.map((image) => image.decode()));
  await document.fonts.ready;
}"""


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


def axe_violations(page) -> list[tuple]:
    """Return each violation of the rules of axe: the rule, where it is, and how its HTML begins."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    result = page.evaluate(AXE_RUN, RULES)
    return [
        (rule["id"], node["target"], node["html"][:120])
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
