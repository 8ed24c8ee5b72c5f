"""The book as an EPUB 3: one XHTML file for each page, formulas in MathML, and what an e-reader has to know.

An EPUB is a zip archive: `mimetype` first and not compressed, `META-INF/container.xml` that names the package file, the
package file that lists everything, and a page of contents. The pages of the site are nearly XHTML, so nothing but the
standard library and lxml is needed to write it.
"""

import re
import time
import unicodedata
import uuid
import zipfile
from html import escape
from itertools import groupby
from pathlib import Path

from lxml import etree
from lxml.html import HtmlElement
from printed_pages import Page, having, redirect, text_of

STYLE = Path(__file__).parents[1] / "book" / "_print" / "epub.css"
XHTML = "http://www.w3.org/1999/xhtml"
SVG = "http://www.w3.org/2000/svg"
OPS = "http://www.idpf.org/2007/ops"
MEDIA_TYPES = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
}
SVG_NAMES = (
    "viewBox",
    "preserveAspectRatio",
    "linearGradient",
    "radialGradient",
    "clipPath",
    "gradientUnits",
    "textLength",
)
CONTAINER = """<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
APPLIED_TO = "\u2061"  # the unseen sign between a function and its argument
BEGINNING_OF_TIME = (1980, 1, 1, 0, 0, 0)  # a zip archive knows none before


def write(pages: list[Page], site: Path, facts: dict, words: dict, target: Path) -> None:
    """Write the EPUB.

    Parameters
    ----------
    pages : list of Page
        They are changed.
    site : Path
        The site, with the images.
    facts : dict
        Title, author, address, language and rights of the book.
    words : dict
        The words of `book/_ext/downloads.py`.
    target : Path
        The file.
    """
    redirect(pages, facts["address"], link_to)
    files: dict[str, bytes] = {"book.css": STYLE.read_bytes()}
    for page in pages:
        for image in page.body.iter("img"):
            source = site / image.get("src").split("../")[-1]
            name = f"images/{source.name}"
            files[name] = _clean_svg(source) if source.suffix == ".svg" else source.read_bytes()
            image.set("src", name)
    cover = {"cover.xhtml": document(facts["title"], _cover(facts, words), facts["language"])}
    texts = cover | {file_of(page.name): _chapter(page, facts["language"]) for page in pages}
    texts["nav.xhtml"] = document(words["contents"], _contents(pages, words), facts["language"])
    files |= {name: text.encode() for name, text in texts.items()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, "mimetype", b"application/epub+zip", zipfile.ZIP_STORED)
        _add(archive, "META-INF/container.xml", CONTAINER.encode())
        _add(archive, "book/package.opf", package(files, pages, facts).encode())
        for name, content in files.items():
            _add(archive, f"book/{name}", content)


def _add(
    archive: zipfile.ZipFile, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED
) -> None:
    archive.writestr(zipfile.ZipInfo(name, BEGINNING_OF_TIME), content, compression)


def file_of(page: str) -> str:
    """Return the name of a page's file in the archive."""
    return f"{page.replace('/', '-')}.xhtml"


def link_to(page: str, place: str) -> str:
    """Return the link to a place of a page."""
    return file_of(page) + (f"#{place}" if place else "")


