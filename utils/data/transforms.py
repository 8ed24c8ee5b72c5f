"""What is done to images before a model sees them."""

import numpy as np


def unit_range(images: np.ndarray) -> np.ndarray:
    """Turn uint8 images (B, H, W, C) in [0, 255] into float32 in [0, 1]."""
    return images.astype(np.float32) / 255


def enlarge(images: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge uint8 images (B, H, W, C) to (B, factor·H, factor·W, C), linear between the centres of the pixels."""
    from skimage.transform import resize

    count, height, width, channels = images.shape
    shape = (count, factor * height, factor * width, channels)
    return np.round(resize(images, shape, order=1, mode="edge", preserve_range=True)).astype(np.uint8)
