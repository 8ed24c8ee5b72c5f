"""The layers against Keras on shared weights, outputs and all gradients: what it can do on a processor, in both types."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity import assert_close, randomise
from scipy.special import erf

from utils import convert, keras_models, numpy_nn


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def assert_equals_keras(layer, model, x, rng):
    """Compare output, gradient of the input and gradients of all parameters; the weights are the layer's own."""
    dtype = x.dtype.type
    if layer.named_parameters():
        convert.to_keras(layer.named_parameters(), model)
    ours = layer.forward(x)
    dz = rng.standard_normal(ours.shape).astype(dtype)
    theirs_x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(theirs_x)
        theirs = model(theirs_x)
        total = tf.reduce_sum(theirs * dz)
    gradients = tape.gradient(total, [theirs_x, *model.trainable_variables])
    assert_close(ours, theirs, dtype, "the output")
    assert_close(layer.backward(dz), gradients[0], dtype, "dx")
    for variable, gradient in zip(model.trainable_variables, gradients[1:], strict=True):
        variable.assign(
            gradient
        )  # gradients have the layout of their weights, so they are carried like weights
    expected = convert.from_keras(model)
    assert layer.named_gradients().keys() == expected.keys()
    for name, gradient in layer.named_gradients().items():
        assert_close(gradient, expected[name], dtype, f"the gradient of {name}")


def model_of(shape, dtype, *layers):
    """Build a model whose one layer with weights is called "part", as in `Sequential({"part": …})`."""
    inputs = keras.Input(shape, dtype=dtype)
    x = inputs
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def part(layer):
    return numpy_nn.Sequential({"part": layer})


