"""Networks in Keras: the course's first CNN, and a small Vision Transformer made of Keras' own layers."""

import keras

from utils.numpy_nn.cnn import last_map_size
from utils.numpy_nn.positions import POSITION_STD


def build_cnn(
    image_size: int = 32, in_channels: int = 3, num_classes: int = 10, padding: int = 0
) -> keras.Model:
    """Build the course's first convolutional network: 122,570 parameters for 32 × 32 × 3 images and 10 classes.

    Three convolutions of 32, 64 and 64 kernels, 3 × 3, ReLU; 2 × 2 max-pooling after the first two; a hidden layer
    of 64; softmax.

    Parameters
    ----------
    image_size : int
        H = W; at least 18 without padding, at least 4 with a padding of 1.
    padding : 0 or 1
        Zeros around the maps before each convolution; 1 keeps their size, and makes room for small images.

    Returns
    -------
    Model
        float32 images (B, H, W, C) in [0, 1] to probabilities (B, Y).
    """
    last_map_size(image_size, padding)
    maps = {"kernel_size": 3, "activation": "relu", "padding": "same" if padding else "valid"}
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, in_channels)),
            keras.layers.Conv2D(32, **maps, name="convolution_1"),
            keras.layers.MaxPooling2D(2, name="pooling_1"),
            keras.layers.Conv2D(64, **maps, name="convolution_2"),
            keras.layers.MaxPooling2D(2, name="pooling_2"),
            keras.layers.Conv2D(64, **maps, name="convolution_3"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(64, activation="relu", name="hidden"),
            keras.layers.Dense(num_classes, activation="softmax", name="classes"),
        ],
        name="cnn",
    )


class AddPositions(keras.layers.Layer):
    """Add a learned vector to each token, by its place: tokens (B, N, D) to tokens (B, N, D)."""

    def build(self, input_shape):
        start = keras.initializers.RandomNormal(stddev=POSITION_STD)
        self.positions = self.add_weight(shape=(1, *input_shape[1:]), initializer=start, name="positions")

    def call(self, tokens):
        return tokens + self.positions


def build_vision_transformer(
    *,
    image_size: int = 32,
    patch_size: int = 4,
    in_channels: int = 3,
    num_classes: int = 10,
    embed_dim: int = 64,
    depth: int = 4,
    num_heads: int = 4,
    mlp_ratio: float = 2.0,
) -> keras.Model:
    """Build the Vision Transformer of `utils.torch_models` from the layers that come with Keras.

    Layers have the names of PyTorch's modules, `blocks.0.norm1` for example; the parameters are those of
    `utils.torch_models.VisionTransformer`.

    Returns
    -------
    Model
        float32 images (B, H, W, C) to logits (B, Y).
    """
    if image_size % patch_size or embed_dim % num_heads:
        raise ValueError(
            f"patches of {patch_size} pixels must fill an image of {image_size}, "
            f"and {num_heads} heads must share {embed_dim} numbers evenly"
        )
    layers, images = keras.layers, keras.Input((image_size, image_size, in_channels))
    maps = layers.Conv2D(embed_dim, patch_size, strides=patch_size, name="patch_embed.proj")(images)
    tokens = layers.Reshape((-1, embed_dim), name="tokens")(maps)  # (B, H/P, W/P, D) -> (B, N, D)
    tokens = AddPositions(name="pos_embed")(tokens)
    for index in range(depth):
        name, hidden = f"blocks.{index}", int(mlp_ratio * embed_dim)
        normal = layers.LayerNormalization(epsilon=1e-5, name=f"{name}.norm1")(tokens)
        heads = layers.MultiHeadAttention(num_heads, embed_dim // num_heads, name=f"{name}.attn")
        tokens = layers.Add(name=f"{name}.add1")([tokens, heads(normal, normal)])
        normal = layers.LayerNormalization(epsilon=1e-5, name=f"{name}.norm2")(tokens)
        inner = layers.Dense(hidden, activation="gelu", name=f"{name}.mlp.fc1")(normal)
        tokens = layers.Add(name=f"{name}.add2")(
            [tokens, layers.Dense(embed_dim, name=f"{name}.mlp.fc2")(inner)]
        )
    normal = layers.LayerNormalization(epsilon=1e-5, name="norm")(tokens)
    mean = layers.GlobalAveragePooling1D(name="mean")(normal)  # (B, N, D) -> (B, D)
    return keras.Model(images, layers.Dense(num_classes, name="head")(mean), name="vision_transformer")
