"""Scores of maps: by hand, against SciPy, and with ties that no order may decide."""

import numpy as np
import pytest

from utils.metrics import area_iou, pointing_game

MASK = np.array([[[0, 1, 1], [0, 1, 0]]], bool)


@pytest.mark.parametrize(
    "heat, hit",
    [
        ([[0, 9, 1], [2, 3, 4]], 1.0),
        ([[0, 1, 1], [2, 3, 9]], 0.0),
        ([[9, 9, 0], [0, 0, 0]], 0.5),
        ([[5, 5, 5], [5, 5, 5]], 0.5),  # a map that says nothing gets the share of the object
    ],
)
def test_pointing_game(heat, hit):
    np.testing.assert_allclose(pointing_game(np.array([heat], float), MASK), [hit])


@pytest.mark.parametrize(
    "heat, expected",
    [
        ([[0, 7, 8], [1, 9, 2]], 1.0),
        ([[9, 0, 1], [8, 2, 7]], 0.0),
        ([[9, 8, 7], [0, 1, 2]], 2 / 4),
        ([[9, 8, 3], [0, 3, 3]], (1 + 2 / 3) / (6 - 1 - 2 / 3)),  # one place for three, two of them right
        ([[1, 1, 1], [1, 1, 1]], 1.5 / 4.5),
    ],
)
def test_area_iou(heat, expected):
    np.testing.assert_allclose(area_iou(np.array([heat], float), MASK), [expected])


@pytest.mark.parametrize("seed", range(4))
def test_scores_do_not_depend_on_the_scale_nor_on_where_the_picture_is_mirrored(seed):
    rng = np.random.default_rng(seed)
    heat, mask = rng.integers(0, 5, (6, 7, 5)).astype(float), rng.random((6, 7, 5)) < 0.4
    for score in (pointing_game, area_iou):
        once = score(heat, mask)
        assert ((0 <= once) & (once <= 1)).all()
        np.testing.assert_allclose(once, score(3 * heat - 7, mask))
        np.testing.assert_allclose(once, score(heat[:, ::-1, ::-1], mask[:, ::-1, ::-1]))


def test_the_mask_itself_is_a_perfect_map():
    np.testing.assert_allclose(pointing_game(MASK, MASK), 1)
    np.testing.assert_allclose(area_iou(MASK, MASK), 1)
