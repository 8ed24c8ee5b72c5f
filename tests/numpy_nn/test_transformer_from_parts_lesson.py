"""What the lesson writes out gives the same as the package's copy, and keeps the equations that it derives."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from lessons import written_out
from parity import TOLERANCE, both_dtypes, randomise
from torch.utils.flop_counter import FlopCounterMode

from utils import numpy_nn, tokens, torch_models

EQUAL = {"rtol": 0, "atol": 1e-12}
SMALL = {
    "image_size": 6,
    "patch_size": 2,
    "in_channels": 2,
    "num_classes": 3,
    "embed_dim": 8,
    "depth": 2,
    "num_heads": 2,
}


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    layers = {
        name: getattr(numpy_nn, name)
        for name in ("Attention", "Convolution", "Dense", "Layer", "LayerNorm", "Mlp")
    }
    return written_out("3_algorithms/transformer_from_parts", np=np, math=math, product=product, **layers)


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def test_patches(lesson, rng):
    layer = randomise(numpy_nn.PatchEmbed(6, 3, 2, 5, rng, dtype=np.float64), rng)
    weight, bias = layer.proj.parameters["weight"], layer.proj.parameters["bias"]
    images = rng.normal(size=(2, 6, 6, 2))
    expected = layer.forward(images)
    np.testing.assert_allclose(lesson["patch_tokens"](images, weight, bias), expected, **EQUAL)
    np.testing.assert_allclose(lesson["patch_tokens_loops"](images[1], weight, bias), expected[1], **EQUAL)
    wide = rng.normal(size=(1, 3, 9, 2))
    np.testing.assert_allclose(
        lesson["patch_tokens"](wide, weight, bias)[0],
        lesson["patch_tokens_loops"](wide[0], weight, bias),
        **EQUAL,
    )


@pytest.mark.parametrize(("width", "shift"), [(8, 3), (6, -4), (2, 1)])
def test_sine_positions_and_their_shift(lesson, width, shift):
    table = tokens.sine_positions(20, width)
    np.testing.assert_allclose(lesson["sine_positions_loops"](20, width), table, **EQUAL)
    matrix = lesson["shift_matrix"](shift, width)
    for n in range(max(0, -shift), 20 - max(0, shift)):
        np.testing.assert_allclose(table[n] @ matrix, table[n + shift], **EQUAL)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(width), **EQUAL)


def test_turning(lesson, rng):
    np.testing.assert_allclose(lesson["angles_of"](3, 4, 8), numpy_nn.rotary_angles(3, 4, 8), **EQUAL)
    x, angles = rng.normal(size=(2, 6, 8)), rng.normal(size=(6, 4))
    expected = numpy_nn.rotate(x, angles)
    np.testing.assert_allclose(lesson["turn"](x, angles), expected, **EQUAL)
    np.testing.assert_allclose(lesson["turn_loops"](x[1], angles), expected[1], **EQUAL)


def test_turned_scores_know_only_the_distance(lesson, rng):
    query, key = rng.normal(size=(2, 8))
    angles = numpy_nn.rotary_angles(4, 5, 8).reshape(4, 5, 1, 4)
    for here, there in (((0, 0), (1, 2)), ((3, 4), (1, 0)), ((2, 2), (2, 2))):
        turned = (numpy_nn.rotate(x[None], angles[at]) for x, at in ((query, here), (key, there)))
        expected = np.vdot(*turned)
        assert lesson["relative_score"](query, key, here, there) == pytest.approx(expected, abs=1e-12)


def test_the_turn_back_is_the_gradient(lesson, rng):
    x, dz, angles = rng.normal(size=(5, 8)), rng.normal(size=(5, 8)), rng.normal(size=(5, 4))
    slopes = numpy_nn.central_differences(lambda: float(np.sum(dz * lesson["turn"](x, angles))), x)
    for turn in (lesson["turn"], numpy_nn.rotate):
        np.testing.assert_allclose(turn(dz, -angles), slopes, rtol=0, atol=1e-8)


def test_where_positions_belong(lesson, rng):
    """Behind the only attention positions change no weight and no mean; before it they change both."""
    x, order = rng.normal(size=(2, 6, 8)), rng.permutation(6)
    positions = tokens.sine_positions(6, 8)
    attention = randomise(numpy_nn.Attention(8, 2, rng, dtype=np.float64), rng)
    moved = {}
    for name in ("positions_first", "positions_last"):
        mean = lesson[name](x, positions, attention).mean(axis=1)
        weights = attention.weights[:, :, order][..., order]
        other = lesson[name](x[:, order], positions, attention).mean(axis=1)
        moved[name] = np.abs(other - mean).max(), np.abs(attention.weights - weights).max()
    assert max(moved["positions_last"]) < 1e-12 < 1e-4 < min(moved["positions_first"])
    np.testing.assert_array_equal(
        lesson["positions_first"](x, positions, attention), attention.forward(x + positions)
    )
    np.testing.assert_array_equal(
        lesson["positions_last"](x, positions, attention), attention.forward(x) + positions
    )


def test_the_block(lesson, rng):
    ours = randomise(lesson["ResidualBlock"](8, 2, 1.5, rng, dtype=np.float64), rng)
    theirs = numpy_nn.Block(8, 2, 1.5, rng, dtype=np.float64)
    theirs.load(ours.named_parameters())
    x, dz = rng.normal(size=(2, 2, 5, 8))
    np.testing.assert_allclose(ours.forward(x), theirs.forward(x), **EQUAL)
    np.testing.assert_allclose(ours.backward(dz), theirs.backward(dz), **EQUAL)
    for name, gradient in theirs.named_gradients().items():
        np.testing.assert_allclose(ours.named_gradients()[name], gradient, **EQUAL)


def test_without_residual_connections_the_gradient_is_right_too(lesson, rng):
    block = randomise(lesson["ChainedBlock"](6, 2, 1.5, rng, dtype=np.float64), rng)
    differences = numpy_nn.compare_gradients(block, rng.normal(size=(1, 3, 6)), rng)
    assert max(differences.values()) < 1e-7
    block.norm1 = block.norm2 = lesson["Unchanged"]()
    differences = numpy_nn.compare_gradients(block, rng.normal(size=(1, 3, 6)), rng)
    assert max(differences.values()) < 1e-7


def test_the_gradient_is_a_sum_over_paths(lesson, rng):
    jacobians, dz = rng.normal(size=(5, 4, 4)), rng.normal(size=4)
    expected = dz
    for jacobian in jacobians[::-1]:
        expected = (np.eye(4) + jacobian.T) @ expected
    np.testing.assert_allclose(lesson["sum_over_paths"](jacobians, dz), expected, rtol=1e-10)
    np.testing.assert_allclose(lesson["sum_over_paths"](jacobians[:0], dz), dz)


def test_how_far_tokens_are_apart(lesson, rng):
    assert lesson["apart"](np.ones((4, 1)) * rng.normal(size=3)) < 1e-12
    assert lesson["apart"](np.array([[1.0, 2.0], [-1.0, -2.0]])) == pytest.approx(1)
    assert lesson["apart"](np.array([[3.0], [1.0]])) == pytest.approx(math.sqrt(2 / 10))


@both_dtypes
def test_the_whole(lesson, rng, dtype):
    ours = randomise(lesson["Transformer"](rng, **SMALL, dtype=dtype), rng)
    theirs = numpy_nn.VisionTransformer(rng, **SMALL, dtype=dtype)

    def renamed(arrays):
        return {name.replace("patches.", "patch_embed.proj."): array for name, array in arrays.items()}

    theirs.load(renamed(ours.named_parameters()))
    x = rng.standard_normal((3, 6, 6, 2)).astype(dtype)
    dz = rng.standard_normal((3, 3)).astype(dtype)
    pairs = [(ours.forward(x), theirs.forward(x)), (ours.backward(dz), theirs.backward(dz))]
    gradients = renamed(ours.named_gradients())
    pairs += [(gradients[name], expected) for name, expected in theirs.named_gradients().items()]
    assert gradients.keys() == theirs.named_gradients().keys()
    for given, expected in pairs:
        assert given.dtype == dtype
        assert numpy_nn.relative_difference(given, expected) <= TOLERANCE[dtype]


@pytest.mark.parametrize(("size", "patch", "width", "depth", "ratio"), [(8, 4, 12, 3, 2), (6, 2, 8, 1, 4)])
def test_the_number_of_parameters(lesson, size, patch, width, depth, ratio):
    network = torch_models.VisionTransformer(
        image_size=size,
        patch_size=patch,
        in_channels=2,
        num_classes=5,
        embed_dim=width,
        depth=depth,
        num_heads=2,
        mlp_ratio=ratio,
    )
    counted = sum(parameter.numel() for parameter in network.parameters())
    count = (size // patch) ** 2
    assert lesson["parameters_by_formula"](count, patch, 2, width, depth, ratio, 5) == counted


@pytest.mark.parametrize(("count", "width", "ratio"), [(7, 12, 2), (64, 8, 4), (1, 4, 1)])
def test_the_cost_of_a_block(lesson, count, width, ratio):
    linear, quadratic = lesson["block_multiply_adds"](count, width, ratio)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        torch_models.Block(width, 2, ratio)(torch.empty(1, count, width))
    assert counter.get_total_flops() == 2 * (linear + quadratic)
    share = lesson["quadratic_share"](count, width, ratio)
    assert share == pytest.approx(quadratic / (linear + quadratic))
    assert share == pytest.approx(count / (count + (2 + ratio) * width))
