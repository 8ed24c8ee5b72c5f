import nbformat
import numpy as np
import pytest

from utils.data.transforms import channel_statistics, enlarge, standardise, unit_range
from utils.runs import ROOT

IMAGES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


def test_the_ends_of_the_range_and_the_type():
    scaled = unit_range(IMAGES)
    assert scaled.dtype == np.float32 and scaled.shape == IMAGES.shape
    assert scaled.min() == 0 and scaled.max() == 1
    np.testing.assert_allclose(255 * scaled, IMAGES, rtol=0, atol=1e-4)


def test_the_lesson_does_the_same():
    notebook = nbformat.read(ROOT / "chapters/4_code/cnn_in_keras.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "unit-range"]
    scope = {"np": np}
    exec(cell.source.split("\n\n\n")[0], scope)
    np.testing.assert_array_equal(scope["unit_range"](IMAGES), unit_range(IMAGES))


COLOURED = np.random.default_rng(0).normal([1, 5, -2], [1, 2, 3], (40, 6, 5, 3))


def test_statistics_are_those_of_each_channel():
    mean, std = channel_statistics(COLOURED)
    rows = COLOURED.reshape(-1, 3)
    np.testing.assert_allclose(mean, rows.sum(0) / 1200, rtol=1e-12)
    np.testing.assert_allclose(std, np.sqrt(((rows - mean) ** 2).sum(0) / 1200), rtol=1e-12)
    assert np.all(np.diff(std) > 0), "channels do not mix"


def test_statistics_of_many_float32_values_do_not_drift():
    mean, _ = channel_statistics(np.full((400, 64, 64, 1), 0.1, np.float32))
    np.testing.assert_allclose(mean, np.float32(0.1), rtol=1e-12)


def test_standardised_training_images_have_mean_0_and_deviation_1():
    z = standardise(COLOURED, *channel_statistics(COLOURED))
    assert z.dtype == np.float32 and z.shape == COLOURED.shape
    mean, std = channel_statistics(z)
    np.testing.assert_allclose(mean, 0, atol=1e-6)
    np.testing.assert_allclose(std, 1, rtol=1e-6)


def test_standardise_of_others_uses_the_given_numbers():
    z = standardise(np.full((1, 2, 2, 2), 6, np.uint8), np.array([2.0, 8.0]), np.array([2.0, 4.0]))
    assert z[..., 0].tolist() == [[[2, 2], [2, 2]]] and z[..., 1].tolist() == [[[-0.5, -0.5], [-0.5, -0.5]]]


@pytest.mark.parametrize(
    "images, message",
    [
        (IMAGES[0], r"got uint8 of shape \(16, 16, 1\)"),
        (IMAGES / 255, r"images must be uint8 of shape \(B, H, W, C\), got float64"),
        ([1, 2], "images must be an array, got list"),
    ],
)
def test_unit_range_refuses_other_images(images, message):
    with pytest.raises(ValueError, match=message):
        unit_range(images)


@pytest.mark.parametrize(
    "images, message",
    [
        (
            COLOURED[0],
            r"numbers of shape \(B, H, W, C\), at least one image, got float64 of shape \(6, 5, 3\)",
        ),
        (COLOURED[:0], r"at least one image, got float64 of shape \(0, 6, 5, 3\)"),
        (np.where(COLOURED > 5, np.nan, COLOURED), "values of the images are NaN or infinite"),
        (COLOURED.astype(str), "images must be numbers"),
    ],
)
def test_statistics_and_standardise_refuse_other_images(images, message):
    with pytest.raises(ValueError, match=message):
        channel_statistics(images)
    with pytest.raises(ValueError, match=message):
        standardise(images, np.zeros(3), np.ones(3))


@pytest.mark.parametrize(
    "mean, std, message",
    [
        (0.5, np.ones(3), r"mean and std must have shape \(3,\), one number a channel, got \(\) and \(3,\)"),
        (np.zeros(3), np.ones(2), "mean and std must have shape"),
        (np.zeros(3), np.array([1, 0, 1]), r"std above 0, got .* and \[1, 0, 1\]"),
        (np.zeros(3), -np.ones(3), "std above 0"),
        (np.array([0, np.nan, 0]), np.ones(3), "mean must be finite"),
        (np.zeros(3), np.array([1, np.nan, 1]), "std above 0"),
    ],
)
def test_standardise_refuses_other_statistics(mean, std, message):
    with pytest.raises(ValueError, match=message):
        standardise(COLOURED, mean, std)


def test_enlarging_keeps_means_and_range_and_repeats_at_the_edge():
    images = np.array([[[[0], [100]], [[0], [100]]]], np.uint8)  # (1, 2, 2, 1)
    np.testing.assert_array_equal(enlarge(images, 2)[0, 0, :, 0], [0, 25, 75, 100])
    np.testing.assert_array_equal(enlarge(images, 1), images)
    assert enlarge(np.zeros((2, 3, 4, 3), np.uint8), 4).shape == (2, 12, 16, 3)
    with pytest.raises(ValueError, match="factor must be a whole number, at least 1, got 0"):
        enlarge(images, 0)
    with pytest.raises(ValueError, match="images must be uint8 of shape"):
        enlarge(images[0], 2)
