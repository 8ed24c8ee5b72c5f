"""Weights carried between NumPy, PyTorch and Keras: the same answers everywhere, and the same numbers after a journey."""

import keras
import numpy as np
import pytest
import torch
from torch import nn

from utils import convert, keras_models, numpy_nn, torch_models

CNN = {"image_size": 8, "in_channels": 1, "num_classes": 10, "padding": 1}
VIT = {
    "image_size": 8,
    "patch_size": 2,
    "in_channels": 1,
    "num_classes": 10,
    "embed_dim": 12,
    "depth": 2,
    "num_heads": 3,
}


def of_each(kind, seed=0):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    keras.utils.set_random_seed(seed)
    if kind == "cnn":
        return numpy_nn.build_cnn(rng, **CNN), torch_models.build_cnn(**CNN), keras_models.build_cnn(**CNN)
    return (
        numpy_nn.VisionTransformer(rng, **VIT),
        torch_models.VisionTransformer(**VIT),
        keras_models.build_vision_transformer(**VIT),
    )


def logits_of_each(ours, theirs, third, x):
    with torch.no_grad():
        of_torch = theirs(torch.from_numpy(x).movedim(3, 1)).numpy()
    answers = keras.ops.convert_to_numpy(third(x))
    if third.name == "cnn":  # its last layer is a softmax
        answers = np.log(answers) + np.log(np.exp(ours.forward(x)).sum(axis=1, keepdims=True))
    return ours.forward(x), of_torch, answers


@pytest.mark.parametrize("kind", ["cnn", "vit"])
@pytest.mark.parametrize("start", ["numpy", "torch", "keras"])
def test_all_three_give_the_same_logits_wherever_the_weights_come_from(kind, start):
    ours, theirs, third = of_each(kind)
    state = {
        "numpy": ours.named_parameters,
        "torch": lambda: convert.from_torch(theirs),
        "keras": lambda: convert.from_keras(third),
    }[start]()
    rng = np.random.default_rng(1)
    state = {
        name: array + 0.1 * rng.standard_normal(array.shape).astype("f4") for name, array in state.items()
    }
    ours.load(state)
    convert.to_torch(state, theirs)
    convert.to_keras(state, third)
    one, two, three = logits_of_each(ours, theirs, third, rng.random((4, 8, 8, 1), dtype=np.float32))
    assert np.abs(one).max() > 0.5
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-5)
    np.testing.assert_allclose(three, one, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_the_journey_there_and_back_changes_no_number(kind):
    ours, theirs, third = of_each(kind)
    state = {name: array.copy() for name, array in ours.named_parameters().items()}
    convert.to_torch(state, theirs)
    through_torch = convert.from_torch(theirs)
    convert.to_keras(through_torch, third)
    home = convert.from_keras(third)
    assert home.keys() == state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(through_torch[name], array, err_msg=name)
        np.testing.assert_array_equal(home[name], array, err_msg=name)


def test_what_was_taken_from_a_model_stays_as_it_was_when_the_model_learns():
    _, theirs, third = of_each("vit")
    of_torch, of_keras = convert.from_torch(theirs), convert.from_keras(third)
    before = (
        {name: array.copy() for name, array in of_torch.items()},
        {n: a.copy() for n, a in of_keras.items()},
    )
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(1)
    for variable in third.weights:
        variable.assign_add(keras.ops.ones_like(variable))
    for state, kept in zip((of_torch, of_keras), before, strict=True):
        for name, array in state.items():
            np.testing.assert_array_equal(array, kept[name])


def test_behind_a_flatten_the_order_of_pixels_and_channels_matters():
    """Without the change of order the shapes fit and every answer is wrong; that is why it is tested by itself."""
    ours, theirs, _ = of_each("cnn")
    convert.to_torch(ours.named_parameters(), theirs)
    wrong = ours.named_parameters()["hidden.weight"].T
    assert wrong.shape == tuple(theirs.hidden.weight.shape)
    assert np.abs(theirs.hidden.weight.detach().numpy() - wrong).max() > 0.1


def test_groups_and_rows_of_dense_layers_are_carried_too():
    rng = np.random.default_rng(0)
    ours = numpy_nn.Convolution(4, 6, 3, rng, groups=2)
    theirs = nn.Conv2d(4, 6, 3, groups=2)
    convert.to_torch(ours.named_parameters(), theirs)
    assert theirs.weight.shape == (6, 2, 3, 3)
    np.testing.assert_array_equal(convert.from_torch(theirs)["weight"], ours.parameters["weight"])


@pytest.mark.parametrize("target", ["torch", "keras"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("head.bias"), r"another model: missing \['head.bias'\], unknown \[\]"),
        (lambda s: s.update(extra=np.zeros(2)), r"missing \[\], unknown \['extra'\]"),
        (lambda s: s.update({"norm.bias": np.zeros(5)}), r"norm.bias needs the shape \(12,\), got \(5,\)"),
        (lambda s: s.update({"norm.bias": np.full(12, np.nan)}), "norm.bias must hold finite numbers"),
        (
            lambda s: s.update({"head.weight": s["head.weight"].T}),
            r"head.weight needs the shape \(12, 10\), got \(10, 12\)",
        ),
        (
            lambda s: s.update({"blocks.0.attn.qkv.weight": np.zeros((12, 35))}),
            r"needs the shape \(12, 36\), got \(12, 35\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_is_changed(target, change, message):
    ours, theirs, third = of_each("vit")
    state = dict(ours.named_parameters())
    change(state)
    take = {"torch": lambda: convert.from_torch(theirs), "keras": lambda: convert.from_keras(third)}[target]
    give = {"torch": lambda: convert.to_torch(state, theirs), "keras": lambda: convert.to_keras(state, third)}
    before = take()
    with pytest.raises(ValueError, match=message):
        give[target]()
    for name, array in take().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_keras_transformer_refuses_settings_that_do_not_fit():
    for settings in ({"patch_size": 3}, {"num_heads": 5}):
        with pytest.raises(
            ValueError, match="patches of .* must fill an image of 8, and . heads must share 12"
        ):
            keras_models.build_vision_transformer(**{**VIT, **settings})


def test_gradients_are_refused_before_there_are_any_and_in_the_wrong_number():
    _, theirs, third = of_each("vit")
    with pytest.raises(ValueError, match="pos_embed has no gradient yet: call backward on the loss first"):
        convert.gradients_from_torch(theirs)
    with pytest.raises(ValueError, match=r"need one gradient for each of \d+ variables, got 1"):
        convert.gradients_from_keras(third, [np.zeros(1)])


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_gradients_are_carried_like_the_weights_that_they_belong_to(kind):
    """A gradient that is the weight itself must come back as the weight."""
    _, theirs, third = of_each(kind)
    for parameter in theirs.parameters():
        parameter.grad = parameter.detach().clone()
    for given, expected in (
        (convert.gradients_from_torch(theirs), convert.from_torch(theirs)),
        (
            convert.gradients_from_keras(third, [v.numpy() for v in third.trainable_variables]),
            convert.from_keras(third),
        ),
    ):
        assert given.keys() == expected.keys()
        for name, array in given.items():
            np.testing.assert_array_equal(array, expected[name])
