"""Set formulas with KaTeX while the site is built, so that a page shows them without program or network.

One Node process serves the whole build. A formula that KaTeX cannot read is a warning with its place in
the source, which ``-W`` turns into a failed build. KaTeX's style sheet is copied into the site, and of its
fonts the glyphs that are used.
"""

import json
import re
import shutil
from html import unescape
from pathlib import Path

from docutils import nodes
from node_packages import package_folder, start_node
from small_assets import subset_font
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

_ENVIRONMENT = re.compile(r"\\(begin|end)\{(equation|align|gather|alignat)\}")
_SHORT = 15  # characters of TeX; a longer formula may be broken at an equals sign
_PUNCTUATION = re.compile(r"[.,;:!?)。，；：！？）]+|-\w+")
_TOKEN = re.compile(r"<(?P<end>/?)(?P<tag>\w+)[^>]*>|(?P<text>[^<]+)")
_RENDER_LINES = """
const katex = require(process.argv[1]);
const lines = require('node:readline').createInterface({input: process.stdin});
lines.on('line', (line) => {
  const {tex, displayMode} = JSON.parse(line);
  let answer;
  try {
    const options = {displayMode, throwOnError: true, strict: 'error', trust: false, output: 'htmlAndMathml'};
    answer = {html: katex.renderToString(tex, options)};
  } catch (error) {
    answer = {error: error.message};
  }
  process.stdout.write(JSON.stringify(answer) + '\\n');
});
"""


class Katex:
    """One Node process that turns TeX into HTML; each formula is rendered once.

    Parameters
    ----------
    folder : Path
        The folder of the npm package ``katex``.
    """

    def __init__(self, folder: Path) -> None:
        self._program = folder / "dist" / "katex.js"
        self._process = None
        self._answers: dict[tuple[str, bool], dict] = {}

    def render(self, tex: str, display: bool) -> dict:
        """Return ``{"html": …}``, or ``{"error": …}`` for a formula that KaTeX cannot read."""
        key = (tex, display)
        if key not in self._answers:
            self._answers[key] = self._ask({"tex": tex, "displayMode": display})
        return self._answers[key]

    def _ask(self, question: dict) -> dict:
        if self._process is None:
            self._process = start_node(["-e", _RENDER_LINES, str(self._program)])
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ExtensionError("Node ended while it was setting a formula; its message stands above.")
        return json.loads(line)

    def close(self) -> None:
        """End the Node process, if one was started."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None


def _html(translator, node: nodes.Element, tex: str, display: bool) -> str:
    app = translator.builder.app
    answer = app.katex.render(tex, display)
    if "error" in answer:
        logger.warning("%s in the formula %r", answer["error"], tex, location=node, type="math")
        return f"<code>{translator.encode(tex)}</code>"
    return answer["html"]


def keep_punctuation(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Take the comma behind a formula along with it: a browser may else begin the next line with it."""
    for formula in list(doctree.findall(nodes.math)):
        text = formula.next_node(descend=False, siblings=True)
        mark = isinstance(text, nodes.Text) and _PUNCTUATION.match(text)
        if mark:
            formula["punctuation"] = mark.group()
            place = next(
                i for i, node in enumerate(text.parent) if node is text
            )  # equal texts may stand before
            text.parent[place] = nodes.Text(text[mark.end() :])


def visit_inline(translator, node: nodes.math) -> None:
    """Write a formula inside a line, and what punctuation belongs to it."""
    html = _html(translator, node, node.astext(), display=False)
    punctuation = node.get("punctuation", "")
    short = len(node.astext()) <= _SHORT or html.count('class="katex-base"') == 1
    in_one_piece = punctuation and short
    if in_one_piece:
        translator.body.append('<span class="math-with-punctuation">')
    translator.body.append(translator.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    translator.body.append(f"{html}</span>{punctuation}{'</span>' if in_one_piece else ''}")
    raise nodes.SkipNode


def visit_display(translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number if it has a label."""
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        translator.body.append("</span>")
    # the number is in the page already: the starred form of an environment draws none of its own
    tex = _ENVIRONMENT.sub(r"\\\1{\2*}", node.astext().strip())
    if r"\\" in tex and not tex.startswith(r"\begin{"):
        tex = rf"\begin{{split}}{tex}\end{{split}}"  # as Sphinx does it for MathJax
    translator.body.append(_html(translator, node, tex, display=True) + "</div>\n")
    raise nodes.SkipNode


def _prepare(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    folder = package_folder(Path(app.srcdir), "katex")
    app.katex = Katex(folder)
    copy_style(folder / "dist", Path(app.outdir, "_static", "katex"))


def copy_style(dist: Path, target: Path) -> None:
    """Copy KaTeX's style sheet; of the three formats of its fonts it shall name the one that `write_fonts` writes."""
    css = (dist / "katex.min.css").read_text("utf-8")
    css = re.sub(r'url\([^)]*\) format\("(?:woff2|truetype)"\),?', "", css)
    css = re.sub(r",(?=[;}])", "", css)
    target.mkdir(parents=True, exist_ok=True)
    (target / "katex.css").write_text(css, "utf-8")
    shutil.copyfile(dist.parent / "LICENSE", target / "LICENSE.txt")


def write_fonts(dist: Path, target: Path, characters: set[str]) -> None:
    """Write KaTeX's fonts with those glyphs that the formulas of the site use: a tenth of all."""
    for font in (dist / "fonts").glob("*.ttf"):
        subset_font(font, target / "fonts" / f"{font.stem}.woff", set(map(ord, characters)))


def characters_of_formulas(html: str) -> set[str]:
    """Return the characters that the formulas of a page show."""
    characters: set[str] = set()
    for formula in re.finditer(r'<span class="katex-html"', html):
        depth = 0
        for token in _TOKEN.finditer(html, formula.start()):
            if token["text"]:
                characters.update(unescape(token["text"]))
            elif token["tag"] == "span":
                depth += -1 if token["end"] else 1
                if depth == 0:
                    break
    return characters


def _link_style(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    if 'class="katex' in context.get("body", ""):
        app.add_css_file("katex/katex.css")


def _finish(app: Sphinx, exception: Exception | None) -> None:
    if not hasattr(app, "katex"):
        return
    app.katex.close()
    if exception is None:
        pages = (path.read_text("utf-8") for path in Path(app.outdir).rglob("*.html"))
        characters = set().union(*map(characters_of_formulas, pages))
        dist = package_folder(Path(app.srcdir), "katex") / "dist"
        write_fonts(dist, Path(app.outdir, "_static", "katex"), characters)


def setup(app: Sphinx) -> dict:
    """Register the renderer under the name ``static``."""
    app.add_html_math_renderer("static", (visit_inline, None), (visit_display, None))
    app.connect("builder-inited", _prepare)
    app.connect("doctree-resolved", keep_punctuation)
    app.connect("html-page-context", _link_style)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
