"""A map of a model whose needs are known."""

import numpy as np
import pytest

from utils.occlusion import occlusion_map


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(100, 256, (12, 10, 3)).astype(np.uint8)


def needs_pixel(images):
    return images[:, 3, 4, 0] / 255


def test_what_the_model_needs_is_found(image):
    heat = occlusion_map(needs_pixel, image, np.zeros(3), patch=1, stride=1)
    expected = np.zeros((12, 10))
    expected[3, 4] = image[3, 4, 0] / 255
    np.testing.assert_allclose(heat, expected, atol=1e-12)


def test_the_map_is_the_mean_over_the_covers_of_a_pixel(image):
    heat = occlusion_map(needs_pixel, image, np.zeros(3), patch=4, stride=3)
    expected, covers = np.zeros((12, 10)), np.zeros((12, 10))
    for top in (0, 3, 6):
        for left in (0, 3, 6):
            hidden = image.copy()
            hidden[top : top + 4, left : left + 4] = 0
            fall = (needs_pixel(image[None]) - needs_pixel(hidden[None]))[0]
            expected[top : top + 4, left : left + 4] += fall
            covers[top : top + 4, left : left + 4] += 1
    np.testing.assert_allclose(heat, expected / np.maximum(covers, 1), atol=1e-12)
    assert (heat[10:] == 0).all()


def test_what_disturbs_the_model_is_below_zero_and_fill_counts(image):
    heat = occlusion_map(lambda x: 1 - needs_pixel(x), image, np.zeros(3), patch=2, stride=1)
    assert heat.min() < 0 and heat.max() == 0
    same = occlusion_map(needs_pixel, image, image[3, 4], patch=1, stride=1)
    assert np.abs(same).max() == 0, "covered with its own colour nothing changes"


def test_wrong_input_is_refused(image):
    with pytest.raises(ValueError, match="image must be uint8 of shape"):
        occlusion_map(needs_pixel, image / 255, np.zeros(3))
    with pytest.raises(ValueError, match="patch must be a whole number, from 1 to 10, got 11"):
        occlusion_map(needs_pixel, image, np.zeros(3), patch=11)
    with pytest.raises(ValueError, match="stride must be"):
        occlusion_map(needs_pixel, image, np.zeros(3), patch=2, stride=0)
