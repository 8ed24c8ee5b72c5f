"""Attention, the encoder block and the whole Vision Transformer against PyTorch, differences and symmetries."""

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

from utils import tokens as token_tools
from utils import torch_models
from utils.numpy_nn import (
    Attention,
    Block,
    Dense,
    Mlp,
    PatchEmbed,
    ReLU,
    VisionTransformer,
    convolve,
    rotary_angles,
    rotate,
)

SMALL = {
    "image_size": 6,
    "patch_size": 2,
    "in_channels": 1,
    "num_classes": 3,
    "embed_dim": 8,
    "depth": 2,
    "num_heads": 2,
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_tokens(rng, count, width, dtype=np.float64):
    return rng.standard_normal((2, count, width)).astype(dtype)


@both_dtypes
@pytest.mark.parametrize(("count", "width", "heads"), [(5, 12, 3), (1, 4, 1), (7, 6, 6), (9, 10, 2)])
def test_attention_equals_pytorch(rng, count, width, heads, dtype):
    layer = randomise(Attention(width, heads, rng, dtype=dtype), rng)
    assert_equals_pytorch(
        layer, torch_models.Attention(width, heads), random_tokens(rng, count, width, dtype), rng
    )


@both_dtypes
def test_attention_equals_the_multihead_attention_that_comes_with_pytorch(rng, dtype):
    layer, x = randomise(Attention(12, 3, rng, dtype=dtype), rng), random_tokens(rng, 5, 12, dtype)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True, dtype=torch.from_numpy(x).dtype)
    with torch.no_grad():
        for ours, mine in (("qkv", "in_proj_"), ("proj", "out_proj.")):
            dense = getattr(layer, ours).parameters
            theirs.get_parameter(f"{mine}weight").copy_(torch.from_numpy(dense["weight"].T.copy()))
            theirs.get_parameter(f"{mine}bias").copy_(torch.from_numpy(dense["bias"]))
    queries = torch.from_numpy(x).requires_grad_()
    expected, weights = theirs(queries, queries, queries, average_attn_weights=False)
    dz = rng.standard_normal(x.shape).astype(dtype)
    expected.backward(torch.from_numpy(dz))
    assert_close(layer.forward(x), expected.detach(), dtype, "the output")
    assert_close(layer.weights, weights.detach(), dtype, "the weights")
    assert_close(layer.backward(dz), queries.grad, dtype, "dx")
    assert_close(layer.qkv.gradients["weight"], theirs.in_proj_weight.grad.T, dtype, "the gradient of qkv")


@pytest.mark.parametrize("rotary", [False, True])
def test_attention_gradients_are_central_differences(rng, rotary):
    angles = rotary_angles(2, 3, 4) if rotary else None
    layer = randomise(Attention(8, 2, rng, angles=angles, dtype=np.float64), rng)
    assert_gradients_are_differences(layer, random_tokens(rng, 6, 8), rng)


def test_one_head_is_the_attention_of_the_concepts(rng):
    layer = randomise(Attention(6, 1, rng, dtype=np.float64), rng)
    x = random_tokens(rng, 5, 6)
    queries, keys, values = np.split(layer.qkv.forward(x[0]), 3, axis=-1)
    mixed, weights = token_tools.attention(queries, keys, values)
    np.testing.assert_allclose(layer.forward(x)[0], layer.proj.forward(mixed), rtol=0, atol=1e-12)
    layer.forward(x)
    np.testing.assert_allclose(layer.weights[0, 0], weights, rtol=0, atol=1e-12)


def test_attention_does_not_know_the_order_unless_it_is_turned(rng):
    x, order = random_tokens(rng, 6, 8), rng.permutation(6)
    plain = Attention(8, 2, rng, dtype=np.float64)
    np.testing.assert_allclose(plain.forward(x[:, order]), plain.forward(x)[:, order], rtol=0, atol=1e-12)
    turned = Attention(8, 2, rng, angles=rotary_angles(2, 3, 4), dtype=np.float64)
    assert np.abs(turned.forward(x[:, order]) - turned.forward(x)[:, order]).max() > 1e-3


def test_rotary_scores_depend_on_the_distance_alone(rng):
    angles = rotary_angles(4, 5, 8).reshape(4, 5, 4)
    query, key = rng.standard_normal((2, 8))

    def score(q_row, q_column, k_row, k_column):
        return (
            rotate(query[None], angles[None, q_row, q_column])
            @ rotate(key[None], angles[None, k_row, k_column]).T
        )

    assert score(0, 0, 1, 2) == pytest.approx(score(2, 2, 3, 4), abs=1e-12)
    assert abs(score(0, 0, 1, 2) - score(0, 0, 2, 1)) > 1e-3
    assert np.linalg.norm(rotate(query[None], angles[None, 3, 4])) == pytest.approx(np.linalg.norm(query))


