"""Networks in Keras, as the chapters of part 4 build them."""

import keras


def build_cnn(image_size: int = 32, in_channels: int = 3, num_classes: int = 10) -> keras.Model:
    """Build the course's first convolutional network: 122,570 parameters for 32 × 32 × 3 images and 10 classes.

    Three convolutions of 32, 64 and 64 kernels, 3 × 3, no padding, ReLU; 2 × 2 max-pooling after the first two;
    a hidden layer of 64; softmax.

    Parameters
    ----------
    image_size : int, at least 18
        H = W; smaller images leave nothing for the last convolution.

    Returns
    -------
    Model
        float32 images (B, H, W, C) in [0, 1] to probabilities (B, Y).
    """
    if image_size < 18:
        raise ValueError(
            f"image_size must be at least 18, got {image_size}: the third convolution would see nothing"
        )
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, in_channels)),
            keras.layers.Conv2D(32, 3, activation="relu", name="convolution_1"),
            keras.layers.MaxPooling2D(2, name="pooling_1"),
            keras.layers.Conv2D(64, 3, activation="relu", name="convolution_2"),
            keras.layers.MaxPooling2D(2, name="pooling_2"),
            keras.layers.Conv2D(64, 3, activation="relu", name="convolution_3"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(64, activation="relu", name="hidden"),
            keras.layers.Dense(num_classes, activation="softmax", name="classes"),
        ],
        name="cnn",
    )
