"""How a page looks: the focus is seen wherever it goes, nothing moves for those who asked for rest, lines can be read."""

import pytest
from opened_pages import opened

pytestmark = [pytest.mark.browser, pytest.mark.site]

CHAPTER = "chapters/2_concepts/metrics"
FOCUSED = """() => {
  const element = document.activeElement, style = getComputedStyle(element);
  if (!element || element == document.body) return null;
  const drawn = style.outlineStyle != "none" && style.outlineColor != "rgba(0, 0, 0, 0)";
  const seen = drawn && parseFloat(style.outlineWidth) >= 2;
  element.dataset.focused = (element.dataset.focused || 0) - -1;
  return {seen, again: element.dataset.focused > 1, what: element.outerHTML.slice(0, 100)};
}"""
LONGEST = """() => {
  const times = [];
  for (const element of document.querySelectorAll("*")) {
    for (const part of [null, "::before", "::after"]) {
      const style = getComputedStyle(element, part);
      times.push(...`${style.transitionDuration},${style.animationDuration}`.split(","));
    }
  }
  return Math.max(...times.map((time) => parseFloat(time) * (time.endsWith("ms") ? 0.001 : 1)));
}"""
LETTERS = """() => {
  const counts = [];
  for (const paragraph of document.querySelectorAll(".bd-article section > p:not([class])")) {
    const height = parseFloat(getComputedStyle(paragraph).lineHeight);
    const lines = Math.round(paragraph.getBoundingClientRect().height / height);
    if (lines >= 3 && !paragraph.querySelector(".math, code")) counts.push(paragraph.textContent.length / lines);
  }
  return counts.sort((a, b) => a - b)[counts.length >> 1];
}"""
GROUND = """async ([source, filter]) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [8, 8];
  const paint = canvas.getContext("2d");
  paint.filter = filter;
  paint.drawImage(image, 0, 0, 8, 8, 0, 0, 8, 8);
  return [...paint.getImageData(2, 2, 1, 1).data];
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", CHAPTER])
def test_the_focus_is_seen_wherever_the_keyboard_goes(browser, address, name, theme):
    with opened(browser, f"{address}{name}.html", theme=theme) as page:
        stops = 0
        for _ in range(600):
            page.keyboard.press("Tab")
            stop = page.evaluate(FOCUSED)
            if stop is None or stop["again"]:
                break
            assert stop["seen"], stop["what"]
            stops += 1
        assert stops > 60


@pytest.mark.parametrize("name", ["index", CHAPTER, "chapters/7_summary/summary"])
def test_nothing_moves_for_those_who_asked_for_rest(browser, address, name):
    with opened(browser, f"{address}{name}.html") as page:
        assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
        assert page.evaluate(LONGEST) <= 0.01


def test_a_line_of_text_has_no_more_letters_than_an_eye_follows(browser, address):
    with opened(browser, f"{address}{CHAPTER}.html") as page:
        assert 65 <= page.evaluate(LETTERS) <= 76


def test_plots_are_dark_in_the_dark_and_pictures_keep_their_sheet(browser, address):
    with opened(browser, f"{address}{CHAPTER}.html", theme="dark") as page:
        style = "(image) => [getComputedStyle(image).filter, getComputedStyle(image).backgroundColor]"
        turned, ground = page.locator("img.plot").first.evaluate(style)
        assert "invert" in turned and ground == "rgba(0, 0, 0, 0)"
        kept, sheet = page.locator("figure img:not(.plot)").first.evaluate(style)
        assert kept == "none" and sheet == "rgb(242, 243, 247)"
        source = page.locator("img.plot").first.evaluate("(image) => image.src")
        assert max(page.evaluate(GROUND, [source, turned])[:3]) < 32
    with opened(browser, f"{address}{CHAPTER}.html", theme="light") as page:
        assert page.locator("img.plot").first.evaluate(style)[0] == "none"
