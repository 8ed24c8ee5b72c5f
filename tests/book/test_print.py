"""The PDF and the EPUB of the whole book, opened: complete, readable, with links that lead somewhere."""

import json
import os
import re
import sys
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from lxml import etree
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import downloads  # noqa: E402
import print_book  # noqa: E402
import printed_epub  # noqa: E402
import printed_pages  # noqa: E402
from chromium import find_chromium  # noqa: E402
from lxml.html import fragment_fromstring, tostring  # noqa: E402

SITE = ROOT / "_build" / "html"
MADE = ROOT / "_build" / "download"
LEFT_OVER = re.compile(r"\{glue|\{doc\}|\{ref\}|\{cite|\\frac|\\begin\{|\\mathbf|\$\$|KaTeX parse error:")
NAMES = {"h": "{http://www.w3.org/1999/xhtml}", "m": "{http://www.w3.org/1998/Math/MathML}"}
MOST_BYTES = {"pdf": 25_000_000, "epub": 15_000_000}


def made(kind: str) -> Path:
    """Return a printed file; without Chromium there is no PDF."""
    path = MADE / downloads.FILES[kind]
    if not path.is_file():
        if kind == "pdf" and find_chromium() is None and os.environ.get("COURSE_REQUIRE_BROWSER") != "1":
            pytest.skip("the PDF is printed by Chromium: on Debian and Ubuntu, apt-get install chromium")
        pytest.fail(f"there is no {path}: run `make book` first", pytrace=False)
    return path


@cache
def pdf() -> PdfReader:
    return PdfReader(made("pdf"))


@cache
def epub() -> zipfile.ZipFile:
    return zipfile.ZipFile(made("epub"))


@cache
def xhtml(name: str) -> etree._Element:
    """Return a file of the EPUB, read as XML."""
    return etree.fromstring(epub().read(name))


def names_of_chapters() -> list[str]:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    return [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]


@cache
def titles() -> list[str]:
    """Return the titles of all chapters, as the site has them."""
    pages = [printed_pages.read_article(SITE / f"{name}.html") for name in names_of_chapters()]
    return [printed_pages.text_of(page.find(".//h1")).removesuffix("#") for page in pages]


def squeezed(text: str) -> str:
    """Return text without spaces, which a PDF may have lost or added."""
    return re.sub(r"\s", "", text)


def titles_in(outline: list) -> list[str]:
    """Return the titles of an outline, in their order."""
    found = []
    for item in outline:
        found += titles_in(item) if isinstance(item, list) else [item.title]
    return found


@pytest.mark.site
def test_pdf_has_every_chapter_in_its_bookmarks_and_where_they_lead():
    book = pdf()
    bookmarks = [squeezed(title) for title in titles_in(book.outline)]
    assert [title for title in titles() if squeezed(title) not in bookmarks] == []
    places = {unquote(name).removeprefix("/"): place for name, place in book.named_destinations.items()}
    numbers = [book.get_destination_page_number(places[name]) for name in names_of_chapters()]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    listed = squeezed("".join(page.extract_text() for page in book.pages[1 : numbers[0]]))
    for title, number in zip(titles(), numbers, strict=True):
        assert squeezed(title) in squeezed(book.pages[number].extract_text())
        assert str(number + 1) in listed, f"the contents do not say that {title} is on page {number + 1}"


@pytest.mark.site
def test_pdf_says_what_it_is_and_brings_its_fonts():
    book = pdf()
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert book.metadata.title == config["title"]
    assert str(book.trailer["/Root"]["/Lang"]).startswith("en")
    assert 10 * len(titles()) < len(book.pages) < 40 * len(titles())
    assert made("pdf").stat().st_size < MOST_BYTES["pdf"]
    assert json.loads((MADE / downloads.RECORD).read_text())[made("pdf").name]["pages"] == len(book.pages)
    for page in book.pages[::40]:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            if font["/Subtype"] != "/Type3":  # it is drawn in the file
                below = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
                assert any(key.startswith("/FontFile") for key in below["/FontDescriptor"]), font["/BaseFont"]


@pytest.mark.site
def test_pdf_has_no_markup_and_no_empty_page():
    for number, page in list(enumerate(pdf().pages))[::11]:
        text = page.extract_text()
        assert not LEFT_OVER.search(text), f"page {number + 1}: {LEFT_OVER.search(text)}"
        assert len(text) > 60 or page.images, f"page {number + 1} is empty"


