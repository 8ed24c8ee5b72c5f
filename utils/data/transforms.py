"""What is done to images before a model sees them."""

import numpy as np


def unit_range(images: np.ndarray) -> np.ndarray:
    """Turn uint8 images (B, H, W, C) in [0, 255] into float32 in [0, 1]."""
    return images.astype(np.float32) / 255
