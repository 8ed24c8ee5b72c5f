"""Dense layer, activation functions, LayerNorm and rows of layers against PyTorch and central differences."""

import numpy as np
import pytest
import torch
from parity import (
    assert_close,
    assert_equals_pytorch,
    assert_gradients_are_differences,
    both_dtypes,
    randomise,
)
from torch import nn

from utils.numpy_nn import GELU, Dense, Flatten, LayerNorm, ReLU, Sequential, Sigmoid, Tanh

ACTIVATIONS = [(ReLU, nn.ReLU), (Sigmoid, nn.Sigmoid), (Tanh, nn.Tanh), (GELU, nn.GELU)]
each_activation = pytest.mark.parametrize(("kind", "theirs"), ACTIVATIONS)
each_shape = pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@both_dtypes
@each_shape
def test_dense_equals_pytorch(rng, shape, dtype):
    layer = randomise(Dense(5, 4, rng, dtype=dtype), rng)
    assert_equals_pytorch(layer, nn.Linear(5, 4), rng.standard_normal(shape).astype(dtype), rng)


@each_shape
def test_dense_gradients_are_central_differences(rng, shape):
    layer = randomise(Dense(5, 4, rng, dtype=np.float64), rng)
    assert_gradients_are_differences(layer, rng.standard_normal(shape), rng)


@both_dtypes
@each_activation
def test_activations_equal_pytorch(rng, kind, theirs, dtype):
    x = np.concatenate([3 * rng.standard_normal(40), [0.0, -0.0, 30, -30]]).astype(dtype)
    assert_equals_pytorch(kind(), theirs(), x, rng)


@each_activation
def test_activation_gradients_are_central_differences(rng, kind, theirs):
    x = 2 * rng.standard_normal((4, 10))
    assert_gradients_are_differences(kind(), x[:, np.abs(x).min(axis=0) > 1e-3], rng)


def test_activations_do_not_overflow():
    far = np.array([-1e4, 1e4], np.float32)
    with np.errstate(all="raise", under="ignore"):
        for layer in (ReLU(), Sigmoid(), Tanh(), GELU()):
            assert np.isfinite(layer.forward(far)).all()
            assert np.isfinite(layer.backward(np.ones(2, np.float32))).all()


def test_gelu_is_the_exact_one_and_not_its_approximation():
    x = np.linspace(-3, 3, 61)
    approximation = torch.nn.functional.gelu(torch.from_numpy(x), approximate="tanh").numpy()
    assert 1e-4 < np.abs(GELU().forward(x) - approximation).max() < 1e-3


@both_dtypes
@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 3, 7)])
def test_layer_norm_equals_pytorch(rng, shape, dtype):
    layer = randomise(LayerNorm(7, dtype=dtype), rng)
    x = (4 * rng.standard_normal(shape) + 2).astype(dtype)
    assert_equals_pytorch(layer, nn.LayerNorm(7), x, rng)


@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_layer_norm_gradients_are_central_differences(rng, epsilon):
    layer = randomise(LayerNorm(7, epsilon=epsilon, dtype=np.float64), rng)
    assert_gradients_are_differences(layer, 2 * rng.standard_normal((3, 7)) + 1, rng)


