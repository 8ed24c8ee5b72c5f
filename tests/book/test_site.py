"""The built site, read from its files: complete, self-contained, light and described."""

import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

pytestmark = pytest.mark.site

ROOT = Path(__file__).parents[2]
LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest", "apple-touch-icon"}
LOADED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
KILOBYTE = 1024
BUDGET = 250 * KILOBYTE  # compressed, without the fonts of formulas, which tests/browser adds up


@cache
def parse(path: Path) -> BeautifulSoup:
    """Return a page as a tree."""
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def names_of_pages() -> list[str]:
    """Return the pages that _toc.yml lists, and the search page."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [f"{name}.html" for name in (toc["root"], *chapters, "search")]


def pages(site: Path) -> Iterator[tuple[str, BeautifulSoup]]:
    """Yield the name and the tree of each page of the site."""
    for name in names_of_pages():
        yield name, parse(site / name)


def loaded_by(page: BeautifulSoup) -> Iterator[str]:
    """Yield the address of everything that a browser loads because of a page's own elements."""
    for link in page.find_all("link", href=True):
        if LOADED_LINKS & set(link.get("rel", [])):
            yield link["href"]
    for name, attributes in LOADED.items():
        for tag in page.find_all(name):
            for attribute in attributes:
                if value := tag.get(attribute):
                    addresses = value.split(",") if attribute == "srcset" else [value]
                    yield from (address.split()[0] for address in addresses)
    for style in [*page.find_all("style"), *page.find_all(style=True)]:
        yield from addresses_in_css(style.get("style") or style.get_text())


def addresses_in_css(css: str) -> list[str]:
    """Return what a style sheet loads: url(…) and @import."""
    found = re.findall(r"url\(\s*['\"]?([^'\")]+)", css) + re.findall(r"@import\s+['\"]([^'\"]+)", css)
    return [address for address in found if not address.startswith(("data:", "#"))]


def is_external(address: str) -> bool:
    """Return whether an address is on another host."""
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https", "ftp", "ws", "wss")


def target(site: Path, page: str, address: str) -> tuple[Path, str]:
    """Return the file that a local address on a page means, and the fragment."""
    parts = urlsplit(address)
    path = unquote(parts.path)
    return ((site / page).parent / path).resolve() if path else site / page, unquote(parts.fragment)


def test_landing_page_is_a_page_and_no_redirect(site):
    page = parse(site / "index.html")
    assert page.html["lang"] == "en"
    assert page.find("meta", attrs={"http-equiv": re.compile("refresh", re.IGNORECASE)}) is None
    assert "window.location" not in str(page)
    assert page.h1.get_text().startswith("Image recognition")
    assert page.select_one("svg.drawing[role=img][aria-label]")


def chapters() -> dict[str, dict]:
    """Return the facts about each chapter."""
    return yaml.safe_load((ROOT / "book" / "chapters.yml").read_text("utf-8"))["chapters"]


def test_the_map_on_the_landing_page_leads_to_every_chapter_in_its_order(site):
    course_map = parse(site / "index.html").select_one("ul#course-map.course-map")
    links = course_map.select("ol > li > p:first-child > a")
    assert [link["href"] for link in links] == [f"{name}.html" for name in chapters()]
    assert all(link.get_text(strip=True) for link in links)
    assert len(course_map.find_all("li", recursive=False)) == 7
    words = course_map.get_text()
    assert [facts["question"] for facts in chapters().values() if facts["question"] not in words] == []
    assert len(course_map.select(".chapter-facts")) == len(links)


def test_each_chapter_says_what_it_takes_and_where_to_go_next(site):
    names = [*chapters(), "book/labs/classify"]
    for name, following in zip(names, names[1:], strict=False):
        page, facts = parse(site / f"{name}.html"), chapters()[name]
        head = page.select_one("h1 + .chapter-facts").get_text()
        assert f"{facts['read']} min to read" in head and " s to run" in head
        assert ("introductory", "intermediate", "demanding")[facts["level"] - 1] in head
        links = [
            target(site, f"{name}.html", link["href"])[0].relative_to(site.resolve()).as_posix()
            for link in page.select("nav.chapter-end li a")
        ]
        lab = [f"book/labs/{facts['lab']}.html"] if "lab" in facts else []
        assert links == [f"{following}.html", f"{facts['related']}.html", *lab], name
        for other in (following, facts["related"]):
            if other in chapters():
                assert chapters()[other]["question"] in page.select_one("nav.chapter-end").get_text()
    assert not parse(site / "book" / "glossary.html").select(".chapter-facts, .chapter-end")


