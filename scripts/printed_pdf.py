"""The whole book as one HTML page for paper, and what Chromium makes of it: a PDF with bookmarks and page numbers."""

import re
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote, unquote

import lxml.html
from chromium import ARGUMENTS
from lxml.html import HtmlElement
from printed_pages import Page, having, redirect
from pypdf import PdfReader, PdfWriter

STYLE = Path(__file__).parents[1] / "book" / "_print" / "pdf.css"
PATIENCE = 600_000  # milliseconds
HEADINGS = ("h6", "h5", "h4", "h3", "h2", "h1")
_READY = """async () => {
  await Promise.allSettled([...document.images].map((image) => image.decode()));
  await document.fonts.ready;
  for (const wide of document.querySelectorAll("table, .katex-display > .katex")) {
    const space = wide.parentElement.closest("div, li, dd, section").clientWidth;
    const width = Math.max(wide.scrollWidth, wide.getBoundingClientRect().width);
    if (width > space + 1) wide.style.zoom = Math.max(0.5, space / width);
  }
}"""
_SHOW_NUMBERS_ONLY = """(numbers) => {
  for (const [place, number] of Object.entries(numbers)) {
    document.querySelector(`.contents [data-place="${place}"]`).textContent = number;
  }
  document.body.classList.add("numbers-only");
}"""


def book_html(pages: list[Page], facts: dict, words: dict, formulas: str, images: str) -> str:
    """Return the book as one page of HTML.

    Parameters
    ----------
    pages : list of Page
        They are changed.
    facts : dict
        Title, author, address, language and rights of the book.
    words : dict
        The words of `book/_ext/downloads.py`.
    formulas : str
        The address of the style sheet of formulas.
    images : str
        The address of the site's root, to which the images are relative.
    """
    drawing = "".join(as_html(d) for d in pages[0].body.xpath(f".//*[{having('drawing-wide')}]")[:1])
    redirect(pages, facts["address"], place_in_book)
    parts = [(part, list(group)) for part, group in groupby(pages, key=lambda page: page.part)]
    chapters = "".join(_chapter(page, page is group[0], images) for part, group in parts for page in group)
    style = STYLE.read_text("utf-8") + "".join(_running_head(page) for page in pages)
    return (
        f'<!DOCTYPE html><html lang="{facts["language"]}" data-theme="light"><head><meta charset="utf-8">'
        f'<title>{escape(facts["title"])}</title><meta name="author" content="{escape(facts["author"])}">'
        f'<link rel="stylesheet" href="{escape(formulas)}"><style>{style}</style></head>'
        f"<body>{_cover(facts, words, drawing)}{_contents(parts, words)}{chapters}</body></html>"
    )


def place_in_book(page: str, place: str) -> str:
    """Return the link to a place of a page within the one page."""
    return "#" + quote(name_of_place(page, place))


def name_of_place(page: str, place: str) -> str:
    """Return the id that a place of a page has within the one page."""
    return f"{page}:{place}" if place else page


def as_html(element: HtmlElement) -> str:
    """Return an element as text, without what follows it."""
    return lxml.html.tostring(element, encoding="unicode", with_tail=False)


def _cover(facts: dict, words: dict, drawing: str) -> str:
    title, _, subtitle = facts["title"].partition(", ")
    return (
        f'<section class="cover"><p class="title">{escape(title)}</p><p class="subtitle">{escape(subtitle)}</p>'
        f'{drawing}<p>{escape(facts["author"])}</p><p><a href="{facts["address"]}">{facts["address"]}</a></p>'
        f'<p class="small">{escape(words["edition"])}</p><p class="small">{escape(facts["rights"])}</p></section>'
    )


def _contents(parts: list[tuple[str, list[Page]]], words: dict) -> str:
    lines = []
    for part, group in parts:
        lines.append(f"<p>{escape(part)}</p>" if part else "")
        for page in group:
            lines.append(
                f'<a href="{place_in_book(page.name, "")}"><span>{escape(page.title)}</span>'
                f'<span class="number" data-place="{page.name}"></span></a>'
            )
    return f'<nav class="contents"><h1>{escape(words["contents"])}</h1>{"".join(lines)}</nav>'


def _running_head(page: Page) -> str:
    title = page.title.replace("\\", "").replace('"', "”")
    return f'@page {_page_style(page)} {{ @top-left {{ content: "{title}" }} }}\n'


def _page_style(page: Page) -> str:
    return "page-" + re.sub(r"\W", "-", page.name)


def _chapter(page: Page, first_of_part: bool, images: str) -> str:
    body = page.body
    for element in body.xpath(".//@id/.."):
        element.set("id", name_of_place(page.name, element.get("id")))
    body.set("id", page.name)
    for image in body.iter("img"):
        image.set("src", images + image.get("src").split("../")[-1])
    for formula in body.xpath(f".//span[{having('katex')}]"):
        _name_formula(formula)
    if page.part:  # the part is above the chapter in the bookmarks
        for number, heading in enumerate(HEADINGS[1:]):
            for element in list(body.iter(heading)):
                element.tag = HEADINGS[number]
    part = f'<h1 class="part">{escape(page.part)}</h1>' if page.part and first_of_part else ""
    return f'<section class="chapter" style="page: {_page_style(page)}">{part}{as_html(body)}</section>'


def _name_formula(formula: HtmlElement) -> None:
    """Make of a formula one thing with its TeX as its name: a PDF knows no MathML."""
    (tex,) = formula.iter("annotation")
    formula.set("role", "img")
    formula.set("aria-label", tex.text or "")
    for part in formula:
        if "katex-mathml" in part.get("class"):
            part.drop_tree()
        else:
            part.set("aria-hidden", "true")


def print_pdf(chromium: str, page: Path, names: list[str], target: Path) -> int:
    """Print the one page and return how many sheets it takes.

    The numbers in the contents are known when it is printed; they are printed alone, and laid over the contents.
    """
    from playwright.sync_api import sync_playwright

    options = {"prefer_css_page_size": True, "print_background": True}
    overlay = target.with_suffix(".numbers")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        sheet = browser.new_page(viewport={"width": 658, "height": 900})  # as wide as the text on A4
        sheet.set_default_timeout(PATIENCE)
        sheet.emulate_media(media="print", color_scheme="light")
        sheet.goto(page.as_uri(), wait_until="load")
        sheet.evaluate(_READY)
        sheet.pdf(path=target, outline=True, tagged=True, **options)
        sheet.evaluate(_SHOW_NUMBERS_ONLY, page_numbers(PdfReader(target), names))
        sheet.pdf(path=overlay, **options)
        browser.close()
    count = lay_over(target, overlay)
    overlay.unlink()
    return count


def page_numbers(reader: PdfReader, names: list[str]) -> dict[str, int]:
    """Return the number of the sheet on which each page of the site begins."""
    places = {unquote(name).removeprefix("/"): place for name, place in reader.named_destinations.items()}
    return {name: reader.get_destination_page_number(places[name]) + 1 for name in names}


def lay_over(target: Path, overlay: Path) -> int:
    """Lay each page of one file over the same page of the other, whose number of pages is returned."""
    writer = PdfWriter(target, incremental=True)
    for number, page in enumerate(PdfReader(overlay).pages):
        writer.pages[number].merge_page(page)
    writer.write(target)
    return len(writer.pages)
