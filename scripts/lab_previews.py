"""Take the pictures that stand for the labs before they are opened, in light and dark: `book/_static/labs/previews`.

    make book && python scripts/lab_previews.py [LAB ...]

Each is the lab itself, as it opens, photographed in Chromium; run this after a change of a lab.
"""

import argparse
import io
from pathlib import Path

import yaml
from chromium import ARGUMENTS, find_chromium
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
PREVIEWS = ROOT / "book" / "_static" / "labs" / "previews"
WIDTH, HEIGHT = 630, 400  # CSS pixels of a picture; what is below is cut off
SCALE = 1.25
PLACE = """() => {
  const stage = document.querySelector(".lab-stage");
  const isLarge = (part) => part.getBoundingClientRect().width > 100;
  const drawn = [...stage.querySelectorAll("canvas, svg, img")].filter(isLarge)[0];
  let top = drawn ?? stage;
  while (top !== stage && top.parentElement !== stage && !top.matches(".lab-row")) top = top.parentElement;
  return top.getBoundingClientRect();
}"""  # what is drawn is more telling than the controls above it


def main() -> None:
    """Photograph all labs, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("labs", nargs="*", help="names in book/labs.yml; all of them if not given")
    names = parser.parse_args().labs
    names = names or list(yaml.safe_load((ROOT / "book" / "labs.yml").read_text("utf-8"))["labs"])
    PREVIEWS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for name in names:
            for theme in ("light", "dark"):
                photograph(browser, name, theme)
        browser.close()


def photograph(browser, name: str, theme: str) -> None:
    """Open one lab and save how it looks."""
    context = browser.new_context(
        viewport={"width": 1250, "height": 3000},
        color_scheme=theme,
        device_scale_factor=SCALE,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto((SITE / "book" / "labs" / f"{name}.html").as_uri())
    page.locator(".lab-open").click()
    page.wait_for_selector(".lab[data-state=ready]")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    box = page.evaluate(PLACE)
    clip = {"x": box["x"], "y": box["y"], "width": WIDTH, "height": HEIGHT}
    picture = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    picture.save(PREVIEWS / f"{name}-{theme}.webp", quality=40, method=6)
    context.close()


if __name__ == "__main__":
    main()
