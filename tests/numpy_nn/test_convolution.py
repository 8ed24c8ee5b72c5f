"""Convolution and pooling against SciPy and PyTorch, odd sizes included, and against what must not change them."""

import numpy as np
import pytest
import torch
from scipy import signal

from utils.numpy_nn import convolve, max_pool, mean_pool, receptive_field

EQUAL = {"rtol": 0, "atol": 1e-12}


def channels_first(images):
    return torch.from_numpy(np.moveaxis(images, -1, -3).copy())


def channels_last(tensor):
    return np.moveaxis(tensor.numpy(), -3, -1)


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


@pytest.mark.parametrize(
    ("height", "width", "size"), [(9, 12, 3), (7, 5, 5), (8, 8, 2), (4, 6, 1), (5, 5, 5)]
)
def test_one_kernel_on_a_grey_image_is_what_scipy_calls_correlation(rng, height, width, size):
    image, kernel = rng.normal(size=(height, width)), rng.normal(size=(size, size))
    np.testing.assert_allclose(
        convolve(image, kernel), signal.correlate2d(image, kernel, mode="valid"), **EQUAL
    )
    turned = signal.convolve2d(image, kernel[::-1, ::-1], mode="valid")
    np.testing.assert_allclose(convolve(image, kernel), turned, **EQUAL)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
@pytest.mark.parametrize(("size", "channels", "kernels"), [(3, 2, 5), (4, 1, 3), (1, 3, 1)])
def test_many_kernels_on_many_channels_are_those_of_pytorch(rng, batch, size, channels, kernels):
    images = rng.normal(size=(*batch, 9, 11, channels))
    weights = rng.normal(size=(size, size, channels, kernels))
    flat = channels_first(images.reshape(-1, 9, 11, channels))
    theirs = torch.nn.functional.conv2d(flat, torch.from_numpy(weights.transpose(3, 2, 0, 1).copy()))
    expected = channels_last(theirs).reshape(*batch, 10 - size, 12 - size, kernels)
    np.testing.assert_allclose(convolve(images, weights), expected, **EQUAL)


def test_whole_numbers_do_not_overflow():
    assert convolve(np.full((4, 4), 255, np.uint8), np.full((3, 3), 1.0))[0, 0] == 9 * 255


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize(("ours", "theirs"), [(max_pool, "max_pool2d"), (mean_pool, "avg_pool2d")])
def test_pooling_is_that_of_pytorch_and_drops_the_remainder(rng, size, ours, theirs):
    images = rng.normal(size=(2, 11, 8, 3))
    expected = channels_last(getattr(torch.nn.functional, theirs)(channels_first(images), size))
    np.testing.assert_allclose(ours(images, size), expected, **EQUAL)
    np.testing.assert_allclose(ours(images[0], size), expected[0], **EQUAL)
    np.testing.assert_allclose(ours(images[0, :, :, 1], size), expected[0, :, :, 1], **EQUAL)


@pytest.mark.parametrize(
    ("kernel_sizes", "strides"),
    [([3], [1]), ([3, 3, 3], [1, 1, 1]), ([3, 2, 3, 2, 3], [1, 2, 1, 2, 1]), ([5, 3, 4], [2, 3, 1])],
)
def test_the_receptive_field_is_where_the_gradient_is_not_zero(kernel_sizes, strides):
    layers = [
        torch.nn.Conv2d(1, 1, size, stride, bias=False)
        for size, stride in zip(kernel_sizes, strides, strict=True)
    ]
    for layer in layers:
        torch.nn.init.constant_(layer.weight, 1.0)
    image = torch.zeros(1, 1, 60, 60, requires_grad=True)
    out = torch.nn.Sequential(*layers)(image)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    rows = image.grad[0, 0].any(dim=1).sum().item()
    assert receptive_field(kernel_sizes, strides) == rows


def test_no_layer_sees_one_pixel_and_a_stride_counts_only_for_what_follows():
    assert receptive_field([], []) == 1
    assert receptive_field([3, 3], [1, 4]) == 5
    assert receptive_field([3, 3], [4, 1]) == 11


@pytest.mark.parametrize(
    ("image", "kernel", "message"),
    [
        (np.zeros((4, 4)), np.zeros((5, 5)), "does not fit"),
        (np.zeros((4, 4)), np.zeros((0, 0)), "does not fit"),
        (np.zeros((4, 4)), np.zeros((2, 3)), "square"),
        (np.zeros(4), np.zeros((2, 2)), "need an image"),
        (np.zeros((4, 4, 3)), np.zeros((2, 2)), "need an image"),
        (np.zeros((4, 4, 3)), np.zeros((2, 2, 4, 1)), "the same C"),
        (np.full((4, 4), np.nan), np.zeros((2, 2)), "image must hold finite"),
        (np.zeros((4, 4)), np.full((2, 2), np.inf), "kernel must hold finite"),
        (np.zeros((4, 4)), np.array([["a"]]), "kernel must hold finite"),
    ],
)
def test_convolve_says_what_is_wrong(image, kernel, message):
    with pytest.raises(ValueError, match=message):
        convolve(image, kernel)


@pytest.mark.parametrize("pool", [max_pool, mean_pool])
@pytest.mark.parametrize(
    ("image", "size", "message"),
    [
        (np.zeros((4, 4)), 0, "at least 1"),
        (np.zeros((4, 4)), 1.5, "whole number"),
        (np.zeros((4, 4)), 5, "does not fit"),
        (np.zeros((0, 4)), 2, "does not fit"),
        (np.zeros(4), 2, "need an image"),
        (np.full((4, 4), np.nan), 2, "finite"),
    ],
)
def test_pooling_says_what_is_wrong(pool, image, size, message):
    with pytest.raises(ValueError, match=message):
        pool(image, size)


@pytest.mark.parametrize(
    ("kernel_sizes", "strides", "message"),
    [([3, 3], [1], "one kernel size and one stride"), ([0], [1], "kernel_sizes"), ([3], [1.5], "strides")],
)
def test_receptive_field_says_what_is_wrong(kernel_sizes, strides, message):
    with pytest.raises(ValueError, match=message):
        receptive_field(kernel_sizes, strides)
