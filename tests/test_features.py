import numpy as np
import pytest
from lessons import written_out
from skimage.feature import hog

from utils import data, features
from utils.data.transforms import unit_range
from utils.features import oriented_gradients, pixels


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("cell, orientations", [(4, 9), (8, 9), (5, 6)])
@pytest.mark.parametrize("shape", [(3, 32, 32, 3), (2, 16, 25, 1)])
def test_oriented_gradients_equal_scikit_image(shape, cell, orientations):
    images = noise(*shape)
    expected = [
        hog(image, orientations, (cell, cell), (2, 2), block_norm="L2-Hys", channel_axis=-1)
        for image in images
    ]
    np.testing.assert_allclose(oriented_gradients(images, cell, orientations), expected, atol=1e-5)


def test_oriented_gradients_of_scenes_equal_scikit_image():
    images = data.load("scenes", "test", 50).images
    expected = [hog(image, 9, (4, 4), (2, 2), channel_axis=-1) for image in images]
    np.testing.assert_allclose(oriented_gradients(images), expected, atol=1e-5)


def test_light_does_not_matter_much_and_the_kind_of_edge_not_at_all():
    image = noise(1, 16, 16, 1) // 2
    np.testing.assert_allclose(oriented_gradients(image + 100), oriented_gradients(image), atol=1e-6)
    np.testing.assert_allclose(oriented_gradients(255 - image), oriented_gradients(image), atol=1e-6)
    np.testing.assert_allclose(oriented_gradients(2 * image), oriented_gradients(image), atol=1e-4)


def test_too_small_images_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"room for two cells of 4 pixels each way, got \(1, 7, 32, 3\)"):
        oriented_gradients(noise(1, 7, 32, 3))
    with pytest.raises(ValueError, match="images must have shape"):
        oriented_gradients(noise(32, 32, 3))


def test_pixels_are_rows_between_0_and_1():
    images = noise(2, 4, 5, 3)
    x = pixels(images)
    assert x.shape == (2, 60) and x.dtype == np.float32
    np.testing.assert_allclose(x[1, 7], images[1, 0, 2, 1] / 255, rtol=1e-6)


def test_the_lesson_does_the_same():
    scope = written_out("1_background/four_eras", np=np, unit_range=unit_range)
    images = data.load("scenes", "test", 20).images
    for name in ("pixels", "oriented_gradients"):
        np.testing.assert_allclose(scope[name](images), getattr(features, name)(images), atol=1e-6)
