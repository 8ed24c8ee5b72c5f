"""What the lesson writes out gives the same as the package's copy, and keeps the equations that it derives."""

import math

import numpy as np
import pytest
from lessons import written_out
from parity import randomise
from scipy.special import erf
from torch import from_numpy
from torch.nn import functional

from utils import model_sizes, numpy_nn, tokens

EQUAL = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out(
        "3_algorithms/transformer_mathematics",
        np=np,
        math=math,
        erf=erf,
        softmax=numpy_nn.softmax,
        Dense=numpy_nn.Dense,
        Layer=numpy_nn.Layer,
    )


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def test_attention(lesson, rng):
    queries, keys, values = rng.standard_normal((3, 6, 4))
    outputs, shares = tokens.attention(queries, keys, values)
    for ours, theirs in zip(lesson["attend"](queries, keys, values), (outputs, shares), strict=True):
        np.testing.assert_allclose(ours, theirs, **EQUAL)
    np.testing.assert_allclose(lesson["attention_loops"](queries, keys, values), outputs, **EQUAL)


def test_the_variance_of_a_score(lesson, rng):
    for width in (4, 64):
        assert lesson["score_variance"](width, True, 20_000, rng) == pytest.approx(1, rel=0.08)
        assert lesson["score_variance"](width, False, 20_000, rng) == pytest.approx(width, rel=0.08)


def test_other_coordinates_change_no_score(lesson, rng):
    queries, keys = rng.standard_normal((2, 6, 4))
    new_queries, new_keys = lesson["other_coordinates"](queries, keys, rng.standard_normal((4, 4)))
    np.testing.assert_allclose(new_queries @ new_keys.T, queries @ keys.T, rtol=0, atol=1e-10)
    assert np.abs(new_queries - queries).min() > 1e-6


def test_softmax_backward(lesson, rng):
    p, dp = numpy_nn.softmax(rng.standard_normal((3, 5))), rng.standard_normal((3, 5))
    expected = numpy_nn.softmax_backward(dp, p)
    np.testing.assert_allclose(lesson["softmax_backward"](dp, p), expected, **EQUAL)
    tables = [lesson["softmax_jacobian"](row) for row in p]
    np.testing.assert_allclose([t.T @ d for t, d in zip(tables, dp, strict=True)], expected, **EQUAL)


def test_attention_backward(lesson, rng):
    arrays = rng.standard_normal((3, 6, 4))
    dO = rng.standard_normal((6, 4))
    given = lesson["attend_backward"](dO, *arrays, lesson["attend"](*arrays)[1])
    for array, gradient in zip(arrays, given, strict=True):
        slopes = numpy_nn.central_differences(lambda: float(np.sum(dO * lesson["attend"](*arrays)[0])), array)
        assert numpy_nn.relative_difference(gradient, slopes) < 1e-7


def test_heads(lesson, rng):
    theirs = randomise(numpy_nn.Attention(6, 3, rng, dtype=np.float64), rng)
    ours = lesson["Attention"](6, 3, rng)
    ours.load(theirs.named_parameters())
    x, dz = rng.standard_normal((2, 2, 5, 6))
    np.testing.assert_allclose(ours.forward(x), theirs.forward(x), **EQUAL)
    np.testing.assert_allclose(ours.backward(dz), theirs.backward(dz), **EQUAL)
    for name, gradient in theirs.named_gradients().items():
        np.testing.assert_allclose(ours.named_gradients()[name], gradient, **EQUAL)
    parts = lesson["split"](rng.standard_normal((2, 5, 18)), 3)
    assert parts.shape == (3, 2, 3, 5, 2)
    flat = rng.standard_normal((2, 5, 18))
    np.testing.assert_array_equal(lesson["join"](lesson["split"](flat, 3)[1]), flat[..., 6:12])


def test_layer_norm(lesson, rng):
    theirs = randomise(numpy_nn.LayerNorm(7, dtype=np.float64), rng)
    ours = lesson["LayerNorm"](7)
    ours.load(theirs.named_parameters())
    x, dz = rng.standard_normal((2, 3, 7))
    np.testing.assert_allclose(ours.forward(x), theirs.forward(x), **EQUAL)
    np.testing.assert_allclose(ours.backward(dz), theirs.backward(dz), **EQUAL)
    for name, gradient in theirs.gradients.items():
        np.testing.assert_allclose(ours.gradients[name], gradient, **EQUAL)
    loops = lesson["layer_norm_loops"](x, *theirs.parameters.values())
    np.testing.assert_allclose(loops, theirs.forward(x), **EQUAL)


def test_gelu(lesson, rng):
    x, layer = 2 * rng.standard_normal(20), numpy_nn.GELU()
    np.testing.assert_allclose(lesson["gelu"](x), layer.forward(x), **EQUAL)
    np.testing.assert_allclose(lesson["gelu_slope"](x), layer.backward(np.ones(20)), **EQUAL)
    by_tanh = functional.gelu(from_numpy(x), approximate="tanh")
    np.testing.assert_allclose(lesson["gelu_by_tanh"](x), by_tanh, **EQUAL)


def test_mlp(lesson, rng):
    mlp = randomise(numpy_nn.Mlp(4, 9, rng, dtype=np.float64), rng)
    x = rng.standard_normal((5, 4))
    np.testing.assert_allclose(
        lesson["mlp_loops"](x, *mlp.named_parameters().values()), mlp.forward(x), **EQUAL
    )


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_the_share_of_the_mlp(lesson, ratio):
    """Counted with the biases, which weigh little where tokens are wide."""
    layers = model_sizes.vision_transformer(224, 16, 1024, 1, 1024 * ratio, 16)
    sizes = {layer.name: layer.parameters for layer in layers}
    mlp = sizes["MLP 1"] + sizes["MLP 2"]
    share = mlp / (mlp + sizes["queries, keys, values"] + sizes["projection"])
    assert lesson["mlp_share"](ratio) == pytest.approx(share, abs=1e-3)