@pytest.mark.site
def test_epub_begins_as_an_epub_must_and_holds_what_it_lists():
    first = epub().infolist()[0]
    assert first.filename == "mimetype" and first.compress_type == zipfile.ZIP_STORED
    assert epub().read("mimetype") == b"application/epub+zip"
    (root,) = xhtml("META-INF/container.xml").iter("{*}rootfile")
    assert root.get("full-path") == "book/package.opf"
    package = xhtml("book/package.opf")
    listed = {f"book/{item.get('href')}" for item in package.iter("{*}item")}
    others = {"mimetype", "META-INF/container.xml", "book/package.opf"}
    assert listed == set(epub().namelist()) - others
    items = {item.get("id") for item in package.iter("{*}item")}
    assert {item.get("idref") for item in package.iter("{*}itemref")} <= items
    assert made("epub").stat().st_size < MOST_BYTES["epub"]


def pages_of_epub() -> list[str]:
    return [name for name in epub().namelist() if name.endswith(".xhtml")]


@pytest.mark.site
def test_epub_contents_lead_to_every_chapter():
    links = {a.get("href"): "".join(a.itertext()) for a in xhtml("book/nav.xhtml").iter(NAMES["h"] + "a")}
    for name, title in zip(names_of_chapters(), titles(), strict=True):
        assert squeezed(links[printed_epub.file_of(name)]) == squeezed(title)


@pytest.mark.site
def test_every_link_and_image_of_the_epub_is_in_it():
    places = {
        name: {element.get("id") for element in xhtml(name).iter() if element.get("id")}
        for name in pages_of_epub()
    }
    lost = []
    for name in pages_of_epub():
        for element in xhtml(name).iter(NAMES["h"] + "a", NAMES["h"] + "img", NAMES["h"] + "link"):
            address = urlsplit(element.get("href") or element.get("src") or "")
            if not address.scheme:
                target = str(PurePosixPath(name).parent / unquote(address.path))
                known = target in epub().namelist()
                if not known or (address.fragment and unquote(address.fragment) not in places[target]):
                    lost.append((name, address.geturl()))
    assert lost == []


@pytest.mark.site
def test_epub_text_is_clean_and_its_pictures_are_described():
    formulas = 0
    for name in pages_of_epub():
        page = xhtml(name)
        assert all(image.get("alt", "").strip() for image in page.iter(NAMES["h"] + "img")), name
        assert not list(page.iter(NAMES["h"] + "script", NAMES["h"] + "button", NAMES["h"] + "details")), name
        formulas += len(list(page.iter(NAMES["m"] + "math")))
        etree.strip_elements(page, NAMES["h"] + "pre", NAMES["h"] + "code", with_tail=False)
        text = "".join(page.itertext())
        assert not LEFT_OVER.search(text), f"{name}: {LEFT_OVER.search(text)}"
    xhtml.cache_clear()  # what was stripped is missing
    assert formulas > 1000


ARTICLE = """<section id="a"><h1>A<a class="headerlink" href="#a">#</a></h1>
<div class="downloads" data-offer="x"></div><p id="a">twice</p>
<div class="question"><p>Which?</p><details class="choice right" name="q"><summary>This</summary><p>Yes. So.</p></details>
<details class="choice wrong" name="q"><summary>That</summary><p>No. Why.</p></details></div>
<div class="cell"><details class="hide"><summary>Show</summary><pre>hidden</pre></details></div>
<details><summary>More</summary><p>unfolded</p></details>
<pre><span></span><span class="kn">import</span><span class="w"> </span><span class="nn">a</span> <span class="c1"># b</span>
</pre>
<figure class="lab" id="lab-x"><img class="lab-light" src="p.webp" alt="p"><img class="lab-dark" src="q.webp" alt="p">
<div class="lab-stage">stage</div><figcaption>Try it.</figcaption></figure></section>"""