def test_turning_is_the_product_of_complex_numbers_and_can_be_undone(rng):
    x, angles = rng.standard_normal((2, 6, 8)), rotary_angles(2, 3, 8)
    assert angles.shape == (6, 4) and angles[5].tolist() == [1, 0.1, 2, 0.2]
    turned = rotate(x, angles)
    expected = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
    np.testing.assert_allclose(turned[..., 0::2] + 1j * turned[..., 1::2], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(rotate(turned, -angles), x, rtol=0, atol=1e-12)


@both_dtypes
def test_the_mlp_equals_pytorch(rng, dtype):
    layer = randomise(Mlp(6, 15, rng, dtype=dtype), rng)
    assert_equals_pytorch(layer, torch_models.Mlp(6, 15), random_tokens(rng, 5, 6, dtype), rng)


def test_the_mlp_treats_each_token_by_itself_and_takes_another_activation(rng):
    layer, x = Mlp(6, 15, rng, dtype=np.float64), random_tokens(rng, 5, 6)
    np.testing.assert_allclose(layer.forward(x)[:, 2], layer.forward(x[:, 2]), rtol=0, atol=1e-12)
    layer.act = ReLU()
    assert_gradients_are_differences(layer, x, rng)


@both_dtypes
def test_the_block_equals_pytorch(rng, dtype):
    layer = randomise(Block(12, 3, 2.0, rng, dtype=dtype), rng)
    assert_equals_pytorch(layer, torch_models.Block(12, 3, 2.0), random_tokens(rng, 5, 12, dtype), rng)


def test_block_gradients_are_central_differences(rng):
    layer = randomise(Block(6, 2, 1.5, rng, dtype=np.float64), rng)
    assert_gradients_are_differences(layer, random_tokens(rng, 3, 6), rng)


@both_dtypes
@pytest.mark.parametrize(("size", "patch", "channels"), [(8, 4, 3), (9, 3, 1), (5, 1, 2), (7, 7, 3)])
def test_the_patch_embedding_equals_pytorch(rng, size, patch, channels, dtype):
    layer = randomise(PatchEmbed(size, patch, channels, 6, rng, dtype=dtype), rng)
    x = rng.standard_normal((2, size, size, channels)).astype(dtype)
    assert_equals_pytorch(layer, torch_models.PatchEmbed(size, patch, channels, 6), x, rng)


def test_the_patch_embedding_is_a_dense_layer_on_each_patch(rng):
    layer, x = (
        randomise(PatchEmbed(6, 2, 3, 5, rng, dtype=np.float64), rng),
        rng.standard_normal((2, 6, 6, 3)),
    )
    weight = layer.proj.parameters["weight"].reshape(-1, 5)  # (P, P, C, D) -> (P²C, D)
    expected = token_tools.patchify(x[1], 2) @ weight + layer.proj.parameters["bias"]
    np.testing.assert_allclose(layer.forward(x)[1], expected, rtol=0, atol=1e-12)
    assert_gradients_are_differences(layer, x, rng)
    every_place = convolve(x, layer.proj.parameters["weight"]) + layer.proj.parameters["bias"]
    np.testing.assert_allclose(layer.forward(x)[0, 4], every_place[0, 2, 2], rtol=0, atol=1e-12)


@both_dtypes
def test_the_vision_transformer_equals_pytorch(rng, dtype):
    layer = randomise(VisionTransformer(rng, **SMALL, dtype=dtype), rng)
    x = rng.standard_normal((3, 6, 6, 1)).astype(dtype)
    assert_equals_pytorch(layer, torch_models.VisionTransformer(**SMALL), x, rng)


@pytest.mark.parametrize("positions", ["learned", "sine", "rotary", "none"])
def test_vision_transformer_gradients_are_central_differences(rng, positions):
    small = {**SMALL, "image_size": 4, "depth": 1}
    layer = randomise(VisionTransformer(rng, **small, positions=positions, dtype=np.float64), rng)
    assert_gradients_are_differences(layer, rng.standard_normal((2, 4, 4, 1)), rng)


@pytest.mark.parametrize("positions", ["learned", "sine", "rotary", "none"])
def test_only_without_positions_is_a_picture_the_same_as_its_patches_in_another_order(rng, positions):
    layer = randomise(VisionTransformer(rng, **SMALL, positions=positions, dtype=np.float64), rng)
    x = rng.standard_normal((2, 6, 6, 1))
    swapped = np.concatenate([x[:, 4:], x[:, 2:4], x[:, :2]], axis=1)  # rows of patches change places
    difference = np.abs(layer.forward(x) - layer.forward(swapped)).max()
    assert (difference < 1e-12) == (positions == "none")


def test_fixed_positions_are_those_of_the_concepts_and_cost_no_parameters(rng):
    layer = VisionTransformer(rng, **SMALL, positions="sine")
    np.testing.assert_allclose(layer.fixed_positions, token_tools.sine_positions(9, 8), atol=1e-7)
    assert "pos_embed" not in layer.named_parameters()
    assert VisionTransformer(rng, **SMALL).named_parameters()["pos_embed"].shape == (1, 9, 8)
    assert VisionTransformer(rng, **SMALL, positions="none").fixed_positions is None


def test_learned_positions_start_small(rng):
    layer = VisionTransformer(rng, image_size=32, patch_size=2, depth=1)
    assert layer.parameters["pos_embed"].std() == pytest.approx(torch_models.POSITION_STD, rel=0.05)


def test_the_default_has_the_parameters_of_its_twin_in_pytorch(rng):
    ours, theirs = VisionTransformer(rng), torch_models.VisionTransformer()
    assert list(ours.named_parameters()) == [name for name, _ in theirs.named_parameters()]
    assert sum(array.size for array in ours.named_parameters().values()) == sum(
        parameter.numel() for parameter in theirs.parameters()
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rng: Attention(12, 5, rng), "12 numbers cannot be shared by 5 heads"),
        (lambda rng: Attention(12, 0, rng), "num_heads must be a whole number, at least 1, got 0"),
        (lambda rng: PatchEmbed(8, 3, 1, 4, rng), "patches of 3 pixels do not fill an image of 8"),
        (lambda rng: PatchEmbed(8, 0, 1, 4, rng), "patch_size must be"),
        (lambda rng: VisionTransformer(rng, depth=0), "depth must be"),
        (
            lambda rng: VisionTransformer(rng, positions="cosine"),
            "unknown positions 'cosine': choose one of 'learned'",
        ),
        (
            lambda rng: VisionTransformer(rng, embed_dim=12, num_heads=2, positions="rotary"),
            "a width that 4 divides",
        ),
        (lambda rng: Mlp(4, 0, rng), "out_features must be"),
    ],
)
def test_parts_refuse_settings_that_do_not_fit(rng, make, message):
    with pytest.raises(ValueError, match=message):
        make(rng)


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (
            lambda rng: Attention(6, 2, rng),
            np.zeros((5, 6)),
            r"Attention needs x of shape \(B, N, 6\), got \(5, 6\)",
        ),
        (lambda rng: Attention(6, 2, rng), np.full((1, 5, 6), np.nan), "Attention: x must hold finite"),
        (lambda rng: Block(6, 2, 2, rng), np.zeros((1, 5, 7)), r"Block needs x of shape \(B, N, 6\)"),
        (
            lambda rng: PatchEmbed(8, 4, 1, 4, rng),
            np.zeros((1, 8, 7, 1)),
            r"\(B, 8, 8, 1\), got \(1, 8, 7, 1\)",
        ),
        (
            lambda rng: PatchEmbed(8, 4, 1, 4, rng),
            np.zeros((1, 8, 8, 3)),
            r"\(B, 8, 8, 1\), got \(1, 8, 8, 3\)",
        ),
        (lambda rng: VisionTransformer(rng, **SMALL), np.full((1, 6, 6, 1), np.inf), "finite"),
        (
            lambda rng: Attention(8, 2, rng, angles=rotary_angles(2, 3, 4)),
            np.zeros((1, 5, 8)),
            r"angles of shape \(6, 2\) turn 6 tokens of 4 numbers, got tokens of shape \(1, 2, 5, 4\)",
        ),
    ],
)
def test_parts_refuse_tokens_that_do_not_fit(rng, make, x, message):
    with pytest.raises(ValueError, match=message):
        make(rng).forward(x)


def test_a_dense_head_reads_the_mean_of_the_tokens(rng):
    layer, x = VisionTransformer(rng, **SMALL, dtype=np.float64), rng.standard_normal((2, 6, 6, 1))
    features = layer.forward_features(x)
    assert features.shape == (2, 9, 8) and isinstance(layer.head, Dense)
    np.testing.assert_allclose(
        layer.head.forward(features.mean(axis=1)), layer.forward(x), rtol=0, atol=1e-12
    )
