"""The pooling layers against PyTorch and central differences, with windows that overlap and with equal numbers."""

import numpy as np
import pytest
import torch
from parity import assert_equals_pytorch, assert_gradients_are_differences, both_dtypes

from utils.numpy_nn import MaxPool, MeanPool, max_pool, mean_pool

SETTINGS = [
    (6, 8, 2, None),
    (7, 5, 2, None),
    (9, 8, 3, 2),
    (8, 8, 2, 1),
    (7, 7, 2, 3),
    (4, 6, 1, None),
    (5, 5, 5, None),
]
each_setting = pytest.mark.parametrize(("height", "width", "size", "stride"), SETTINGS)
each_kind = pytest.mark.parametrize(
    ("kind", "theirs"), [(MaxPool, torch.nn.MaxPool2d), (MeanPool, torch.nn.AvgPool2d)]
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@both_dtypes
@each_kind
@each_setting
def test_pooling_equals_pytorch(rng, height, width, size, stride, kind, theirs, dtype):
    x = rng.standard_normal((3, height, width, 2)).astype(dtype)
    assert_equals_pytorch(kind(size, stride), theirs(size, stride), x, rng)


@each_kind
@each_setting
def test_pooling_gradients_are_central_differences(rng, height, width, size, stride, kind, theirs):
    x = rng.standard_normal((1, height, width, 2))
    assert_gradients_are_differences(kind(size, stride), x, rng)


@pytest.mark.parametrize("stride", [None, 1])
def test_of_equal_numbers_the_first_wins_as_in_pytorch(rng, stride):
    x = np.maximum(
        np.round(rng.standard_normal((2, 7, 6, 3))), 0
    )  # as after a ReLU: zeros and ties everywhere
    assert_equals_pytorch(MaxPool(2, stride), torch.nn.MaxPool2d(2, stride), x, rng)


def test_pooling_hands_the_whole_gradient_on(rng):
    x, dz = rng.standard_normal((2, 6, 6, 3)), rng.standard_normal((2, 3, 3, 3))
    for layer in (MaxPool(2), MeanPool(2)):
        layer.forward(x)
        assert layer.backward(dz).sum() == pytest.approx(dz.sum(), abs=1e-12)


def test_the_functions_are_the_layers(rng):
    x = rng.standard_normal((2, 7, 6, 3))
    np.testing.assert_array_equal(max_pool(x, 2), MaxPool(2).forward(x))
    np.testing.assert_array_equal(mean_pool(x, 3), MeanPool(3).forward(x))


@pytest.mark.parametrize("kind", [MaxPool, MeanPool])
def test_pooling_layers_say_what_is_wrong(kind):
    with pytest.raises(ValueError, match="size must be a whole number, at least 1, got 0"):
        kind(0)
    with pytest.raises(ValueError, match="stride must be a whole number, at least 1, got 0"):
        kind(2, 0)
    with pytest.raises(ValueError, match=r"needs x of shape \(B, H, W, C\), got \(4, 4\)"):
        kind(2).forward(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="does not fit into 2 pixels"):
        kind(3).forward(np.zeros((1, 4, 2, 1)))
    with pytest.raises(ValueError, match="finite"):
        kind(2).forward(np.full((1, 4, 4, 1), np.inf))