def test_layer_norm_gives_mean_0_and_variance_1_and_knows_neither_shift_nor_scale(rng):
    layer, x = LayerNorm(64, epsilon=1e-12, dtype=np.float64), rng.standard_normal((5, 64))
    z = layer.forward(x)
    np.testing.assert_allclose(z.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(z.var(axis=-1), 1, rtol=1e-9)
    np.testing.assert_allclose(layer.forward(3 * x + 7), z, rtol=0, atol=1e-9)


def test_epsilon_stands_under_the_root(rng):
    """A token whose numbers differ by less than epsilon says where it stands; float32 hides it elsewhere."""
    x = 1e-3 * rng.standard_normal((2, 7))
    layer = LayerNorm(7, epsilon=1e-5, dtype=np.float64)
    expected = torch.nn.functional.layer_norm(torch.from_numpy(x), (7,), eps=1e-5)
    assert_close(layer.forward(x), expected, np.float64, "the output")


@both_dtypes
def test_a_network_in_a_row_equals_pytorch_and_flattens_in_its_own_order(rng, dtype):
    ours = Sequential({"flatten": Flatten(), "hidden": Dense(24, 5, rng, dtype=dtype), "relu": ReLU()})
    x = rng.standard_normal((2, 4, 2, 3)).astype(dtype)
    assert ours.trace(x).keys() == ours.parts().keys() == {"flatten", "hidden", "relu"}
    np.testing.assert_array_equal(ours.trace(x)["relu"], ours.forward(x))
    np.testing.assert_array_equal(ours.trace(x)["flatten"][1], x[1].ravel())
    z = ours.forward(x)
    dx = ours.backward(z)
    hidden = np.maximum(x.reshape(2, -1) @ ours.layers["hidden"].parameters["weight"], 0)
    assert_close(z, hidden, dtype, "the output")
    assert dx.shape == x.shape


def test_flatten_gradients_are_central_differences(rng):
    row = Sequential({"flatten": Flatten(), "dense": Dense(12, 3, rng, dtype=np.float64)})
    assert_gradients_are_differences(row, rng.standard_normal((2, 2, 3, 2)), rng)


def test_parameters_are_views_and_can_be_loaded(rng):
    row = Sequential({"one": Dense(3, 4, rng), "two": Dense(4, 2, rng)})
    other = Sequential({"one": Dense(3, 4, rng), "two": Dense(4, 2, rng)})
    kept = row.named_parameters()
    assert list(kept) == ["one.weight", "one.bias", "two.weight", "two.bias"]
    row.load(other.named_parameters())
    np.testing.assert_array_equal(kept["one.weight"], other.named_parameters()["one.weight"])
    with pytest.raises(ValueError, match=r"another model: missing \['two.bias'\], unknown \['two.shift'\]"):
        row.load({"two.shift" if name == "two.bias" else name: array for name, array in kept.items()})
    with pytest.raises(ValueError, match=r"one.bias needs the shape \(4,\), got \(3,\)"):
        row.load({**kept, "one.bias": np.zeros(3)})
    with pytest.raises(ValueError, match="one.bias must hold finite numbers"):
        row.load({**kept, "one.bias": np.full(4, np.nan)})


def test_first_weights_of_dense_layers_keep_the_variance():
    layer = Dense(200, 400, np.random.default_rng(0))
    assert layer.parameters["weight"].var() == pytest.approx(1 / 200, rel=0.02)


def test_large_numbers_are_finite_even_if_their_sum_is_not():
    large = np.full(4, 3e38, np.float32)
    np.testing.assert_array_equal(ReLU().forward(large), large)


def test_whole_numbers_are_taken_as_floats():
    assert ReLU().forward(np.array([-1, 2])).dtype == np.float64


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (
            lambda rng: Dense(3, 2, rng),
            np.zeros((2, 4)),
            r"Dense needs x of shape \(\.\.\., 3\), got \(2, 4\)",
        ),
        (lambda rng: Dense(3, 2, rng), np.zeros(()), r"got \(\)"),
        (
            lambda rng: Dense(3, 2, rng),
            np.full((2, 3), np.inf),
            "Dense: x must hold finite numbers, but 6 of 6",
        ),
        (lambda rng: LayerNorm(3), np.zeros((2, 4)), r"LayerNorm needs x of shape \(\.\.\., 3\)"),
        (lambda rng: LayerNorm(3), np.full((2, 3), np.nan), "LayerNorm: x must hold finite"),
        (lambda rng: ReLU(), np.array([np.nan]), "ReLU: x must hold finite"),
        (lambda rng: GELU(), np.array(["a"]), "GELU: x must hold finite numbers, got <U1"),
        (lambda rng: Flatten(), np.zeros((2, 3)), r"Flatten needs x of shape \(B, H, W, C\)"),
    ],
)
def test_layers_say_what_is_wrong(rng, make, x, message):
    with pytest.raises(ValueError, match=message):
        make(rng).forward(x)


def test_the_way_back_says_what_is_wrong(rng):
    layer = Dense(3, 2, rng)
    with pytest.raises(ValueError, match="Dense: call forward before backward"):
        layer.backward(np.zeros((4, 2)))
    layer.forward(np.zeros((4, 3)))
    with pytest.raises(
        ValueError, match=r"gave an output of shape \(4, 2\), so dz needs that shape, got \(4, 3\)"
    ):
        layer.backward(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="Dense: dz must hold finite numbers"):
        layer.backward(np.full((4, 2), np.nan))


def test_settings_are_refused_with_a_sentence(rng):
    with pytest.raises(ValueError, match="in_features must be a whole number, at least 1, got 0"):
        Dense(0, 2, rng)
    with pytest.raises(ValueError, match="out_features must be"):
        Dense(2, -1, rng)
    with pytest.raises(ValueError, match="embed_dim must be"):
        LayerNorm(0)
    with pytest.raises(ValueError, match="epsilon must be above 0, got 0"):
        LayerNorm(4, epsilon=0)
    with pytest.raises(ValueError, match="at least one layer"):
        Sequential({})
