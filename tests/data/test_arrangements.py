"""The drawn pictures agree with their captions: colours are found where the caption says, and numbers are counted."""

import numpy as np
import pytest
from scipy import ndimage

from utils.data.arrangements import ARRANGED_SHAPES, NUMBERS, make_arrangements
from utils.data.scene_shapes import BACKGROUNDS, COLOURS

DRAWN = make_arrangements(60, np.random.default_rng(0))


def near(image, colour):
    return np.abs(image.astype(float) - COLOURS[colour]).max(axis=2) < 40


def test_the_form():
    assert DRAWN.images.shape == (60, 32, 32, 3) and DRAWN.images.dtype == np.uint8
    assert DRAWN.is_pair.tolist() == [True, False] * 30
    assert all(len(caption.split()) == 6 for caption in DRAWN.captions)
    again = make_arrangements(10, np.random.default_rng(0))
    np.testing.assert_array_equal(again.images, DRAWN.images[:10])
    assert again.captions == DRAWN.captions[:10]


def test_who_is_left_of_whom():
    sides = set()
    for image, caption in zip(DRAWN.images[::2], DRAWN.captions[::2], strict=True):
        colour, shape, side, _, other_colour, other_shape = caption.split()
        assert colour != other_colour and shape != other_shape and shape in ARRANGED_SHAPES
        places = [np.nonzero(near(image, name))[1] for name in (colour, other_colour)]
        gap = np.median(places[1]) - np.median(places[0])
        assert gap > 5 if side == "left" else gap < -5
        sides.add(side)
    assert sides == {"left", "right"}


def test_how_many_there_are():
    numbers = set()
    for image, caption in zip(DRAWN.images[1::2], DRAWN.captions[1::2], strict=True):
        number, _, _, _, ground, _ = caption.split()
        away = np.abs(image.astype(float) - BACKGROUNDS[ground]).max(axis=2) > 45
        sizes = np.bincount(ndimage.label(away, np.ones((3, 3)))[0].ravel())[1:]
        assert 1 <= (sizes > 8).sum() <= NUMBERS.index(number) + 2  # neighbours may touch
        numbers.add(number)
    assert numbers == set(NUMBERS)


@pytest.mark.parametrize(("count", "rng", "size"), [(-1, 0, 32), (3, 0, 8), (3, None, 32)])
def test_nonsense_is_refused(count, rng, size):
    with pytest.raises(ValueError, match="count|image_size|rng"):
        make_arrangements(count, rng if rng is None else np.random.default_rng(rng), size)
