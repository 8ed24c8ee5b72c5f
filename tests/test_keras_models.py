"""The network against a count by hand, a forward pass in NumPy, and the lesson that builds it."""

import keras
import numpy as np
import pytest
from lessons import written_out
from numpy.lib.stride_tricks import sliding_window_view

from utils.keras_models import build_cnn


def forward_in_numpy(images, weights):
    """Compute the network with sums over windows: images (B, 32, 32, 3) float64, weights as Keras lists them."""
    x = images
    for layer, pool in ((0, True), (2, True), (4, False)):
        kernel, bias = weights[layer], weights[layer + 1]  # (K, K, C, F), (F,)
        windows = sliding_window_view(x, (3, 3), axis=(1, 2))  # (B, H', W', C, K, K)
        x = np.maximum(np.einsum("bhwcij,ijcf->bhwf", windows, kernel) + bias, 0)
        if pool:
            side = x.shape[1] // 2 * 2
            x = x[:, :side, :side].reshape(len(x), side // 2, 2, side // 2, 2, -1).max(axis=(2, 4))
    x = np.maximum(x.reshape(len(x), -1) @ weights[6] + weights[7], 0)
    scores = x @ weights[8] + weights[9]
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def random_weights(model, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 0.15, weight.shape) for weight in model.get_weights()]


def test_counts():
    assert build_cnn().count_params() == 122_570
    assert build_cnn(image_size=64).count_params() == 646_858
    assert build_cnn(in_channels=1, num_classes=6).output_shape == (None, 6)


def test_forward_pass_equals_numpy():
    model, images = build_cnn(), np.random.default_rng(1).random((3, 32, 32, 3))
    weights = random_weights(model)
    model.set_weights(weights)
    np.testing.assert_allclose(model.predict(images, verbose=0), forward_in_numpy(images, weights), atol=2e-6)


def test_the_lesson_builds_the_same_network():
    ours, lesson = build_cnn(), written_out("4_code/cnn_in_keras", keras=keras)["build_cnn"]()
    weights, images = random_weights(ours), np.random.default_rng(2).random((2, 32, 32, 3))
    for model in (ours, lesson):
        model.set_weights(weights)
    np.testing.assert_array_equal(ours.predict(images, verbose=0), lesson.predict(images, verbose=0))
    assert [layer.name for layer in ours.layers] == [layer.name for layer in lesson.layers]


def test_too_small_images_are_refused():
    assert build_cnn(image_size=18).count_params() > 0
    with pytest.raises(ValueError, match="image_size must be at least 18, got 8"):
        build_cnn(image_size=8)
