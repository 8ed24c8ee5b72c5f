"""What the lesson writes out gives the same as the package's copy, and keeps the equations that it derives."""

import numpy as np
import pytest
from lessons import written_out
from numpy.lib.stride_tricks import sliding_window_view
from parity import randomise

from utils import numpy_nn

EQUAL = {"rtol": 0, "atol": 1e-12}
SETTINGS = [{}, {"stride": 2}, {"padding": 2}, {"dilation": 2}, {"stride": 3, "padding": 2, "dilation": 2}]


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out(
        "3_algorithms/cnn_backward",
        np=np,
        numpy_nn=numpy_nn,
        sliding_window_view=sliding_window_view,
        softmax=numpy_nn.softmax,
        relative_difference=numpy_nn.relative_difference,
    )


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def assert_same_way_back(ours, theirs, x, rng):
    """Compare two layers with the same parameters: gradient of the input and of all parameters."""
    randomise(theirs, rng)
    ours.load(theirs.named_parameters())
    dz = rng.standard_normal(theirs.forward(x).shape)
    np.testing.assert_allclose(ours.forward(x), theirs.forward(x), **EQUAL)
    np.testing.assert_allclose(ours.backward(dz), theirs.backward(dz), **EQUAL)
    assert ours.gradients.keys() == theirs.gradients.keys()
    for name, gradient in theirs.gradients.items():
        np.testing.assert_allclose(ours.gradients[name], gradient, **EQUAL)


def test_the_chain_rule_is_the_jacobian_transposed(lesson, rng):
    layer = numpy_nn.Sequential(
        {"dense": numpy_nn.Dense(4, 3, rng, dtype=np.float64), "tanh": numpy_nn.Tanh()}
    )
    x, dz = rng.standard_normal(4), rng.standard_normal(3)
    jacobian = np.array(
        [numpy_nn.central_differences(lambda i=i: float(layer.forward(x)[i]), x) for i in range(3)]
    )  # (m, n)
    layer.forward(x)
    expected = layer.backward(dz)
    np.testing.assert_allclose(lesson["vector_jacobian"](jacobian, dz), expected, rtol=0, atol=1e-8)
    layer.forward(x)
    np.testing.assert_allclose(lesson["backward_through"](list(layer.layers.values()), dz), expected, **EQUAL)


def test_differences(lesson, rng):
    x = rng.standard_normal((2, 3))
    ours, theirs = (
        module(lambda: float(np.sum(np.exp(x))), x)
        for module in (lesson["central_differences"], numpy_nn.central_differences)
    )
    np.testing.assert_array_equal(ours, theirs)
    layer = numpy_nn.LayerNorm(5, dtype=np.float64)
    pictures = rng.standard_normal((2, 5))
    seeds = [np.random.default_rng(7) for _ in range(2)]
    assert lesson["compare_gradients"](layer, pictures, seeds[0]) == pytest.approx(
        numpy_nn.compare_gradients(layer, pictures, seeds[1])
    )


def test_the_best_step_has_the_smallest_error(lesson):
    def error(step, epsilon=2.0**-52, value=2.0, third=5.0):
        return step**2 / 6 * third + epsilon * value / step

    best = lesson["best_step"](2.0**-52, 2.0, 5.0)
    assert error(best) < min(error(0.99 * best), error(1.01 * best))


def test_dense(lesson, rng):
    dz, x, weight = (rng.standard_normal(shape) for shape in ((4, 3), (4, 5), (5, 3)))
    for ours, loops in zip(
        lesson["dense_backward"](dz, x, weight), lesson["dense_backward_loops"](dz, x, weight), strict=True
    ):
        np.testing.assert_allclose(ours, loops, **EQUAL)
    assert_same_way_back(
        lesson["Dense"](5, 3, rng, dtype=np.float64), numpy_nn.Dense(5, 3, rng, dtype=np.float64), x, rng
    )


def test_activations(lesson, rng):
    x, dz = rng.standard_normal((2, 4, 10))
    for name in ("ReLU", "Sigmoid", "Tanh"):
        ours, theirs = lesson[name](), getattr(numpy_nn, name)()
        np.testing.assert_array_equal(ours.forward(x), theirs.forward(x))
        np.testing.assert_allclose(ours.backward(dz), theirs.backward(dz), **EQUAL)
    np.testing.assert_allclose(lesson["relu_backward"](dz, x), ((x > 0) * dz), **EQUAL)


def test_the_loss(lesson, rng):
    z, y = 3 * rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    expected = numpy_nn.cross_entropy(z, y)[1]
    np.testing.assert_allclose(lesson["loss_backward"](z, y), expected, **EQUAL)
    np.testing.assert_allclose(lesson["loss_backward_loops"](z, y), expected, **EQUAL)


