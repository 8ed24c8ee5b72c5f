"""The course's first convolutional network, in NumPy. Built in `3_algorithms/cnn_forward`."""

import numpy as np

from utils.checks import check_whole
from utils.numpy_nn.activations import ReLU
from utils.numpy_nn.convolution import Convolution
from utils.numpy_nn.dense import Dense
from utils.numpy_nn.layer import Flatten, Sequential
from utils.numpy_nn.pooling import MaxPool


def build_cnn(
    rng: np.random.Generator,
    *,
    image_size: int = 32,
    in_channels: int = 3,
    num_classes: int = 10,
    padding: int = 0,
    dtype: type = np.float32,
) -> Sequential:
    """Build the course's first convolutional network: 122,570 parameters for 32 × 32 × 3 images and 10 classes.

    Three convolutions of 32, 64 and 64 kernels, 3 × 3, ReLU; 2 × 2 max-pooling after the first two; a hidden layer
    of 64. The same layers, with the same names, as `utils.torch_models.build_cnn`.

    Parameters
    ----------
    image_size : int
        H = W; at least 18 without padding, at least 4 with a padding of 1.
    padding : 0 or 1
        Zeros around the maps before each convolution; 1 keeps their size, and makes room for small images.

    Returns
    -------
    Sequential
        Images (B, H, W, C) in [0, 1] to logits (B, Y).
    """
    side = last_map_size(image_size, padding)
    maps = {"rng": rng, "padding": padding, "dtype": dtype}
    return Sequential(
        {
            "convolution_1": Convolution(in_channels, 32, 3, **maps),
            "relu_1": ReLU(),
            "pooling_1": MaxPool(2),
            "convolution_2": Convolution(32, 64, 3, **maps),
            "relu_2": ReLU(),
            "pooling_2": MaxPool(2),
            "convolution_3": Convolution(64, 64, 3, **maps),
            "relu_3": ReLU(),
            "flatten": Flatten(),  # (B, side, side, 64) -> (B, side·side·64)
            "hidden": Dense(64 * side * side, 64, rng, dtype=dtype),
            "relu_4": ReLU(),
            "classes": Dense(64, num_classes, rng, dtype=dtype),
        }
    )


def last_map_size(image_size: int, padding: int) -> int:
    """Return how many rows and columns the maps of the last convolution have; ValueError if nothing is left."""
    shrink = 2 - 2 * check_whole("padding", padding, 0, 1)
    side = ((check_whole("image_size", image_size, 1) - shrink) // 2 - shrink) // 2 - shrink
    if side < 1:
        raise ValueError(
            f"image_size must be at least {18 - 14 * padding}, got {image_size}: "
            "the third convolution would see nothing"
        )
    return side
