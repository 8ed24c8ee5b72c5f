"""The lesson's ways to carry weights are those of `utils.convert`, and the three libraries agree at full size."""

import copy
from itertools import combinations

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from lessons import written_out
from torch.nn import functional

from utils import convert, keras_models, numpy_nn, torch_models
from utils.numpy_nn import relative_difference

LOGITS, GRADIENTS = 1e-5, 1e-4
"""The bounds of the page, in units of the largest number of each array."""


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out(
        "4_code/three_implementations",
        np=np, torch=torch, tf=tf, keras=keras, functional=functional, copy=copy,
        numpy_nn=numpy_nn, convert=convert,
    )  # fmt: skip


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def randomise(layer, rng, scale):
    """Move all parameters by random numbers, so that no bias is 0 and no gain is 1."""
    for parameter in layer.named_parameters().values():
        parameter += (scale * rng.standard_normal(parameter.shape)).astype(parameter.dtype)
    return layer


def three_networks(kind, rng):
    if kind == "cnn":
        trio = numpy_nn.build_cnn(rng), torch_models.build_cnn(), keras_models.build_cnn()
        trio[2].get_layer("classes").activation = keras.activations.linear
    else:
        trio = (
            numpy_nn.VisionTransformer(rng),
            torch_models.VisionTransformer(),
            keras_models.build_vision_transformer(),
        )
    state = randomise(trio[0], rng, 0.02).named_parameters()
    convert.to_torch(state, trio[1])
    convert.to_keras(state, trio[2])
    return trio


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_logits_and_all_gradients_agree_at_full_size_for_each_two_of_the_three(lesson, rng, kind):
    trio, images = three_networks(kind, rng), rng.random((40, 32, 32, 3), dtype=np.float32)
    if kind == "cnn":
        images = images[numpy_nn.far_from_kinks(trio[0], images)]
    images = images[:3]
    results = lesson["run_three"](trio, images, rng.integers(0, 10, len(images)))
    assert len(images) == 3 and len(results[0]) > 10
    for one, other in combinations(results, 2):
        assert one.keys() == other.keys()
        for name, array in one.items():
            bound = LOGITS if name == "logits" else GRADIENTS
            assert relative_difference(array, other[name]) <= bound, name
            assert np.abs(array).max() > 1e-6, name


@pytest.mark.parametrize("width, heads", [(16, 4), (12, 2), (6, 6)])
def test_attention_is_carried_as_convert_does_it(lesson, rng, width, heads):
    ours = randomise(numpy_nn.Attention(width, heads, rng), rng, 0.5)
    state = ours.named_parameters()
    theirs, expected = (torch.nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(2))
    lesson["attention_to_torch"](state, theirs)
    convert.to_torch(state, expected)
    for one, other in zip(theirs.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)
    for name, array in convert.from_torch(theirs).items():
        np.testing.assert_array_equal(array, state[name])

    inputs = keras.Input((5, width))
    third = keras.layers.MultiHeadAttention(heads, width // heads, name="part")
    model = keras.Model(inputs, third(inputs, inputs))
    lesson["attention_to_keras"](state, third, heads)
    for name, array in convert.from_keras(model).items():
        np.testing.assert_array_equal(array, state[name.removeprefix("part.")])


def test_layers_are_carried_as_convert_does_it(lesson, rng):
    ours, theirs = numpy_nn.build_cnn(rng), torch_models.build_cnn()
    state = ours.named_parameters()
    convert.to_torch(state, theirs)
    expected = {name: parameter.detach().numpy() for name, parameter in theirs.named_parameters()}
    for name in ("convolution_1.weight", "convolution_3.weight"):
        np.testing.assert_array_equal(lesson["kernel_to_torch"](state[name]), expected[name])
    np.testing.assert_array_equal(
        lesson["dense_to_torch"](state["classes.weight"]), expected["classes.weight"]
    )
    turned = lesson["dense_behind_flatten_to_torch"](state["hidden.weight"], 4, 4)
    np.testing.assert_array_equal(turned, expected["hidden.weight"])
    with pytest.raises(ValueError, match="1024 rows are no number of maps of 3 × 4 pixels"):
        lesson["dense_behind_flatten_to_torch"](state["hidden.weight"], 3, 4)


def test_the_zeros_are_those_of_keras(lesson, rng):
    for size, kernel_size, stride in [(8, 3, 2), (9, 3, 2), (7, 4, 3), (10, 2, 3), (6, 5, 1), (11, 4, 2)]:
        picture = rng.standard_normal((1, size, size, 1)).astype("f4")
        kernel = rng.standard_normal((kernel_size, kernel_size, 1, 1)).astype("f4")
        same = keras.layers.Conv2D(1, kernel_size, stride, padding="same", use_bias=False)
        same.build(picture.shape)
        same.set_weights([kernel])
        zeros = lesson["same_padding"](size, kernel_size, stride)
        padded = np.pad(picture, [(0, 0), zeros, zeros, (0, 0)])
        ours = numpy_nn.convolve(padded, kernel)[:, ::stride, ::stride]
        np.testing.assert_allclose(ours, same(picture).numpy(), rtol=0, atol=1e-5)


def test_the_approximation_of_gelu_is_that_of_pytorch(lesson, rng):
    layer, x = lesson["TanhGELU"](), 2 * rng.standard_normal((4, 50))
    theirs = torch.from_numpy(x).requires_grad_()
    z, dz = functional.gelu(theirs, approximate="tanh"), rng.standard_normal(x.shape)
    z.backward(torch.from_numpy(dz))
    np.testing.assert_allclose(layer.forward(x), z.detach().numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.backward(dz), theirs.grad.numpy(), rtol=0, atol=1e-12)


def test_each_mistake_is_found_and_no_mistake_is_none(lesson, rng):
    trio, images = three_networks("vit", rng), rng.random((2, 32, 32, 3), dtype=np.float32)
    labels = rng.integers(0, 10, 2)
    reference, gradients = lesson["run_torch"](trio[1], images, labels)

    def found(mistake):
        z, ours = lesson["run_numpy"](lesson["broken_copy"](trio[0], mistake), images, labels)
        worst = max(relative_difference(ours[name], gradients[name]) for name in gradients)
        return relative_difference(z, reference) > LOGITS or worst > GRADIENTS

    assert not found("nothing")
    for mistake in (
        "GELU with tanh",
        "scale 1 % off",
        "ε = 1e-3",
        "a norm's shift forgotten",
        "heads (E, A)",
    ):
        assert found(mistake), mistake
    with pytest.raises(ValueError, match="unknown mistake 'typo'"):
        lesson["broken_copy"](trio[0], "typo")


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_one_step_in_three_dialects_ends_at_the_same_weights(lesson, kind):
    rng = np.random.default_rng(0)
    trio, images = three_networks(kind, rng), rng.random((40, 32, 32, 3), dtype=np.float32)
    if kind == "cnn":
        images = images[numpy_nn.far_from_kinks(trio[0], images)]
    images, labels = images[:3], np.array([1, 7, 7])
    start = {name: array.copy() for name, array in trio[0].named_parameters().items()}
    for name, network in zip(("numpy", "torch", "keras"), trio, strict=True):
        lesson[f"stepper_{name}"](network, 0.1)(images, labels)
    ours, theirs, third = (
        trio[0].named_parameters(),
        convert.from_torch(trio[1]),
        convert.from_keras(trio[2]),
    )
    for name, before in start.items():
        assert np.abs(ours[name] - before).max() > 0, name
        for other in (theirs, third):
            np.testing.assert_allclose(other[name], ours[name], rtol=0, atol=1e-6, err_msg=name)
