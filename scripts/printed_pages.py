"""The pages of the built site as they go on paper: without what needs a screen, and with nothing folded away.

What holds for the PDF and the EPUB alike stands here. Pages are read from the site, so what is printed is what is shown:
the numbers, the names of places and the lines that lead there and back are the site's own.
"""

import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote, urlsplit

import lxml.html
from lxml.html import HtmlElement

SCREEN_ONLY = (
    "self::script or self::noscript or self::button or self::form",
    "self::style[not(ancestor::svg)]",
    "self::details[contains(@class, 'hide')]",  # code that the site folds away
)
SCREEN_ONLY_CLASSES = (
    "headerlink",
    "toctree-wrapper",
    "course-start",
    "drawing-narrow",
    "lab-dark",
    "lab-stage",
    "lab-message",
    "target",  # the index leads there, and a book has pages to leaf through
)
CODE = {"k": "keyword", "s": "string", "c": "comment"}  # the first letter of a class of Pygments
SCREEN_ATTRIBUTES = (
    "loading",
    "decoding",
    "role",
    "aria-hidden",
    "border",
    "halign",
    "valign",
    "data-lab",
    "data-loads",
)


@dataclass
class Page:
    """One page of the site.

    Parameters
    ----------
    name : str
        Its path in the site without suffix, as `_toc.yml` has it.
    part : str
        The caption of its part, empty for the first page.
    title : str
        With its number.
    body : HtmlElement
        The section that holds its text.
    places : set of str
        The ids in it.
    """

    name: str
    part: str
    title: str
    body: HtmlElement
    places: set[str]

    def sections(self) -> list[HtmlElement]:
        """Return the sections of the page that have a heading and a place."""
        return [s for s in self.body.findall("section") if s.find("h2") is not None and s.get("id")]


def text_of(element: HtmlElement) -> str:
    """Return the text of an element on one line."""
    return re.sub(r"\s+", " ", element.text_content()).strip()


def having(name: str) -> str:
    """Return the XPath condition that an element has a class."""
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


def read_article(path: Path) -> HtmlElement:
    """Return the article of a page of the site."""
    parser = lxml.html.HTMLParser(encoding="utf-8")
    (article,) = lxml.html.parse(str(path), parser).xpath(f"//article[{having('bd-article')}]")
    return article


def contents(site: Path) -> list[tuple[str, str]]:
    """Return the part and the name of each page in the order of the book, as the site's own sidebar has them."""
    parser = lxml.html.HTMLParser(encoding="utf-8")
    (sidebar,) = lxml.html.parse(str(site / "index.html"), parser).xpath(f"//nav[{having('bd-links')}]")
    found, part = [("", "index")], ""
    for element in sidebar.iter("p", "a"):
        if element.tag == "p":
            part = text_of(element)
        elif element.get("href", "").endswith(".html"):
            found.append((part, element.get("href").removesuffix(".html")))
    return found


def read_pages(site: Path, address: str, words: dict[str, str]) -> list[Page]:
    """Return all pages of a site, each as it goes on paper.

    Parameters
    ----------
    site : Path
        The folder of the built site.
    address : str
        Where the site is on the web; what the files do not hold is linked there.
    words : dict
        The words of `book/_ext/downloads.py`, in the language of the site.
    """
    pages = []
    for part, name in contents(site):
        body = read_article(site / f"{name}.html").find("section")
        show_labs(body, f"{address}{name}.html", words["lab"])
        tell_origin(body, address, words["origin"])
        leave_out(body)
        answer_questions(body)
        unfold(body)
        plain_code(body)
        if not part:
            body.find("h1").text = words["about"]  # the title of the book stands on its cover
        pages.append(Page(name, part, text_of(body.find("h1")), body, unique_places(body)))
    return pages


def show_labs(body: HtmlElement, here: str, words: str) -> None:
    """Say below the picture of each lab where it runs."""
    for lab in body.xpath(f".//figure[{having('lab')}]"):
        line = lxml.html.fragment_fromstring(f'<p>{words} <a href="{here}#{lab.get("id")}">{here}</a></p>')
        caption = lab.find("figcaption")
        (lab if caption is None else caption).append(line)


