"""What the chapter on the way forwards writes out gives the same as the package's copy, and as PyTorch."""

import numpy as np
import pytest
import torch
from lessons import written_out
from numpy.lib.stride_tricks import sliding_window_view

from utils import numpy_nn

EQUAL = {"rtol": 0, "atol": 1e-10}
SETTINGS = [
    (7, 9, 3, 4, 3, {}),
    (8, 5, 2, 6, 3, {"padding": 1}),
    (9, 7, 2, 3, 3, {"stride": 2}),
    (11, 8, 3, 2, 3, {"dilation": 2}),
    (9, 8, 4, 8, 3, {"groups": 4, "stride": 2, "dilation": 2, "padding": 2}),
    (7, 6, 4, 6, 2, {"groups": 2}),
]


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out("3_algorithms/cnn_forward", np=np, sliding_window_view=sliding_window_view)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("height", "width", "channels", "kernels", "size", "setting"), SETTINGS)
def test_convolution(lesson, rng, height, width, channels, kernels, size, setting):
    layer = numpy_nn.Convolution(channels, kernels, size, rng, **setting, dtype=np.float64)
    layer.parameters["bias"][...] = rng.standard_normal(kernels)
    x = rng.standard_normal((2, height, width, channels))
    expected = layer.forward(x)
    for name in ("convolution_shifts", "convolution_columns", "loops_for_each"):
        given = lesson[name](x, **layer.parameters, **setting)
        np.testing.assert_allclose(given, expected, **EQUAL, err_msg=name)
    written = lesson["ConvolutionLayer"](**layer.parameters, **setting)
    np.testing.assert_allclose(written.forward(x), expected, **EQUAL)
    place = {key: value for key, value in setting.items() if key != "groups"}
    sides = [lesson["output_size"](side, size, **place) for side in (height, width)]
    assert list(expected.shape[1:3]) == sides
    assert sides == [numpy_nn.output_size(side, size, **place) for side in (height, width)]


def test_matrix_product(lesson, rng):
    x, w, b = rng.standard_normal((5, 4)), rng.standard_normal((4, 3)), rng.standard_normal(3)
    np.testing.assert_allclose(lesson["matrix_product"](x, w, b), x @ w + b, **EQUAL)


def test_activations(lesson, rng):
    x = 3 * rng.standard_normal((4, 5))
    for name, layer in (("relu", numpy_nn.ReLU), ("sigmoid", numpy_nn.Sigmoid), ("tanh", numpy_nn.Tanh)):
        np.testing.assert_allclose(lesson[name](x), layer().forward(x), rtol=0, atol=1e-14)


def test_a_network_without_bends_is_one_map(lesson, rng):
    layers = {
        "convolution": numpy_nn.Convolution(2, 3, 3, rng, padding=1, stride=2, dtype=np.float64),
        "pooling": numpy_nn.MeanPool(2),
        "flatten": numpy_nn.Flatten(),
        "first": numpy_nn.Dense(12, 5, rng, dtype=np.float64),
        "second": numpy_nn.Dense(5, 4, rng, dtype=np.float64),
    }
    network = numpy_nn.Sequential(layers)
    for parameter in network.named_parameters().values():
        parameter[...] = rng.standard_normal(parameter.shape)
    x = rng.standard_normal((3, 8, 7, 2))
    weight, bias = lesson["as_one_map"](network, (8, 7, 2))
    assert weight.shape == (8 * 7 * 2, 4)
    np.testing.assert_allclose(x.reshape(3, -1) @ weight + bias, network.forward(x), **EQUAL)
    product = layers["first"].parameters["weight"] @ layers["second"].parameters["weight"]
    dense = numpy_nn.Sequential({name: layers[name] for name in ("first", "second")})
    rows = dense.forward(np.eye(12)) - dense.forward(np.zeros((1, 12)))
    np.testing.assert_allclose(rows, product, **EQUAL)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (2, 3), (1, 1)])
def test_pooling(lesson, rng, size, stride):
    x = rng.standard_normal((2, 9, 7, 3))
    for name, layer in (("pool_max", numpy_nn.MaxPool), ("pool_mean", numpy_nn.MeanPool)):
        np.testing.assert_allclose(lesson[name](x, size, stride), layer(size, stride).forward(x), **EQUAL)


def test_dense_softmax_and_cross_entropy(lesson, rng):
    layer = numpy_nn.Dense(4, 3, rng, dtype=np.float64)
    x, y = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
    layer.parameters["bias"][...] = rng.standard_normal(3)
    np.testing.assert_allclose(lesson["dense"](x, **layer.parameters), layer.forward(x), **EQUAL)
    for z in (layer.forward(x), 1000 * layer.forward(x)):
        np.testing.assert_allclose(lesson["softmax_safe"](z), numpy_nn.softmax(z), **EQUAL)
        expected = torch.nn.functional.cross_entropy(torch.from_numpy(z), torch.from_numpy(y)).item()
        assert lesson["cross_entropy_safe"](z, y) == pytest.approx(expected, rel=1e-12)
        assert numpy_nn.cross_entropy(z, y)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("image_size", "padding"), [(9, 1), (19, 0)])
def test_the_whole_network(lesson, rng, image_size, padding):
    network = numpy_nn.build_cnn(rng, image_size=image_size, padding=padding, dtype=np.float64)
    for parameter in network.named_parameters().values():
        parameter[...] += 0.01 * rng.standard_normal(parameter.shape)
    x = rng.random((2, image_size, image_size, 3))
    given = lesson["forward_cnn"](x, network.named_parameters(), padding)
    np.testing.assert_allclose(given, network.forward(x), **EQUAL)


def test_the_numbers_that_count_compute_the_same(lesson, rng):
    layer = numpy_nn.Convolution(2, 3, 3, rng, dtype=np.float64)
    x = rng.standard_normal((6, 5, 2))
    z, products = lesson["counted_products"](x, **layer.parameters)
    np.testing.assert_allclose(z, layer.forward(x[None])[0], **EQUAL)
    assert products == 4 * 3 * 9 * 2 * 3
