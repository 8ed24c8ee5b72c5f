import base64
import io
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from utils import plotting

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def no_windows_and_no_traces():
    matplotlib.use("Agg")
    with matplotlib.rc_context():
        yield
    plt.close("all")


def test_style_makes_svg_with_text_and_without_random_ids(tmp_path):
    plotting.use_course_style()
    for name in ("a", "b"):
        figure, ax = plt.subplots()
        ax.plot([1, 2], label="a line")
        ax.legend()
        figure.savefig(tmp_path / f"{name}.svg", metadata={"Date": None, "Creator": None})
    a, b = ((tmp_path / f"{name}.svg").read_text() for name in "ab")
    assert a == b and ">a line</text>" in a


def test_small_svg_draws_the_same_with_fewer_bytes(tmp_path):
    figure, ax = plt.subplots()
    ax.plot(np.linspace(0, 1, 50), np.random.default_rng(0).random(50))
    ax.set_title("0.123456 < π")
    plotting.use_course_style()
    figure.savefig(tmp_path / "a.svg")
    before = (tmp_path / "a.svg").read_text()
    after = plotting.small_svg(before)
    assert len(after) < 0.8 * len(before) and after.startswith("<svg") and after.endswith("</svg>")
    assert ">0.123456 &lt; π</text>" in after, "text is not geometry"
    old, new = (
        [path.get("d") for path in ElementTree.fromstring(svg).iter(f"{SVG}path")] for svg in (before, after)
    )
    numbers = [[float(n) for d in paths for n in re.findall(r"-?[\d.]+", d or "")] for paths in (old, new)]
    np.testing.assert_allclose(*numbers, rtol=0, atol=0.006)
    assert plotting.small_svg(after) == after


def test_small_svg_keeps_every_pixel_of_a_picture(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), dtype=np.uint8)
    plotting.show_images(image).savefig(tmp_path / "a.svg")
    small = plotting.small_svg((tmp_path / "a.svg").read_text())
    (embedded,) = re.findall(r"data:image/webp;base64,([^\"]+)", small)
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(embedded))).convert("RGB"))
    assert np.array_equal(drawn, image[0]) or np.array_equal(drawn[::-1], image[0])


def test_images_are_shown_as_they_are_with_their_titles():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    figure = plotting.show_images(images, list("abcde"), columns=3)
    drawn = [ax for ax in figure.axes if ax.images]
    assert len(figure.axes) == 6 and [ax.get_title() for ax in drawn] == list("abcde")
    for ax, image in zip(drawn, images, strict=True):
        assert np.array_equal(ax.images[0].get_array(), image)


def test_grey_images_keep_their_range():
    figure = plotting.show_images(np.full((1, 4, 4, 1), 100, np.uint8))
    assert figure.axes[0].images[0].get_clim() == (0, 255)


def test_confusion_shows_counts_and_shares_of_the_truth():
    ax = plotting.plot_confusion(np.array([[8, 2], [0, 0]]), ["cat", "dog"])
    assert [text.get_text() for text in ax.texts] == ["8", "2", "", ""], "a zero is not worth reading"
    np.testing.assert_allclose(ax.collections[0].get_array().ravel(), [80, 20, 0, 0])
    assert ax.get_xlabel() == "predicted class" and ax.get_ylabel() == "true class"


def embedded_webp(image, tmp_path):
    plotting.show_images(image).savefig(tmp_path / "a.svg")
    small = plotting.small_svg((tmp_path / "a.svg").read_text())
    (embedded,) = re.findall(r"data:image/webp;base64,([^\"]+)", small)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(embedded))).convert("RGB")).astype(int)


def test_photographs_are_nearly_the_same_and_drawings_exact(tmp_path):
    rng = np.random.default_rng(0)
    slope = np.linspace(60, 180, 64)[None, :, None, None] + rng.normal(0, 3, (1, 64, 64, 3))
    photograph = slope.astype(np.uint8)
    assert 0 < np.abs(embedded_webp(photograph, tmp_path) - photograph[0]).mean() < 5
    drawing = np.repeat(np.repeat(rng.integers(0, 2, (1, 8, 8, 1)) * [255, 120, 0], 8, 1), 8, 2).astype(
        np.uint8
    )
    assert np.array_equal(embedded_webp(drawing, tmp_path), drawing[0])