def tell_origin(body: HtmlElement, address: str, words: str) -> None:
    """Say where the newest edition is, in place of the links to the files."""
    for place in body.xpath(f".//div[{having('downloads')}]"):
        line = lxml.html.fragment_fromstring(f'<p>{words} <a href="{address}">{address}</a></p>')
        place.getparent().replace(place, line)


def leave_out(body: HtmlElement) -> None:
    """Leave out what only a screen can use."""
    conditions = [*SCREEN_ONLY, *(having(name) for name in SCREEN_ONLY_CLASSES)]
    for element in body.xpath(f".//*[{' or '.join(conditions)}]"):
        element.drop_tree()
    for label in body.xpath(f".//div[{having('citation')}]/span[{having('label')}]"):
        label.drop_tree()
    for element in reversed(body.xpath(".//div")):  # the inner ones first
        if not len(element) and not text_of(element):
            element.drop_tree()
    for element in body.iter():
        for attribute in SCREEN_ATTRIBUTES:
            element.attrib.pop(attribute, None)


def answer_questions(body: HtmlElement) -> None:
    """Print the choices of each question as a list, and below it, in small type, what is said of each."""
    for question in body.xpath(f".//div[{having('question')}]"):
        choices = lxml.html.fragment_fromstring('<ol class="choices" type="a"></ol>')
        answers = lxml.html.fragment_fromstring('<ol class="answers" type="a"></ol>')
        for choice in question.findall("details"):
            choices.append(_renamed(choice.find("summary"), "li"))
            answers.append(_renamed(choice, "li"))
        question.extend([choices, answers])


def unfold(body: HtmlElement) -> None:
    """Open what is folded up: its first line becomes a heading in bold."""
    for details in body.iter("details"):
        details.tag = "div"
        for summary in details.findall("summary"):
            summary.tag = "p"
            summary.set("class", "admonition-title")


def _renamed(element: HtmlElement, tag: str) -> HtmlElement:
    element.tag, element.tail = tag, None
    element.attrib.pop("name", None)
    element.attrib.pop("class", None)
    return element


def plain_code(body: HtmlElement) -> None:
    """Mark keywords, strings and comments in code, and no other words: two hundred thousand marks make a file heavy."""
    for code in body.iter("pre"):
        runs = [("", code.text or "")]
        for token in code:
            runs += [(CODE.get(token.get("class", "")[:1], ""), token.text_content()), ("", token.tail or "")]
        for child in list(code):
            code.remove(child)
        code.text = ""
        for kind, run in groupby((run for run in runs if run[1]), key=lambda run: run[0]):
            text = "".join(part for _, part in run)
            if kind:
                mark = lxml.html.Element("span", {"class": kind})
                mark.text, mark.tail = text, ""
                code.append(mark)
            elif len(code):
                code[-1].tail += text
            else:
                code.text += text
    for word in body.xpath(f".//span[{having('pre')} or {having('std')} or {having('doc')}]"):
        word.drop_tag()


def unique_places(body: HtmlElement) -> set[str]:
    """Return the ids of a page; the second use of one is taken away."""
    places = set()
    for element in body.xpath(".//@id/.."):
        if element.get("id") in places:
            del element.attrib["id"]
        places.add(element.get("id"))
    places.add(body.get("id"))
    return places - {None}


def target_of(page: Page, link: str) -> tuple[str, str] | None:
    """Return the name of the page and the place that a link leads to; None, if it leads out of the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = normpath(join(dirname(page.name), unquote(parts.path))) if parts.path else f"{page.name}.html"
    return path.removesuffix(".html"), unquote(parts.fragment)


def redirect(pages: list[Page], address: str, write) -> None:
    """Lead each link to the right place: `write(page, place)` names one in the book, the rest is on the web."""
    by_name = {page.name: page for page in pages}
    for page in pages:
        for link in page.body.xpath(".//a[@href]"):
            target = target_of(page, link.get("href"))
            link.attrib.pop("title", None)  # on the site it shows under the pointer
            if target and target[0] in by_name:
                known = target[1] in by_name[target[0]].places
                link.set("href", write(target[0], target[1] if known else ""))
            elif target:
                link.set("href", address + target[0] + ("" if "." in target[0] else ".html"))
