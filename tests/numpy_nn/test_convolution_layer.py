"""The convolution layer against PyTorch, central differences, the sum itself and what must not change it."""

import numpy as np
import pytest
import torch
from parity import assert_equals_pytorch, assert_gradients_are_differences, both_dtypes, randomise
from torch.utils.flop_counter import FlopCounterMode

from utils import model_sizes
from utils.numpy_nn import Convolution, convolve, output_size, receptive_field
from utils.numpy_nn import convolution as module

SETTINGS = [
    # height, width, C, O, K, and what is unusual
    (7, 9, 3, 4, 3, {}),
    (8, 5, 2, 6, 3, {"padding": 1}),
    (9, 7, 2, 3, 3, {"stride": 2}),
    (10, 9, 2, 4, 3, {"stride": 3, "padding": 2}),
    (11, 8, 3, 2, 3, {"dilation": 2}),
    (11, 12, 2, 4, 2, {"dilation": 3, "stride": 2, "padding": 1}),
    (7, 6, 4, 6, 3, {"groups": 2, "padding": 1}),
    (6, 7, 3, 6, 3, {"groups": 3}),  # each channel by itself, twice
    (9, 8, 4, 8, 3, {"groups": 4, "stride": 2, "dilation": 2, "padding": 2}),
    (5, 4, 3, 2, 1, {}),
    (5, 5, 1, 1, 5, {}),
    (8, 12, 3, 5, 4, {"stride": 4}),  # patches
]
each_setting = pytest.mark.parametrize(
    ("height", "width", "channels", "kernels", "size", "settings"), SETTINGS
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def layer_and_images(rng, height, width, channels, kernels, size, settings, dtype=np.float64, batch=3):
    layer = randomise(Convolution(channels, kernels, size, rng, **settings, dtype=dtype), rng)
    return layer, rng.standard_normal((batch, height, width, channels)).astype(dtype)


@both_dtypes
@each_setting
def test_convolution_equals_pytorch(rng, height, width, channels, kernels, size, settings, dtype):
    layer, x = layer_and_images(rng, height, width, channels, kernels, size, settings, dtype)
    assert_equals_pytorch(layer, torch.nn.Conv2d(channels, kernels, size, **settings), x, rng)


@each_setting
def test_convolution_gradients_are_central_differences(rng, height, width, channels, kernels, size, settings):
    layer, x = layer_and_images(rng, height, width, channels, kernels, size, settings, batch=1)
    assert_gradients_are_differences(layer, x, rng)


@each_setting
def test_convolution_is_the_sum_written_as_loops(rng, height, width, channels, kernels, size, settings):
    layer, x = layer_and_images(rng, height, width, channels, kernels, size, settings, batch=1)
    stride, padding = settings.get("stride", 1), settings.get("padding", 0)
    dilation, groups = settings.get("dilation", 1), settings.get("groups", 1)
    weight, bias, z = layer.parameters["weight"], layer.parameters["bias"], layer.forward(x)
    for _, i, j, o in np.ndindex(z.shape):
        total = bias[o]
        for u, v, c in np.ndindex(weight.shape[:3]):
            row, column = i * stride - padding + u * dilation, j * stride - padding + v * dilation
            if 0 <= row < height and 0 <= column < width:
                first = o // (kernels // groups) * (channels // groups)
                total += weight[u, v, c, o] * x[0, row, column, first + c]
        assert z[0, i, j, o] == pytest.approx(total, abs=1e-12)


def test_without_settings_it_is_the_convolution_of_the_concepts(rng):
    layer, x = layer_and_images(rng, 7, 9, 3, 4, 3, {})
    expected = convolve(x, layer.parameters["weight"]) + layer.parameters["bias"]
    np.testing.assert_allclose(layer.forward(x), expected, rtol=0, atol=1e-12)


def test_how_many_images_are_worked_on_at_a_time_changes_nothing(rng, monkeypatch):
    layer, x = layer_and_images(rng, 7, 6, 2, 4, 3, {"groups": 2, "padding": 1}, batch=5)
    results = []
    for numbers in (1, 3 * 42 * 9 * 2, 2**30):  # one image, three and the rest, all
        monkeypatch.setattr(module, "_NUMBERS_AT_A_TIME", numbers)
        z = layer.forward(x)
        results.append([z, layer.backward(np.cos(z)), *layer.gradients.values()])
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            np.testing.assert_allclose(one, same, rtol=0, atol=1e-12)


def test_a_layer_shifts_with_the_image_and_only_sees_its_field(rng):
    layer, x = layer_and_images(rng, 12, 12, 2, 3, 3, {})
    z, shifted = layer.forward(x), layer.forward(np.roll(x, 1, axis=2))
    np.testing.assert_allclose(shifted[:, :, 1:], z[:, :, :-1], rtol=0, atol=1e-12)
    layer.forward(x)
    dz = np.zeros_like(z)
    dz[0, 4, 5, 0] = 1
    seen = np.argwhere(layer.backward(dz)[0].any(axis=-1))
    assert np.ptp(seen, axis=0).tolist() == [receptive_field([3], [1]) - 1] * 2


@each_setting
def test_output_size_parameters_and_multiply_adds_are_as_counted(
    rng, height, width, channels, kernels, size, settings
):
    layer, x = layer_and_images(rng, height, width, channels, kernels, size, settings)
    place = {key: value for key, value in settings.items() if key != "groups"}
    sides = [output_size(side, size, **place) for side in (height, width)]
    assert layer.forward(x).shape == (3, *sides, kernels)
    counted = model_sizes.convolution("layer", 1, channels, kernels, size, settings.get("groups", 1))
    assert sum(parameter.size for parameter in layer.parameters.values()) == counted.parameters
    with FlopCounterMode(display=False) as counter:
        torch.nn.Conv2d(channels, kernels, size, **settings)(torch.zeros(1, channels, height, width))
    assert counter.get_total_flops() == 2 * counted.multiply_adds * sides[0] * sides[1]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((0, 4, 3), {}, "in_channels must be a whole number, at least 1, got 0"),
        ((4, 2.5, 3), {}, "out_channels must be a whole number"),
        ((4, 4, 0), {}, "kernel_size must be a whole number, at least 1"),
        ((4, 4, 3), {"stride": 0}, "stride must be"),
        ((4, 4, 3), {"padding": -1}, "padding must be a whole number, at least 0, got -1"),
        ((4, 4, 3), {"dilation": 0}, "dilation must be"),
        ((4, 6, 3), {"groups": 3}, "3 groups cannot share 4 and 6 channels evenly"),
        ((4, 6, 3), {"groups": 4}, "4 groups cannot share 4 and 6 channels evenly"),
    ],
)
def test_the_layer_refuses_settings_that_do_not_fit(rng, arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        Convolution(*arguments, rng, **settings)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 5, 2)), r"Convolution needs x of shape \(B, H, W, 2\), got \(5, 5, 2\)"),
        (np.zeros((1, 5, 5, 3)), r"\(B, H, W, 2\), got \(1, 5, 5, 3\)"),
        (np.zeros((0, 5, 5, 2)), r"got \(0, 5, 5, 2\)"),
        (np.zeros((1, 2, 5, 2)), "does not fit into 2 pixels with a padding of 0"),
        (np.full((1, 5, 5, 2), np.nan), "finite numbers, but 50 of 50 are NaN or infinite"),
        (np.full((1, 5, 5, 2), "a"), "must hold finite numbers"),
    ],
)
def test_the_layer_refuses_images_that_do_not_fit(rng, x, message):
    with pytest.raises(ValueError, match=message):
        Convolution(2, 4, 3, rng).forward(x)


def test_a_dilated_kernel_must_fit_too(rng):
    with pytest.raises(ValueError, match="3 numbers in a row, 7 pixels with dilation 3, does not fit into 6"):
        Convolution(1, 1, 3, rng, dilation=3).forward(np.zeros((1, 6, 6, 1)))


def test_first_weights_keep_the_variance_through_a_relu():
    layer = Convolution(32, 400, 3, np.random.default_rng(0))
    assert layer.parameters["weight"].var() == pytest.approx(2 / (9 * 32), rel=0.02)
    assert not layer.parameters["bias"].any()
