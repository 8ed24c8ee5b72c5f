"""Print the whole book from the built site: a PDF, and an EPUB for e-readers, in `_build/download`.

    python scripts/print_book.py [--config _config.yml] [--path-output .]

Nothing is printed again as long as the pages, their pictures and these programs are the same. The PDF needs Chromium;
without one only the EPUB is made. Both are then linked from the pages that have a place for them.
"""

import argparse
import gettext
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import downloads  # noqa: E402
from chromium import find_chromium  # noqa: E402

PROGRAMS = ("scripts/print*.py", "scripts/chromium.py", "book/_ext/downloads.py", "book/_print/*")
PRINTED = re.compile(r'<nav class="bd-links.*?</nav>|<article class="bd-article">.*?</article>', re.DOTALL)
TAG = re.compile(r"<[^>]*>")


def facts_of_book(config: dict, site: Path) -> dict:
    """Return title, author, rights, address and language of the book."""
    html = config.get("html", {})
    return {
        "title": config["title"],
        "author": config["author"],
        "rights": TAG.sub("", html.get("extra_footer", "")).strip(),
        "address": html.get("baseurl", ""),
        "language": re.search(r'<html lang="([^"]*)"', (site / "index.html").read_text("utf-8")).group(1),
    }


def words_in(language: str) -> dict[str, str]:
    """Return the words of the files in a language."""
    catalogue = gettext.translation(
        downloads.CATALOGUE, ROOT / "book" / "locales", [language.replace("-", "_")], fallback=True
    )
    return {key: catalogue.gettext(text) for key, text in downloads.WORDS.items()}


def digest_of(site: Path, facts: dict) -> str:
    """Return a digest of all that decides what is printed: the text of the pages, their pictures, the programs."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for page in sorted(site.rglob("*.html")):
        text = downloads.PLACE.sub("", page.read_text("utf-8"))
        digest.update(str(page.relative_to(site)).encode() + "".join(PRINTED.findall(text)).encode())
    pictures = [
        path for folder in ("_images", "_static/labs", "_static/katex") for path in (site / folder).rglob("*")
    ]
    programs = [path for pattern in PROGRAMS for path in ROOT.glob(pattern)]
    for path in sorted([*pictures, *programs]):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def print_pdf(site: Path, facts: dict, words: dict, chromium: str, target: Path) -> dict:
    """Print the PDF and return what is known of it."""
    import printed_pdf
    from printed_pages import read_pages

    pages = read_pages(site, facts["address"], words)
    names = [page.name for page in pages]
    formulas = (site / "_static" / "katex" / "katex.css").as_uri()
    sheet = target.with_name("book.html")
    sheet.write_text(printed_pdf.book_html(pages, facts, words, formulas, site.as_uri() + "/"), "utf-8")
    count = printed_pdf.print_pdf(chromium, sheet, names, target)
    sheet.unlink()
    return {"pages": count}


def print_epub(site: Path, facts: dict, words: dict, target: Path) -> dict:
    """Write the EPUB and return what is known of it."""
    import printed_epub
    from printed_pages import read_pages

    printed_epub.write(read_pages(site, facts["address"], words), site, facts, words, target)
    return {}


def renew(target: Path, digest: str, make: Callable[[Path], dict]) -> None:
    """Make a file unless it is there and of this digest, and say so."""
    record = target.with_name(downloads.RECORD)
    known = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    if target.is_file() and known.get(target.name, {}).get("digest") == digest:
        print(f"{target.name}: up to date")
        return
    start = time.perf_counter()
    unfinished = target.with_name(f"unfinished-{target.name}")
    facts = make(unfinished)
    unfinished.replace(target)
    record.write_text(json.dumps(known | {target.name: facts | {"digest": digest}}, indent=1), "utf-8")
    pages = f"{facts['pages']} pages, " if facts else ""
    seconds = time.perf_counter() - start
    print(f"{target.name}: {pages}{target.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s")


def main() -> int:
    """Print what is out of date, and link it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=ROOT / "_config.yml")
    parser.add_argument("--path-output", type=Path, default=ROOT, help="as that of jupyter-book")
    arguments = parser.parse_args()
    site = arguments.path_output.resolve() / "_build" / "html"
    if not (site / "index.html").is_file():
        parser.error(f"there is no site in {site}: run `make book`, or `jupyter-book build .` first")
    facts = facts_of_book(yaml.safe_load(arguments.config.read_text("utf-8")), site)
    words, digest = words_in(facts["language"]), digest_of(site, facts)
    folder = site.parent / "download"
    folder.mkdir(exist_ok=True)
    pdf, epub = (folder / downloads.FILES[kind] for kind in ("pdf", "epub"))
    renew(epub, digest, lambda target: print_epub(site, facts, words, target))
    if chromium := find_chromium():
        renew(pdf, digest, lambda target: print_pdf(site, facts, words, chromium, target))
    else:
        pdf.unlink(missing_ok=True)  # it may be of an older book
        print(f"{pdf.name}: not printed, since there is no Chromium (COURSE_CHROMIUM may name one)")
    downloads.fill(site)
    return 0


if __name__ == "__main__":
    sys.exit(main())