@pytest.fixture(params=[np.float64, np.float32])
def dtype(request):
    """Let Keras compute in one type from the first to the last layer."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(np.dtype(request.param).name)
    keras.config.set_dtype_policy(np.dtype(request.param).name)
    yield request.param
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


@pytest.mark.parametrize(
    ("height", "width", "channels", "kernels", "size", "settings"),
    [
        (7, 9, 3, 4, 3, {}),
        (8, 5, 2, 6, 3, {"padding": 1}),
        (9, 7, 2, 3, 3, {"stride": 2}),
        (10, 9, 2, 4, 3, {"stride": 3, "padding": 2}),
        (11, 8, 3, 2, 3, {"dilation": 2}),
        (8, 12, 3, 5, 4, {"stride": 4}),
        (5, 4, 3, 2, 1, {}),
    ],
)
def test_convolution_equals_keras(rng, height, width, channels, kernels, size, settings, dtype):
    """Keras has no groups on a processor and no dilation together with a stride: PyTorch alone tests those."""
    layer = randomise(numpy_nn.Convolution(channels, kernels, size, rng, **settings, dtype=dtype), rng)
    theirs = keras.layers.Conv2D(
        kernels, size, settings.get("stride", 1), dilation_rate=settings.get("dilation", 1), name="part"
    )
    model = model_of(
        (height, width, channels), dtype, keras.layers.ZeroPadding2D(settings.get("padding", 0)), theirs
    )
    assert_equals_keras(
        part(layer), model, rng.standard_normal((3, height, width, channels)).astype(dtype), rng
    )


@pytest.mark.parametrize(
    ("height", "width", "size", "stride"), [(6, 8, 2, 2), (7, 5, 2, 2), (9, 8, 3, 2), (8, 8, 2, 1)]
)
@pytest.mark.parametrize(
    ("kind", "theirs"),
    [(numpy_nn.MaxPool, keras.layers.MaxPooling2D), (numpy_nn.MeanPool, keras.layers.AveragePooling2D)],
)
def test_pooling_equals_keras(rng, height, width, size, stride, kind, theirs, dtype):
    model = model_of((height, width, 2), dtype, theirs(size, stride))
    assert_equals_keras(
        kind(size, stride), model, rng.standard_normal((3, height, width, 2)).astype(dtype), rng
    )


def test_dense_equals_keras(rng, dtype):
    layer = randomise(numpy_nn.Dense(5, 4, rng, dtype=dtype), rng)
    model = model_of((5,), dtype, keras.layers.Dense(4, name="part"))
    assert_equals_keras(part(layer), model, rng.standard_normal((3, 5)).astype(dtype), rng)


def exact_gelu(x):
    return x * (1 + keras.ops.erf(x * math.sqrt(0.5))) / 2


@pytest.mark.parametrize("function", ["relu", "sigmoid", "tanh", exact_gelu])
def test_activations_equal_keras(rng, function, dtype):
    kinds = {
        "relu": numpy_nn.ReLU,
        "sigmoid": numpy_nn.Sigmoid,
        "tanh": numpy_nn.Tanh,
        exact_gelu: numpy_nn.GELU,
    }
    model = model_of((7,), dtype, keras.layers.Activation(function))
    assert_equals_keras(kinds[function](), model, (2 * rng.standard_normal((3, 7))).astype(dtype), rng)


def test_the_gelu_that_comes_with_keras_keeps_a_constant_in_single_precision():
    """In double precision it is right to nine digits: on TensorFlow, the root of 1/2 is rounded to float32."""
    x = np.linspace(-3, 3, 61)
    theirs = keras.ops.convert_to_numpy(keras.activations.gelu(tf.constant(x), approximate=False))
    assert 1e-9 < np.abs(theirs - numpy_nn.GELU().forward(x)).max() < 1e-8
    rounded = np.float64(np.float32(np.sqrt(0.5)))
    np.testing.assert_allclose(theirs, x * (1 + erf(x * rounded)) / 2, rtol=0, atol=1e-15)


def test_layer_norm_equals_keras(rng, dtype):
    layer = randomise(numpy_nn.LayerNorm(7, dtype=dtype), rng)
    model = model_of((5, 7), dtype, keras.layers.LayerNormalization(epsilon=1e-5, name="part"))
    assert_equals_keras(part(layer), model, (3 * rng.standard_normal((2, 5, 7)) + 1).astype(dtype), rng)


def test_cross_entropy_equals_keras(rng, dtype):
    z, y = (3 * rng.standard_normal((5, 4))).astype(dtype), rng.integers(0, 4, 5)
    theirs_z = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(theirs_z)
        values = keras.losses.sparse_categorical_crossentropy(y, theirs_z, from_logits=True)
        expected = tf.reduce_mean(values)
    loss, dz = numpy_nn.cross_entropy(z, y)
    assert loss == pytest.approx(float(expected), rel=1e-10 if dtype == np.float64 else 1e-5)
    assert_close(dz, tape.gradient(expected, theirs_z), dtype, "dz")


@pytest.mark.parametrize(("count", "width", "heads"), [(5, 12, 3), (1, 4, 1), (7, 6, 6)])
def test_attention_equals_keras(rng, count, width, heads, dtype):
    layer = randomise(numpy_nn.Attention(width, heads, rng, dtype=dtype), rng)
    inputs = keras.Input((count, width), dtype=dtype)
    theirs = keras.layers.MultiHeadAttention(heads, width // heads, name="part")
    model = keras.Model(inputs, theirs(inputs, inputs))
    assert_equals_keras(part(layer), model, rng.standard_normal((2, count, width)).astype(dtype), rng)


@pytest.mark.parametrize(("image_size", "patch_size"), [(6, 2), (9, 3)])
def test_patch_embedding_blocks_and_the_vision_transformer_equal_keras(rng, image_size, patch_size, dtype):
    settings = {
        "image_size": image_size,
        "patch_size": patch_size,
        "in_channels": 2,
        "num_classes": 3,
        "embed_dim": 8,
        "depth": 2,
        "num_heads": 2,
    }
    layer = randomise(numpy_nn.VisionTransformer(rng, **settings, dtype=dtype), rng, scale=0.3)
    model = keras_models.build_vision_transformer(**settings)
    for index in range(2):
        model.get_layer(f"blocks.{index}.mlp.fc1").activation = exact_gelu
    x = rng.standard_normal((2, image_size, image_size, 2)).astype(dtype)
    assert_equals_keras(layer, model, x, rng)


@pytest.mark.parametrize(("image_size", "padding"), [(19, 0), (9, 1)])
def test_the_cnn_equals_keras(rng, image_size, padding, dtype):
    layer = numpy_nn.build_cnn(rng, image_size=image_size, padding=padding, dtype=dtype)
    randomise(layer, rng, scale=0.05)
    model = keras_models.build_cnn(image_size, padding=padding)
    model.get_layer("classes").activation = keras.activations.linear  # logits, as in NumPy
    x = rng.random((2, image_size, image_size, 3)).astype(dtype)
    assert_equals_keras(layer, model, x, rng)