def test_each_chapter_can_be_launched_and_downloaded_and_no_other_page(site):
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    repository = config["repository"]["url"].removeprefix("https://github.com/")
    for name, page in pages(site):
        name = name.removesuffix(".html")
        buttons = {link.get_text(strip=True): link for link in page.select(".article-header-buttons a[href]")}
        if name not in chapters():
            assert not {"Binder", "Colab", ".ipynb"} & set(buttons), name
            continue
        for group in page.select(".article-header-buttons button.dropdown-toggle"):
            assert group["aria-label"], name
        branch = config["repository"]["branch"]
        assert buttons["Binder"]["href"] == (
            f"https://mybinder.org/v2/gh/{repository}/{branch}?urlpath=lab/tree/{name}.ipynb"
        )
        assert buttons["Colab"]["href"] == (
            f"https://colab.research.google.com/github/{repository}/blob/colab/{name}.ipynb"
        )
        assert (site.parent / "colab" / f"{name}.ipynb").is_file(), "what the branch of Colab is made of"
        download, _ = target(site, f"{name}.html", buttons[".ipynb"]["href"])
        assert download.is_file() and download.name == Path(name).name + ".ipynb"
        assert all(buttons[words].get("title") for words in ("Binder", "Colab", ".ipynb"))


def test_only_plots_are_turned_in_the_dark_and_most_of_them_are(site):
    images = [image for _, page in pages(site) for image in page.select("article img[src*=_images]")]
    plots = [image for image in images if "plot" in image.get("class", [])]
    assert len(plots) > 0.4 * len(images)
    for image in plots:
        svg = (site / "_images" / Path(image["src"]).name).read_text("utf-8")
        assert "<image" not in svg and "QuadMesh" not in svg


def test_every_page_of_the_contents_is_built(site):
    assert [name for name in names_of_pages() if not (site / name).is_file()] == []


def test_pages_load_nothing_from_another_host(site):
    problems = [(name, url) for name, page in pages(site) for url in loaded_by(page) if is_external(url)]
    for css in site.rglob("*.css"):
        found = addresses_in_css(css.read_text("utf-8"))
        problems += [(css.name, url) for url in found if is_external(url)]
    assert problems == []


def test_everything_that_pages_load_is_there(site):
    problems = []
    for name, page in pages(site):
        for url in loaded_by(page):
            if not url.startswith(("data:", "#")) and not target(site, name, url)[0].is_file():
                problems.append((name, url))
    for css in site.rglob("*.css"):
        for url in addresses_in_css(css.read_text("utf-8")):
            if not (css.parent / urlsplit(url).path).is_file():
                problems.append((css.name, url))
    assert problems == []


def test_links_within_the_site_lead_somewhere(site):
    problems = []
    for name, page in pages(site):
        for link in page.find_all("a", href=True):
            url = link["href"]
            if is_external(url) or url.startswith(("mailto:", "javascript:")) or url in ("#", ""):
                continue
            path, fragment = target(site, name, url)
            if not path.is_file():
                problems.append((name, url))
            elif fragment and path.suffix == ".html" and not has_anchor(path, fragment):
                problems.append((name, url))
    assert problems == []


def test_each_claim_leads_to_the_cells_that_decide_it_and_they_lead_back(site):
    claims = yaml.safe_load((ROOT / "book" / "claims.yml").read_text("utf-8"))
    summary = site / "chapters" / "7_summary" / "summary.html"
    for claim in claims:
        (row,) = parse(summary).select(f"tr#claim-{claim['id'].lower()}.{claim['verdict']}")
        assert len(row.find_all("td")) == 3 and claim["statement"] in row.get_text()
        links = row.select("a[href]")
        assert len(links) == len(claim["evidence"])
        for link, evidence in zip(links, claim["evidence"], strict=True):
            page, fragment = target(site, "chapters/7_summary/summary.html", link["href"])
            cell = parse(page).find(id=fragment)
            assert fragment == f"cell-{evidence['cell']}" and "cell" in cell["class"]
            back = cell.find_next_sibling("p", class_="held-by")
            assert back.find("a", string=claim["id"]), f"{claim['id']}: nothing behind {fragment} leads back"


