"""The two networks in NumPy: equal to PyTorch as a whole, and able to learn the digits."""

import numpy as np
import pytest
from parity import assert_equals_pytorch, both_dtypes, randomise

from utils import data, torch_models
from utils.data.transforms import unit_range
from utils.metrics import accuracy
from utils.numpy_nn import (
    SGD,
    AdamW,
    Dense,
    VisionTransformer,
    build_cnn,
    cross_entropy,
    predict,
    train,
    warmup_cosine,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@both_dtypes
@pytest.mark.parametrize(("image_size", "padding"), [(32, 0), (19, 0), (8, 1), (13, 1)])
def test_the_cnn_equals_pytorch(rng, image_size, padding, dtype):
    network = build_cnn(rng, image_size=image_size, padding=padding, num_classes=7, dtype=dtype)
    randomise(network, rng, scale=0.05)
    x = rng.random((2, image_size, image_size, 3)).astype(dtype)
    assert_equals_pytorch(network, torch_models.build_cnn(image_size, 3, 7, padding), x, rng)


def test_the_cnns_gradient_is_a_central_difference_along_any_line(rng):
    network = build_cnn(rng, image_size=4, in_channels=1, padding=1, dtype=np.float64)
    x = rng.random((1, 4, 4, 1))
    z = network.forward(x)
    dz = rng.standard_normal(z.shape)
    dx = network.backward(dz)
    step = 1e-6 * rng.standard_normal(x.shape)
    slope = np.sum(dz * (network.forward(x + step) - network.forward(x - step))) / 2
    assert slope == pytest.approx(np.sum(dx * step), rel=1e-6)


def test_the_cnn_has_the_parameters_of_its_twins(rng):
    network = build_cnn(rng)
    assert sum(array.size for array in network.named_parameters().values()) == 122_570
    assert {array.dtype for array in network.named_parameters().values()} == {np.dtype(np.float32)}
    assert list(network.layers) == list(dict(torch_models.build_cnn().named_children()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"image_size": 17},
            "image_size must be at least 18, got 17: the third convolution would see nothing",
        ),
        ({"image_size": 3, "padding": 1}, "image_size must be at least 4, got 3"),
        ({"padding": 2}, "padding must be a whole number, from 0 to 1, got 2"),
        ({"image_size": 32.5}, "image_size must be a whole number"),
    ],
)
def test_the_cnn_refuses_images_that_are_too_small(rng, settings, message):
    with pytest.raises(ValueError, match=message):
        build_cnn(rng, **settings)


def digits(count):
    part = data.load("digits", "train", count)
    return unit_range(part.images), part.labels


def networks(rng):
    settings = {"image_size": 8, "in_channels": 1}
    yield "CNN", build_cnn(rng, **settings, padding=1), 2e-3
    yield (
        "ViT",
        VisionTransformer(rng, **settings, patch_size=2, embed_dim=32, depth=2),
        6e-3,
    )


def test_both_networks_learn_a_hundred_digits_by_heart(rng):
    images, labels = digits(100)
    for name, network, learning_rate in networks(rng):
        reported = []
        losses = train(
            network,
            images,
            labels,
            optimiser=AdamW(network.named_parameters(), learning_rate),
            epochs=60,
            batch_size=32,
            rng=rng,
            schedule=lambda step, top=learning_rate: warmup_cosine(step, steps=240, warmup=24, highest=top),
            report=lambda *line: reported.append(line),  # noqa: B023
        )
        assert [line[0] for line in reported] == list(range(1, 61)) and [
            line[1] for line in reported
        ] == losses
        assert accuracy(labels, predict(network, images, 30).argmax(axis=1)) >= 0.97, name
        assert losses[-1] < 0.05 < 1.5 < losses[0], name


def test_one_pass_of_training_is_forward_backward_and_a_step(rng):
    x, y = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
    trained, by_hand = (Dense(4, 3, np.random.default_rng(1), dtype=np.float64) for _ in range(2))
    rates = []
    (loss,) = train(
        trained,
        x,
        y,
        optimiser=SGD(trained.named_parameters(), 9.0),
        epochs=1,
        batch_size=4,
        rng=np.random.default_rng(2),
        schedule=lambda step: rates.append(step) or 0.1 * step,
    )
    order, expected = np.random.default_rng(2).permutation(6), 0.0
    for step, rows in ((1, order[:4]), (2, order[4:])):
        value, dz = cross_entropy(by_hand.forward(x[rows]), y[rows])
        by_hand.backward(dz)
        expected += value * len(rows) / 6
        for name, parameter in by_hand.parameters.items():
            parameter -= 0.1 * step * by_hand.gradients[name]
    assert rates == [1, 2] and loss == pytest.approx(expected, abs=1e-12)
    for name, parameter in by_hand.parameters.items():
        np.testing.assert_allclose(trained.parameters[name], parameter, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(predict(trained, x, 4), predict(trained, x))


def test_training_says_what_is_wrong(rng):
    layer = Dense(4, 3, rng)
    optimiser = SGD(layer.named_parameters(), 0.1)
    x, y = np.zeros((6, 4)), np.zeros(6, int)
    for images, labels, settings, message in (
        (x, y[:5], {}, "one label an image and at least one, got 6 and 5"),
        (x[:0], y[:0], {}, "got 0 and 0"),
        (x, y, {"epochs": 0}, "epochs must be"),
        (x, y, {"batch_size": 0}, "batch_size must be"),
    ):
        with pytest.raises(ValueError, match=message):
            train(layer, images, labels, optimiser=optimiser, rng=rng, **{"epochs": 1, **settings})
    with pytest.raises(ValueError, match="batch_size must be"):
        predict(layer, x, 0)
