"""Let plots follow the dark: mark the figures that the style sheet may turn to light lines on a dark ground.

A plot is an SVG of matplotlib that holds nothing but greys and the colours of the course's palette: no pixels and no mesh
of colours. A photograph, a drawn scene, an eye, a colour map has other colours or pixels, and would be wrong when turned;
it keeps its light sheet. When in doubt, a figure is no plot.
"""

import re
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx

# ten colours of seaborn's palette "colorblind", which utils.plotting sets; a test holds the two together
PALETTE = frozenset("#0173b2 #de8f05 #029e73 #d55e00 #cc78bc #ca9161 #fbafe4 #949494 #ece133 #56b4e9".split())
GREY = 8  # the most by which the channels of a grey differ, of 255
_PICTURE = re.compile(r"<image|QuadMesh|<linearGradient|<radialGradient|:\s*(?:rgb|hsl)a?\(")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")


def is_plot(svg: str) -> bool:
    """Return whether the text of an SVG holds only lines, areas and words in greys and colours of the palette."""
    if 'id="figure_1"' not in svg or _PICTURE.search(svg):
        return False
    return all(colour in PALETTE or _is_grey(colour) for colour in set(map(str.lower, _COLOUR.findall(svg))))


def _is_grey(colour: str) -> bool:
    channels = bytes.fromhex(colour[1:])
    return max(channels) - min(channels) <= GREY


@cache
def _is_plot_file(path: Path, changed: int) -> bool:
    return path.suffix == ".svg" and is_plot(path.read_text("utf-8"))


def mark_plots(body: str, sources: dict[str, Path]) -> str:
    """Give each plot of a page the class ``plot``; ``sources`` has the file of each image in ``_images``."""

    def mark(match: re.Match) -> str:
        path = sources.get(match["name"])
        if path and _is_plot_file(path, path.stat().st_mtime_ns):
            return match.group().replace("<img", '<img class="plot"', 1)
        return match.group()

    return re.sub(r'<img (?![^>]*\bclass=)[^>]*?src="[^"]*?_images/(?P<name>[^"]+)"', mark, body)


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Mark the plots of one page before it is written."""
    if "body" in context:
        sources = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
        context["body"] = mark_plots(context["body"], sources)


def setup(app: Sphinx) -> dict:
    """Connect to the writing of a page."""
    app.connect("html-page-context", page_context)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
