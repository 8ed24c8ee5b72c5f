"""Corrupted scenes: the same objects at the same places, and one thing worse."""

import numpy as np
import pytest

from utils import corruptions
from utils.data import load

CLEAN = load("scenes", "validation", count=80, seed=3)


@pytest.mark.parametrize("kind, strongest", corruptions.STRONGEST.items())
def test_only_the_corruption_differs(kind, strongest):
    worse = corruptions.corrupted_scenes(kind, strongest, "validation", 80, seed=3)
    assert worse.captions == CLEAN.captions
    np.testing.assert_array_equal(worse.labels, CLEAN.labels)
    np.testing.assert_array_equal(worse.object_colours, CLEAN.object_colours)
    if kind != "occlusion":
        np.testing.assert_array_equal(worse.masks, CLEAN.masks)
    assert (worse.images != CLEAN.images).mean() > 0.02


@pytest.mark.parametrize(
    "kind, usual", [("noise", 0.3), ("lighting", 0.5), ("occlusion", 0.2), ("clutter", 0.5), ("blur", 0.0)]
)
def test_at_the_usual_strength_nothing_changes(kind, usual):
    same = corruptions.corrupted_scenes(kind, usual, "validation", 80, seed=3)
    np.testing.assert_array_equal(same.images, CLEAN.images)


def test_the_knobs_go_where_they_say():
    images = {
        k: corruptions.corrupted_scenes(k, s, "validation", 80, seed=3)
        for k, s in corruptions.STRONGEST.items()
    }
    rough = lambda x: np.abs(np.diff(x.astype(float), axis=1)).mean()  # noqa: E731
    assert rough(images["noise"].images) > rough(CLEAN.images) > rough(images["blur"].images)
    assert images["lighting"].images.mean() < CLEAN.images.mean()
    assert (images["occlusion"].masks > 0).sum() < (CLEAN.masks > 0).sum()


def test_blur_keeps_the_mean_and_even_colour():
    flat = np.full((2, 20, 20, 3), 77, np.uint8)
    np.testing.assert_array_equal(corruptions.blur(flat, 1.5), flat)
    point = np.zeros((1, 21, 21, 1), np.uint8)
    point[0, 10, 10] = 255
    spread = corruptions.blur(point, 1.0)[0, ..., 0].astype(float)
    assert spread[10, 10] == pytest.approx(255 / (2 * np.pi), abs=2)
    assert spread[10, 11] == pytest.approx(255 / (2 * np.pi) * np.exp(-0.5), abs=2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("fog", 0.5, "test", 10), "unknown corruption 'fog': choose one of 'noise'"),
        (("noise", 1.5, "test", 10), r"noise must lie in \[0, 1\]"),
        (("blur", -1, "test", 10), r"sigma must lie in \[0, 32\] pixels"),
        (("noise", 0.5, "val", 10), "unknown split"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        corruptions.corrupted_scenes(*arguments)
