"""The look of the course, and the figures that more than one chapter draws; arrays in, figures out."""

import base64
import io
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PALETTE = tuple(sns.color_palette("colorblind").as_hex())
"""Ten colours that colour-blind readers can tell apart; lines also differ by their dashes, for grey print."""

_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def use_course_style() -> None:
    """Set the course's look for all figures of this process: small files, readable text, no random ids.

    In a notebook figures become SVG, whose text stays text.
    """
    sns.set_theme(style="ticks", palette="colorblind")
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
            "font.size": 10,
            "axes.prop_cycle": matplotlib.cycler(color=PALETTE[:5]) + matplotlib.cycler(linestyle=_DASHES),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "figure.constrained_layout.use": True,
            "svg.fonttype": "none",
            "svg.hashsalt": "course",
        }
    )
    _notebook_figures_as_svg()


def _notebook_figures_as_svg() -> None:
    import IPython
    from IPython.core.pylabtools import print_figure
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    shell = IPython.get_ipython()
    if shell is None:
        return
    options = {"bbox_inches": "tight", "metadata": {"Date": None, "Creator": None}}
    set_matplotlib_formats("svg", **options)
    formatter = shell.display_formatter.formatters["image/svg+xml"]
    formatter.for_type(Figure, lambda figure: small_svg(print_figure(figure, "svg", **options)))


def small_svg(svg: str) -> str:
    """Return an SVG of matplotlib without what no reader sees: half of its bytes are the fifth digits of a point."""
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", svg)
    svg = _GEOMETRY.sub(lambda attribute: _LONG_NUMBER.sub(_two_digits, attribute[0]), svg)
    svg = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", svg)).strip()
    return _EMBEDDED_PNG.sub(_as_webp, svg)


_EXACT_PIXELS = 48 * 48
_EMBEDDED_PNG = re.compile(r"data:image/png;base64,([^\"]+)")
_GEOMETRY = re.compile(r'\b(?:d|x|y|transform|points|width|height)="[^"]*"')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def _two_digits(number: re.Match) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _as_webp(embedded: re.Match) -> str:
    """Embed the same pixels as lossless WebP, which takes a third less than PNG; photographs nearly the same ones.

    An image of more than 48 × 48 pixels that a lossy WebP makes less than half as large is a photograph.
    """
    from PIL import Image

    def encoded(image, **options):
        content = io.BytesIO()
        image.save(content, "WEBP", method=6, **options)
        return content.getvalue()

    with Image.open(io.BytesIO(base64.b64decode(embedded[1]))) as image:
        content = encoded(image, lossless=True, quality=100, exact=True)
        if image.width * image.height > _EXACT_PIXELS:
            lossy = encoded(image, quality=85)
            content = lossy if 2 * len(lossy) < len(content) else content
    return "data:image/webp;base64," + base64.b64encode(content).decode("ascii")


def show_images(
    images: np.ndarray, titles: Sequence[str] | None = None, columns: int = 8, scale: float = 0.9
) -> Figure:
    """Draw images of shape (B, H, W, C), uint8, C = 1 or 3, in a grid, each with its title above it."""
    rows = -(-len(images) // columns)
    height = scale * (1.35 if titles is not None else 1.05)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * scale, rows * height), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for i, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="none")
        if titles is not None:
            ax.set_title(titles[i], fontsize=8, pad=3)
    return figure


def plot_confusion(matrix: np.ndarray, class_names: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix of shape (Y, Y), rows the truth, each cell shaded by its share of the row."""
    matrix = np.asarray(matrix)
    ax = ax or plt.subplots(figsize=(0.62 * len(class_names) + 1.6, 0.5 * len(class_names) + 1.2))[1]
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    sns.heatmap(
        100 * share,
        annot=np.where(matrix > 0, matrix, "").astype(str),
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=100,
        linewidths=0.5,
        cbar_kws={"label": "share of the true class (%)"},
        xticklabels=class_names,
        yticklabels=class_names,
        annot_kws={"fontsize": 8},
        ax=ax,
    )
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.grid(False)
    return ax
