"""What the lesson writes out gives the same as the package's copy."""

import numpy as np
import pytest
from lessons import written_out
from numpy.lib.stride_tricks import sliding_window_view

from utils import numpy_nn

EQUAL = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out("2_concepts/convolution_and_pooling", np=np, sliding_window_view=sliding_window_view)


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def test_every_function_of_the_package_is_written_out(lesson):
    assert [
        name for name in ("convolve", "max_pool", "mean_pool", "receptive_field") if name not in lesson
    ] == []


def test_convolution(lesson, rng):
    grey, kernel = rng.normal(size=(9, 12)), rng.normal(size=(4, 4))
    images, kernels = rng.normal(size=(2, 8, 7, 3)), rng.normal(size=(3, 3, 3, 5))
    np.testing.assert_allclose(
        lesson["convolve_loops"](grey, kernel), numpy_nn.convolve(grey, kernel), **EQUAL
    )
    for case in ((grey, kernel), (images[0], kernels), (images, kernels)):
        np.testing.assert_allclose(lesson["convolve"](*case), numpy_nn.convolve(*case), **EQUAL)


@pytest.mark.parametrize("name", ["max_pool", "mean_pool"])
def test_pooling(lesson, rng, name):
    images = rng.normal(size=(2, 11, 8, 3))
    for image in (images, images[0], images[0, :, :, 0]):
        for size in (1, 2, 3):
            ours, theirs = lesson[name](image, size), getattr(numpy_nn, name)(image, size)
            np.testing.assert_allclose(ours, theirs, **EQUAL)


def test_receptive_field(lesson, rng):
    sizes, strides = rng.integers(1, 6, 5).tolist(), rng.integers(1, 4, 5).tolist()
    assert lesson["receptive_field"](sizes, strides) == numpy_nn.receptive_field(sizes, strides)