def test_a_page_on_paper_folds_nothing_away_and_has_nothing_to_press():
    body = fragment_fromstring(ARTICLE)
    address = "https://example.org/a.html"
    printed_pages.show_labs(body, address, "Runs at")
    printed_pages.tell_origin(body, "https://example.org/", "From")
    printed_pages.leave_out(body)
    printed_pages.answer_questions(body)
    printed_pages.unfold(body)
    printed_pages.plain_code(body)
    assert printed_pages.unique_places(body) == {"a", "lab-x"}
    html = tostring(body, encoding="unicode")
    assert not re.search(r"details|summary|headerlink|hidden|stage|q\.webp|class=\"cell\"|downloads", html)
    assert '<p>From <a href="https://example.org/">' in html
    assert f'<p>Runs at <a href="{address}#lab-x">{address}</a></p></figcaption>' in html
    assert '<ol class="choices" type="a"><li>This</li><li>That</li></ol>' in html
    assert '<ol class="answers" type="a"><li><p>Yes. So.</p>' in html
    assert '<div><p class="admonition-title">More</p><p>unfolded</p></div>' in html
    assert '<pre><span class="keyword">import</span> a <span class="comment"># b</span>\n</pre>' in html


def test_links_stay_in_the_book_where_it_has_their_target():
    def page(name: str, links: str) -> printed_pages.Page:
        body = fragment_fromstring(f"<section>{links}</section>")
        return printed_pages.Page(name, "", name, body, {"here"})

    first = page("a/one", "".join(f'<a href="{h}">x</a>' for h in (
        "two.html#here", "two.html#gone", "../index.html", "#here", "../genindex.html", "https://example.org/x",
        "../_downloads/f.zip",
    )))  # fmt: skip
    pages = [first, page("a/two", ""), page("index", "")]
    printed_pages.redirect(pages, "https://book/", lambda name, place: f"{name}:{place}")
    assert [link.get("href") for link in first.body.iter("a")] == [
        "a/two:here", "a/two:", "index:", "a/one:here", "https://book/genindex.html", "https://example.org/x",
        "https://book/_downloads/f.zip",
    ]  # fmt: skip


def test_letters_of_the_mathematical_kinds_and_mended_mathml():
    assert [printed_epub.letter_in("script", c) for c in "LN"] == ["ℒ", "𝒩"]
    assert [printed_epub.letter_in("double-struck", c) for c in "ER"] == ["𝔼", "ℝ"]
    assert printed_epub.letter_in("normal", "d") == "d"
    math = fragment_fromstring(
        "<math><msub><mi>l</mi><mi>max</mi><mo>\u2061</mo></msub><mo><mi>mod</mi></mo></math>"
    )
    printed_epub._repair(math)
    assert (
        tostring(math, encoding="unicode") == "<math><msub><mi>l</mi><mi>max</mi></msub><mo>mod</mo></math>"
    )


def test_drawings_of_the_epub_have_each_id_once_and_name_no_other_host(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd">'
        '<svg xmlns="http://www.w3.org/2000/svg"><metadata>x</metadata><g id="a"/><g id="a"/><path style="s"/></svg>'
    )
    clean = printed_epub._clean_svg(path).decode()
    assert clean == '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"/><g/></svg>'


def test_what_is_up_to_date_is_not_printed_again(tmp_path, capsys):
    target, printed = tmp_path / "book.epub", []

    def make(path: Path) -> dict:
        printed.append(path)
        path.write_text("x")
        return {"pages": 3}

    for digest in ("1", "1", "2"):
        print_book.renew(target, digest, make)
    assert len(printed) == 2 and target.read_text() == "x"
    assert capsys.readouterr().out.splitlines()[1] == "book.epub: up to date"
    assert downloads.facts_of(target) == {"pages": 3, "digest": "2"}


def test_the_digest_sees_text_and_pictures_but_not_the_links_to_the_files(tmp_path):
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / "a.svg").write_text("1")
    page = tmp_path / "index.html"
    html = (
        '<head>{}</head><article class="bd-article">{}<div class="downloads" data-pdf="x">{}</div></article>'
    )
    page.write_text(html.format("", "text", ""))
    before = print_book.digest_of(tmp_path, {})
    page.write_text(html.format("another head", "text", "<p>links</p>"))
    assert print_book.digest_of(tmp_path, {}) == before
    page.write_text(html.format("", "other text", ""))
    assert print_book.digest_of(tmp_path, {}) != before
    page.write_text(html.format("", "text", ""))
    (tmp_path / "_images" / "a.svg").write_text("2")
    assert print_book.digest_of(tmp_path, {}) != before
