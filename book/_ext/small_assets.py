"""Leave out of the finished site what no page of it uses: icons, style rules, source maps; make one style sheet of many.

The theme ships two thousand icons, three times (a program, fonts, style rules), and the whole of
Bootstrap; a page shows about thirty icons. The original files are read from the theme each time, so a
new page finds the rules it needs. The style sheets of the theme and of the extensions become one file: a browser shows
nothing before it has them all. And the theme's program no longer measures every box of code when a page opens, which
laid out what is off the screen; course.js makes scrolling boxes reachable without that.
"""

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import pydata_sphinx_theme
import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
UNUSED = (
    "**/*.map",
    "*webpack-macros.html",
    "scripts/fontawesome.js*",
    "styles/pydata-sphinx-theme.css",
    "vendor/fontawesome/webfonts/*",
)
APART = ("katex/katex.css",)  # pages with formulas load it, before the book's own style
LEAN = "styles/lean-theme.css"
LOGOS = ("images/logo_colab.png",)
LOGO_PIXELS = 64  # twice what a page shows
_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
_WORD = re.compile(r"[\w-]+")
_FONT_FILES = re.compile(r'url\(([^)]*)\.woff2\) format\("woff2"\),\s*url\([^)]*\.ttf\) format\("truetype"\)')
_TAB_STOPS = re.compile(r'document\.querySelectorAll\(\["pre",[^}]*?\.tabIndex=[^}]*\}\)')
_PRIVATE_USE = range(0xE000, 0xF900)  # where an icon font keeps its icons


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Take the style sheets of the theme and of the extensions out of a page: layout.html links the one made of them."""
    own = (*APART, *(name for name, _ in app.config.html_css_files))
    linked = context.get("css_files", [])
    joined = dict.fromkeys(_name(style) for style in linked if _name(style) not in own)
    app.styles_to_join = getattr(app, "styles_to_join", {}) | joined
    context["css_files"] = [style for style in linked if _name(style) in own]


def _name(style) -> str:
    return str(style.filename).removeprefix("_static/")


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Shrink the static files of a finished HTML site; where no page was written, they are as small as they were."""
    if exception is not None or app.builder.name != "html" or not hasattr(app, "styles_to_join"):
        return
    static = Path(app.outdir, "_static")
    for pattern in UNUSED:
        for path in static.glob(pattern):
            path.unlink()
    for logo in LOGOS:
        shrink_logo(static / logo)
    css = [style_of(static / "basic.css", static)]  # of Sphinx; the theme's own is made to follow it
    css += [(THEME / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")]
    css += [style_of(static / name, static) for name in app.styles_to_join]
    text = prune("\n".join(css), words_of_site(Path(app.outdir)))
    text = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", text)
    text = _FONT_FILES.sub(r'url(\1.woff) format("woff")', text)
    (static / LEAN).write_text(text, "utf-8")
    program = (THEME / "scripts" / "pydata-sphinx-theme.js").read_text("utf-8")
    (static / "scripts" / "pydata-sphinx-theme.js").write_text(without_tab_stops(program), "utf-8")
    icons = icons_of_site(static)
    for font in (THEME / "vendor" / "fontawesome" / "webfonts").glob("*.ttf"):
        subset_font(font, static / "vendor" / "fontawesome" / "webfonts" / f"{font.stem}.woff", icons)


def style_of(path: Path, static: Path) -> str:
    """Return a style sheet as it reads from the folder of the joint one: its addresses are relative to where it lies."""
    text = path.read_text("utf-8")
    return text if path.parent == (static / LEAN).parent else re.sub(r"url\((?![\"']?data:)", "url(../", text)


def without_tab_stops(program: str) -> str:
    """Return the theme's program without the measuring of everything that might scroll.

    Raises
    ------
    ExtensionError
        If it is not there: another version of the theme needs another look.
    """
    program, count = _TAB_STOPS.subn("0", program)
    if count != 1:
        raise ExtensionError(
            "small_assets.py finds no tab stops in the theme's program: has its version changed?"
        )
    return program


def shrink_logo(path: Path) -> None:
    """Make a logo as small as the menu shows it, if it is there; a second build finds it small already."""
    if path.is_file():
        with Image.open(path) as logo:
            small = logo.convert("RGBA")
        small.thumbnail((LOGO_PIXELS, LOGO_PIXELS))
        small.quantize(32).save(path, "PNG", optimize=True)


def icons_of_site(static: Path) -> set[int]:
    """Return the code points of the icons that the style sheets name, as a letter or as an escape."""
    text = "".join(path.read_text("utf-8") for path in static.rglob("*.css"))
    escaped = (int(code, 16) for code in re.findall(r"\\([0-9a-fA-F]{4})\b", text))
    return {code for code in (*escaped, *map(ord, text)) if code in _PRIVATE_USE}


def words_of_site(site: Path) -> set[str]:
    """Return every word in the pages and programs of a site: the classes in use are among them."""
    words = set()
    for path in (*site.rglob("*.html"), *site.rglob("*.js")):
        if path.name not in ("searchindex.js", "fontawesome.js"):
            words.update(_WORD.findall(path.read_text("utf-8")))
    return words


def prune(css: str, words: set[str]) -> str:
    """Return a style sheet without the rules for classes that are not among the words."""
    return _serialize(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), words)


def _serialize(rules: Iterable, words: set[str]) -> str:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = _split_selectors(tinycss2.serialize(rule.prelude).strip())
            selectors = [selector for selector in selectors if _needed_classes(selector) <= words]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{tinycss2.serialize(rule.content)}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if body := _serialize(inner, words):
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{body}}}")
        else:
            kept.append(rule.serialize())
    return "".join(kept)


def _split_selectors(prelude: str) -> list[str]:
    parts = re.split(r",(?![^()]*\))", prelude)
    return parts if all(part.count("(") == part.count(")") for part in parts) else [prelude]


def _needed_classes(selector: str) -> set[str]:
    # what stands in :not(…) or :is(…) may be missing from the page and the rule still applies
    while selector != (outer := re.sub(r"\([^()]*\)", "", selector)):
        selector = outer
    return set(_CLASS.findall(selector))


def subset_font(source: Path, target: Path, codes: set[int]) -> None:
    """Write the glyphs with these code points as a compressed font."""
    options = subset.Options(flavor="woff", layout_features=[], notdef_outline=True, hinting=False)
    with TTFont(source, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=codes)
        cutter.subset(font)
        font.flavor = "woff"
        target.parent.mkdir(parents=True, exist_ok=True)
        font.save(target)


def setup(app: Sphinx) -> dict:
    """Connect to the writing of a page, when its style sheets are known, and to the end of the build."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of the date of each font
    app.connect("html-page-context", page_context, priority=960)
    app.connect("build-finished", finish, priority=960)  # the theme writes its colours of code then
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