def document(title: str, body: str, language: str) -> str:
    """Return an XHTML document."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="{XHTML}" xmlns:epub="{OPS}" '
        f'lang="{language}" xml:lang="{language}"><head><title>{escape(title)}</title>'
        f'<link rel="stylesheet" type="text/css" href="book.css"/></head><body>{body}</body></html>\n'
    )


def _cover(facts: dict, words: dict) -> str:
    title, _, subtitle = facts["title"].partition(", ")
    return (
        f'<section epub:type="titlepage"><h1 class="title">{escape(title)}</h1><p class="subtitle">{escape(subtitle)}</p>'
        f'<p>{escape(facts["author"])}</p><p><a href="{facts["address"]}">{facts["address"]}</a></p>'
        f'<p class="small">{escape(words["edition"])}</p><p class="small">{escape(facts["rights"])}</p></section>'
    )


def _contents(pages: list[Page], words: dict) -> str:
    lines = []
    for part, group in groupby(pages, key=lambda page: page.part):
        chapters = "".join(_line(page) for page in group)
        lines.append(f"<li><span>{escape(part)}</span><ol>{chapters}</ol></li>" if part else chapters)
    return (
        f'<nav epub:type="toc" id="toc"><h1>{escape(words["contents"])}</h1><ol>{"".join(lines)}</ol></nav>'
    )


def _line(page: Page) -> str:
    sections = "".join(
        f'<li><a href="{link_to(page.name, section.get("id"))}">{escape(text_of(section.find("h2")))}</a></li>'
        for section in page.sections()
    )
    below = f"<ol>{sections}</ol>" if sections else ""
    return f'<li><a href="{link_to(page.name, "")}">{escape(page.title)}</a>{below}</li>'


def _chapter(page: Page, language: str) -> str:
    for formula in page.body.xpath(f".//span[{having('katex')}]"):
        _keep_mathml(formula)
    text = etree.tostring(page.body, encoding="unicode", method="xml", with_tail=False)
    for name in SVG_NAMES:  # the parser of HTML knows no capitals
        text = re.sub(rf"(?<=[\s</]){name.lower()}(?=[\s=>])", name, text)
    text = re.sub(r"<svg(?![^>]*\sxmlns=)", f'<svg xmlns="{SVG}"', text)
    return document(page.title, text, language)


def _keep_mathml(formula: HtmlElement) -> None:
    (math,) = formula.iter("math")
    (annotation,) = math.iter("annotation")
    math.set("alttext", annotation.text or "")
    annotation.drop_tree()
    for element in math.iter("semantics"):
        element.drop_tag()
    _repair(math)
    math.tail = formula.tail
    formula.getparent().replace(formula, math)


def _repair(math: HtmlElement) -> None:
    """Mend what KaTeX writes against the rules of MathML, and what few readers understand."""
    for letter in math.xpath(".//*[@mathvariant]"):
        letter.text = letter_in(letter.get("mathvariant"), letter.text or "")
    for sign in list(math.iter("mo")):
        if sign.text == APPLIED_TO and sign.getparent().tag in ("msub", "msup", "munder", "mover"):
            sign.drop_tree()  # they have two children, and it would be a third
        elif len(sign):
            text = sign.text_content()  # a sign holds letters and no elements
            sign[:], sign.text = [], text
    for table in math.xpath(".//mtable[@columnspacing='']"):
        del table.attrib["columnspacing"]


def letter_in(variant: str, letter: str) -> str:
    """Return a capital as a script or double-struck character of its own, since few readers know the variants of MathML."""
    kind = {"script": "SCRIPT", "double-struck": "DOUBLE-STRUCK"}.get(variant)
    for beginning in ("MATHEMATICAL ", ""):
        try:
            return unicodedata.lookup(f"{beginning}{kind} CAPITAL {letter}")
        except KeyError:
            continue
    return letter


def _clean_svg(path: Path) -> bytes:
    """Return a drawing without its declaration and metadata, which name other hosts, and with each id once."""
    text = re.sub(
        r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>",
        "",
        path.read_text("utf-8"),
        flags=re.S,
    )
    text = re.sub(
        r"<path(?=[\s/>])(?![^>]*\sd=)[^>]*/>", "", text
    )  # Matplotlib draws what has no points, too
    seen = set()

    def once(match: re.Match) -> str:
        known = match.group(1) in seen
        seen.add(match.group(1))
        return "" if known else match.group()

    return re.sub(r'\sid="([^"]*)"', once, text).strip().encode()


def package(files: dict[str, bytes], pages: list[Page], facts: dict) -> str:
    """Return the package file: what the book is, what belongs to it, in which order it is read."""
    items = "".join(_item(name, content) for name, content in sorted(files.items()))
    order = ["cover.xhtml", "nav.xhtml", *(file_of(page.name) for page in pages)]
    spine = "".join(f'<itemref idref="{_identifier(name)}"/>' for name in order)
    access = {
        "accessMode": ["textual", "visual"],
        "accessModeSufficient": ["textual"],
        "accessibilityFeature": ["alternativeText", "MathML", "structuralNavigation", "tableOfContents"],
        "accessibilityHazard": ["none"],
    }
    access = "".join(
        f'<meta property="schema:{key}">{value}</meta>' for key, values in access.items() for value in values
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        f'unique-identifier="book" xml:lang="{facts["language"]}">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="book">urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, facts["address"])}</dc:identifier>'
        f"<dc:title>{escape(facts['title'])}</dc:title><dc:creator>{escape(facts['author'])}</dc:creator>"
        f"<dc:language>{facts['language']}</dc:language><dc:rights>{escape(facts['rights'])}</dc:rights>"
        f"<dc:source>{facts['address']}</dc:source>"
        f'<meta property="dcterms:modified">{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}</meta>{access}'
        f"</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>\n"
    )


def _item(name: str, content: bytes) -> str:
    properties = ["nav"] if name == "nav.xhtml" else []
    if name.endswith(".xhtml"):
        properties += [kind for kind in ("math", "svg") if f"<{kind} ".encode() in content]
    extra = f' properties="{" ".join(properties)}"'.replace('"math', '"mathml') if properties else ""
    return (
        f'<item id="{_identifier(name)}" href="{name}" media-type="{MEDIA_TYPES[Path(name).suffix]}"{extra}/>'
    )


def _identifier(name: str) -> str:
    return "i-" + re.sub(r"[^\w.-]", "-", name)