@pytest.mark.parametrize("name", ["Max", "Mean"])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (2, 3)])
def test_pooling(lesson, rng, name, size, stride):
    x = np.maximum(np.round(rng.standard_normal((2, 8, 7, 3)), 1), 0)
    theirs = getattr(numpy_nn, f"{name}Pool")(size, stride)
    dz = rng.standard_normal(theirs.forward(x).shape)
    expected = theirs.backward(dz)
    kind = f"{name.lower()}_pool_backward"
    np.testing.assert_allclose(lesson[kind](dz, x, size, stride), expected, **EQUAL)
    np.testing.assert_allclose(lesson[f"{kind}_loops"](dz, x, size, stride), expected, **EQUAL)
    layer = lesson[f"{name}Pool"](size, stride)
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(dz), expected, **EQUAL)


@pytest.mark.parametrize("settings", SETTINGS)
def test_convolution(lesson, rng, settings):
    theirs = randomise(numpy_nn.Convolution(2, 3, 3, rng, **settings, dtype=np.float64), rng)
    x = rng.standard_normal((2, 9, 8, 2))
    dz = rng.standard_normal(theirs.forward(x).shape)
    expected = theirs.backward(dz), theirs.gradients["weight"], theirs.gradients["bias"]
    for name in ("convolution_backward", "convolution_backward_loops"):
        found = lesson[name](dz, x, theirs.parameters["weight"], **settings)
        for ours, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, other, **EQUAL)


@pytest.mark.parametrize("settings", [*SETTINGS, {"groups": 2}, {"groups": 2, "stride": 2, "padding": 1}])
def test_the_convolution_layer(lesson, rng, settings):
    ours, theirs = (
        kind(2, 4, 3, rng, **settings, dtype=np.float64)
        for kind in (lesson["Convolution"], numpy_nn.Convolution)
    )
    assert_same_way_back(ours, theirs, rng.standard_normal((2, 9, 8, 2)), rng)


@pytest.mark.parametrize("settings", SETTINGS)
def test_adding_back_is_the_transpose_of_copying_out(lesson, rng, settings):
    """For any x and any columns c, the dot product of copies and c is that of x and what is added back."""
    theirs = numpy_nn.Convolution(2, 1, 3, rng, **settings, dtype=np.float64)
    x = rng.standard_normal((2, 9, 8, 2))
    copies = lesson["copy_out"](x, theirs.forward(x).shape[1:3], 3, **settings)
    columns = rng.standard_normal(copies.shape)
    back = lesson["add_back"](columns, 9, 8, **settings)
    assert back.shape == x.shape
    assert np.sum(copies * columns) == pytest.approx(np.sum(x * back), abs=1e-10)


def test_the_way_back_is_a_convolution_with_the_turned_kernel(lesson, rng):
    theirs = randomise(numpy_nn.Convolution(2, 3, 3, rng, dtype=np.float64), rng)
    x = rng.standard_normal((2, 7, 6, 2))
    dz = rng.standard_normal(theirs.forward(x).shape)
    turned = lesson["turned_convolution"](dz, theirs.parameters["weight"])
    np.testing.assert_allclose(turned, theirs.backward(dz), **EQUAL)


def test_a_line_asks_all_parameters_at_once(lesson, rng):
    arrays = [rng.standard_normal((2, 3)), rng.standard_normal(4)]
    kept = [array.copy() for array in arrays]
    line = [rng.standard_normal(array.shape) for array in arrays]
    slope = lesson["slope_along"](lambda: float(sum(np.sum(np.sin(a)) for a in arrays)), arrays, line)
    expected = sum(np.sum(np.cos(array) * part) for array, part in zip(arrays, line, strict=True))
    assert slope == pytest.approx(expected, rel=1e-7)
    for array, before in zip(arrays, kept, strict=True):
        np.testing.assert_allclose(array, before, **EQUAL)


def test_training(lesson, rng):
    images, labels = rng.random((20, 8, 8, 1), dtype=np.float32), rng.integers(0, 10, 20)
    losses, weights = [], []
    for train in (lesson["train"], numpy_nn.train):
        network = numpy_nn.build_cnn(np.random.default_rng(0), image_size=8, in_channels=1, padding=1)
        settings = {
            "optimiser": numpy_nn.AdamW(network.named_parameters(), 1e-3),
            "epochs": 2,
            "rng": np.random.default_rng(1),
            "schedule": lambda step: 1e-3 / step,
            "batch_size": 8,
        }
        losses.append(list(train(network, images, labels, **settings)))
        weights.append(network.named_parameters())
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    for name, array in weights[0].items():
        np.testing.assert_array_equal(array, weights[1][name])