def has_anchor(path: Path, fragment: str) -> bool:
    """Return whether a page has an element with this id or name."""
    return fragment in anchors(path)


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return all ids and names of a page."""
    page = parse(path)
    ids = {tag["id"] for tag in page.find_all(id=True)}
    return frozenset(ids | {tag["name"] for tag in page.find_all("a", attrs={"name": True})})


def test_formulas_are_set(site):
    problems = []
    for name, page in pages(site):
        problems += [(name, str(math)[:80]) for math in page.select(".math") if not math.select_one(".katex")]
        problems += [
            (name, str(error)[:80]) for error in page.select(".katex-error, .MathJax, mjx-container")
        ]
        if article := page.select_one("article.bd-article"):
            text = "".join(
                str(words)
                for words in article.find_all(string=True)
                if not words.find_parent(["pre", "code", "script", "style", "annotation"])
            )
            problems += [
                (name, found) for found in re.findall(r"\\\(|\\\[|\\begin\{|\$\$|\\[a-z]{3,}\{", text)
            ]
    assert problems == []


def test_no_markup_is_left_in_the_text(site):
    problems = []
    for name, page in pages(site):
        if article := page.select_one("article.bd-article"):
            for words in article.find_all(string=re.compile(r"\{[\w:]+\}`|\]\([\w./#]+\)|^:::|\*\*")):
                if not words.find_parent(["pre", "code", "script", "style", "annotation"]):
                    problems.append((name, str(words)[:80]))
    assert problems == []


def test_every_image_says_what_it_shows(site):
    problems = []
    for name, page in pages(site):
        for image in page.find_all("img"):
            decorative = "course-brand__sign" in image.get(
                "class", []
            )  # the name of the book stands beside it
            if "alt" not in image.attrs or (not decorative and not image["alt"].strip()):
                problems.append((name, image.get("src")))
        for drawing in page.select("article svg[role=img]"):
            if not drawing.get("aria-label"):
                problems.append((name, "drawing without a label"))
    assert problems == []


def test_every_page_describes_itself(site):
    for name, page in pages(site):
        descriptions = page.find_all("meta", attrs={"name": "description"})
        assert len(descriptions) == 1, name
        assert 10 <= len(descriptions[0]["content"]) <= 170, name
        assert "\\" not in descriptions[0]["content"], name


def test_pages_are_light(site):
    heavy = {name: weight for name, page in pages(site) if (weight := page_weight(site, name, page)) > BUDGET}
    assert heavy == {}


def page_weight(site: Path, name: str, page: BeautifulSoup) -> int:
    """Return the bytes of a page and of what it loads, compressed, without the fonts of formulas."""
    files = {site / name}
    for url in loaded_by(page):
        if not url.startswith(("data:", "#")) and not is_external(url):
            files.add(target(site, name, url)[0])
    for css in [file for file in files if file.suffix == ".css"]:
        for url in addresses_in_css(css.read_text("utf-8")):
            file = (css.parent / urlsplit(url).path).resolve()
            if "katex" not in file.parts:
                files.add(file)
    return sum(len(gzip.compress(file.read_bytes(), 6)) for file in files)


def test_programs_that_no_page_needs_are_not_in_the_site(site):
    names = {path.name for path in site.rglob("*") if path.is_file()}
    assert not names & {"fontawesome.js", "sphinx-thebe.js", "require.min.js"}
    assert not [name for name in names if name.endswith(".map")]


def test_search_index_is_read_on_the_search_page_only(site):
    readers = [name for name, page in pages(site) if page.find("script", src=re.compile("searchindex"))]
    assert readers == ["search.html"]


def test_pages_do_not_tell_where_they_were_built(site):
    leaks = []
    for path in [*site.rglob("*.html"), *site.rglob("_sources/**/*"), *site.rglob("*.js")]:
        if path.is_file() and str(ROOT) in path.read_text("utf-8", errors="replace"):
            leaks.append(path.name)
    assert leaks == []
