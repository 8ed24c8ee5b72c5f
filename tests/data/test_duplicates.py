import numpy as np
import pytest

from utils.data.duplicates import most_similar, pixel_directions

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 8, 6, 3)).astype(np.uint8)


def test_it_is_the_correlation_of_the_pixels():
    others = RNG.integers(0, 256, (20, 8, 6, 3))
    indices, similarity = most_similar(IMAGES, others)
    everything = np.corrcoef(IMAGES.reshape(30, -1), others.reshape(20, -1))[:30, 30:]
    np.testing.assert_array_equal(indices, everything.argmax(axis=1))
    np.testing.assert_allclose(similarity, everything.max(axis=1), rtol=0, atol=1e-6)


def test_a_copy_is_found_in_another_light_and_with_grain():
    order = RNG.permutation(30)
    copies = 0.6 * IMAGES[order] + 20 + RNG.normal(0, 5, IMAGES.shape)
    indices, similarity = most_similar(copies, IMAGES)
    np.testing.assert_array_equal(indices, order)
    assert similarity.min() > 0.95


def test_the_negative_of_an_image_is_not_similar():
    _, similarity = most_similar(IMAGES[:1], 255 - IMAGES[:1])
    np.testing.assert_allclose(similarity, -1, atol=1e-6)


def test_an_image_of_one_shade_resembles_nothing():
    flat = np.full((1, 8, 6, 3), 77, np.uint8)
    assert not pixel_directions(flat).any()
    assert most_similar(flat, IMAGES)[1].item() == 0


def test_directions_have_mean_0_and_length_1():
    rows = pixel_directions(IMAGES)
    assert rows.shape == (30, 144) and rows.dtype == np.float32
    np.testing.assert_allclose(rows.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "images, others, message",
    [
        (IMAGES[0], IMAGES, r"images must be numbers of shape \(B, H, W, C\)"),
        (IMAGES, IMAGES[:0], "at least one image"),
        (IMAGES, IMAGES[:, :4], r"can be compared, got \(8, 6, 3\) and \(4, 6, 3\)"),
        (IMAGES, IMAGES[..., :1], "can be compared"),
        (IMAGES, np.where(IMAGES > 250, np.nan, IMAGES), "NaN or infinite"),
    ],
)
def test_bad_input(images, others, message):
    with pytest.raises(ValueError, match=message):
        most_similar(images, others)
