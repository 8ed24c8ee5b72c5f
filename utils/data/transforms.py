"""What is done to images before a model sees them."""

import numpy as np

from utils.checks import check_whole
from utils.data.checks import check_number_images, check_uint8_images


def unit_range(images: np.ndarray) -> np.ndarray:
    """Turn uint8 images (B, H, W, C) in [0, 255] into float32 in [0, 1]; ValueError for others.

    Images that were divided before are refused: a second division would leave them all but black.
    """
    check_uint8_images(images)
    return images.astype(np.float32) / 255


def enlarge(images: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge uint8 images (B, H, W, C) to (B, factor·H, factor·W, C), linear between the centres of the pixels.

    ValueError for other images, or a factor that is not a whole number of at least 1.
    """
    from skimage.transform import resize

    check_uint8_images(images)
    factor = check_whole("factor", factor, low=1)
    count, height, width, channels = images.shape
    shape = (count, factor * height, factor * width, channels)
    return np.round(resize(images, shape, order=1, mode="edge", preserve_range=True)).astype(np.uint8)


def channel_statistics(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each channel, over all images and places, each (C,) float64.

    Parameters
    ----------
    images : ndarray of shape (B, H, W, C), any numbers, B at least 1
        The training images, and no others: whoever measures the test images has looked at them.

    Raises
    ------
    ValueError
        If the shape is another, or a number is NaN or infinite.
    """
    images = check_number_images(images)
    return images.mean(axis=(0, 1, 2), dtype=np.float64), images.std(axis=(0, 1, 2), dtype=np.float64)


def standardise(images: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Shift and scale each channel: (images - mean) / std, float32 of the shape (B, H, W, C).

    Parameters
    ----------
    images : ndarray of shape (B, H, W, C), any numbers, B at least 1
    mean, std : ndarray of shape (C,)
        From `channel_statistics` of the training images, of the same range as `images`.

    Raises
    ------
    ValueError
        If a shape is another, a number is NaN or infinite, or a std is not above 0: a channel that never changes
        says nothing and has to be left out.
    """
    images, mean, std = check_number_images(images), np.asarray(mean), np.asarray(std)
    channels = images.shape[-1:]
    if mean.shape != channels or std.shape != channels:
        raise ValueError(
            f"mean and std must have shape {channels}, one number a channel, got {mean.shape} and {std.shape}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise ValueError(f"mean must be finite and std above 0, got {mean.tolist()} and {std.tolist()}")
    return ((images - mean) / std).astype(np.float32)
