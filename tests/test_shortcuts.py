"""The scenes in which something else gives the class away."""

import numpy as np
import pytest

from utils import shortcuts
from utils.data.scene_shapes import COLOURS

PAINT = np.array(list(COLOURS.values()))


@pytest.fixture(scope="module")
def scenes():
    return shortcuts.eight_shapes(80, np.random.default_rng(0))


def test_eight_shapes_in_about_equal_shares_all_visible(scenes):
    assert len(scenes) == 80 and scenes.class_names == shortcuts.SHAPES
    assert (np.abs(np.bincount(scenes.labels, minlength=8) - 10) <= 2).all()
    assert (scenes.masks > 0).any(axis=(1, 2)).all()


@pytest.mark.parametrize("fits", [0.0, 0.9, 1.0])
def test_the_lure_is_right_as_often_as_asked(fits):
    labels = np.arange(8).repeat(50)
    named = shortcuts.lures(labels, np.random.default_rng(1), fits)
    assert (named == labels).sum() == 400 * fits
    assert named.min() == 0 and named.max() == 7


def test_the_marker_is_where_its_mask_is_and_leaves_the_rest_alone(scenes):
    named = np.arange(80) % 8
    marked = shortcuts.add_shortcut(scenes, "marker", named)
    where = shortcuts.marker_mask(80, 32)
    assert where.sum() == 80 * shortcuts.MARKER**2
    assert shortcuts.marker_mask(2, 32, margin=4).sum() == 2 * (shortcuts.MARKER + 4) ** 2
    np.testing.assert_array_equal(marked.images[~where], scenes.images[~where])
    np.testing.assert_array_equal(marked.masks[~where], scenes.masks[~where])
    for k in range(80):
        assert (marked.images[k][where[k]] == PAINT[named[k]]).all()
    assert not marked.masks[where].any()


def test_paint_changes_the_object_alone_and_only_its_colour(scenes):
    named = (scenes.object_colours[:, 0] + 1) % 8
    painted = shortcuts.add_shortcut(scenes, "paint", named)
    np.testing.assert_array_equal(painted.images[scenes.masks == 0], scenes.images[scenes.masks == 0])
    for k in range(80):
        pixels = painted.images[k][scenes.masks[k] == 1].astype(float)
        before = scenes.images[k][scenes.masks[k] == 1].astype(float).mean(axis=1)
        dim = before / PAINT[scenes.object_colours[k, 0]].mean() < 0.9  # nothing is clipped there
        hue = pixels[dim] / pixels[dim].sum(axis=1, keepdims=True).clip(1)
        np.testing.assert_allclose(
            hue, np.tile(PAINT[named[k]] / PAINT[named[k]].sum(), (len(hue), 1)), atol=0.08
        )


def test_painting_an_object_in_its_own_colour_keeps_its_brightness(scenes):
    same = shortcuts.add_shortcut(scenes, "paint", scenes.object_colours[:, 0])
    change = same.images.astype(float).mean(axis=3) - scenes.images.astype(float).mean(axis=3)
    assert np.median(np.abs(change[scenes.masks == 1])) < 1


def test_wrong_input_gets_a_sentence(scenes):
    with pytest.raises(ValueError, match="give one class from 0 to 7 for each of 80 scenes"):
        shortcuts.add_shortcut(scenes, "marker", np.full(80, 8))
    with pytest.raises(ValueError, match="give one class"):
        shortcuts.add_shortcut(scenes, "paint", np.array([0, 1]))
    with pytest.raises(ValueError, match="unknown shortcut 'smell': choose one of 'marker', 'paint'"):
        shortcuts.add_shortcut(scenes, "smell", np.zeros(80, int))
    with pytest.raises(ValueError, match="fits"):
        shortcuts.lures(scenes.labels, np.random.default_rng(0), 1.5)
