"""The drawing of the landing page is what its script draws, and shows what the page says of it."""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import draw_landing  # noqa: E402


def test_committed_drawings_are_what_the_script_draws(tmp_path, monkeypatch):
    committed = draw_landing.FOLDER
    monkeypatch.setattr(draw_landing, "FOLDER", tmp_path)
    draw_landing.main()
    for drawn in tmp_path.iterdir():
        assert drawn.read_text("utf-8") == (committed / drawn.name).read_text("utf-8")


def test_edges_are_those_of_sobel():
    from skimage.filters import sobel_h, sobel_v

    grey = draw_landing.brightness(draw_landing.picture())
    expected = np.hypot(sobel_h(grey), sobel_v(grey))[1:-1, 1:-1]
    np.testing.assert_allclose(draw_landing.edges(grey), expected / expected.max(), atol=1e-12)


def test_similarity_is_the_cosine_of_patches():
    image = draw_landing.pixels(draw_landing.picture())
    alike = draw_landing.similarity(image)
    standard = (image - image.mean(axis=(0, 1))) / image.std(axis=(0, 1))
    a, b = standard[12:18, 12:18].ravel(), standard[18:24, 12:18].ravel()
    assert abs(alike[10, 14] - a @ b / np.sqrt((a @ a) * (b @ b))) < 1e-12
    np.testing.assert_allclose(np.diag(alike), 1, atol=1e-12)
