"""Convolution and pooling, forwards: built step by step in the chapter `2_concepts/convolution_and_pooling`."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Slide kernels over an image, unturned, without padding, and return the sum of products at each place.

    Mathematics calls this a cross-correlation; networks call it a convolution.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (..., H, W, C), finite
    kernel : ndarray of shape (K, K) for an image (H, W), else (K, K, C, O), finite
        O kernels; K at most H and W.

    Returns
    -------
    ndarray of shape (H - K + 1, W - K + 1) or (..., H - K + 1, W - K + 1, O)

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or a number is NaN or infinite.
    """
    image, kernel = _finite("image", image), _finite("kernel", kernel)
    if image.ndim == kernel.ndim == 2:
        return convolve(image[..., None], kernel[..., None, None])[..., 0]
    if image.ndim < 3 or kernel.ndim != 4 or kernel.shape[2] != image.shape[-1]:
        raise ValueError(
            "need an image (H, W) and a kernel (K, K), or an image (..., H, W, C) and kernels (K, K, C, O) "
            f"with the same C, got {image.shape} and {kernel.shape}"
        )
    size = kernel.shape[0]
    if kernel.shape[1] != size:
        raise ValueError(f"a kernel must be square, got {kernel.shape[:2]}")
    _check_fits(image, size)
    patches = sliding_window_view(image, (size, size), axis=(-3, -2))  # (..., H', W', C, K, K)
    return np.tensordot(patches, kernel, axes=((-2, -1, -3), (0, 1, 2)))  # (..., H', W', O)


def max_pool(image: np.ndarray, size: int) -> np.ndarray:
    """Keep the largest number of each `size` × `size` window; windows do not overlap, a remainder is dropped.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (..., H, W, C), finite
    size : int, from 1 to H and W

    Returns
    -------
    ndarray of shape (H // size, W // size) or (..., H // size, W // size, C)
    """
    return _windows(image, size).max(axis=(-2, -1))


def mean_pool(image: np.ndarray, size: int) -> np.ndarray:
    """Keep the mean of each `size` × `size` window; shapes and errors as for `max_pool`."""
    return _windows(image, size).mean(axis=(-2, -1))


def receptive_field(kernel_sizes: Sequence[int], strides: Sequence[int]) -> int:
    """Return how many pixels wide and high the part of the image is that one number after the last layer depends on.

    Parameters
    ----------
    kernel_sizes, strides : sequences of int, each at least 1
        One entry a layer, the first layer first; a pooling layer counts with the size of its window.

    Notes
    -----
    Source: A. Araujo, W. Norris and J. Sim, Computing Receptive Fields of Convolutional Neural Networks, 2019.
    """
    if len(kernel_sizes) != len(strides):
        raise ValueError(
            f"give one kernel size and one stride a layer, got {len(kernel_sizes)} and {len(strides)}"
        )
    for name, values in (("kernel_sizes", kernel_sizes), ("strides", strides)):
        if any(value < 1 or value != int(value) for value in values):
            raise ValueError(f"{name} must be whole numbers of at least 1, got {list(values)}")
    size, step = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        size += (kernel_size - 1) * step
        step *= stride
    return size


def _windows(image: np.ndarray, size: int) -> np.ndarray:
    """Return the windows of a pooling layer: (H, W) to (H', W', P, P), (..., H, W, C) to (..., H', W', C, P, P)."""
    image = _finite("image", image)
    if image.ndim == 2:
        return _windows(image[..., None], size)[:, :, 0]
    if image.ndim < 2:
        raise ValueError(f"need an image (H, W) or (..., H, W, C), got shape {image.shape}")
    if size < 1 or size != int(size):
        raise ValueError(f"size must be a whole number of at least 1, got {size}")
    _check_fits(image, size)
    windows = sliding_window_view(image, (size, size), axis=(-3, -2))
    return windows[..., ::size, ::size, :, :, :]


def _check_fits(image: np.ndarray, size: int) -> None:
    if not 1 <= size <= min(image.shape[-3:-1]):
        raise ValueError(
            f"a window of {size} × {size} does not fit into an image of {image.shape[-3]} × {image.shape[-2]}"
        )


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError(
            f"{name} must hold finite numbers, got {values.dtype} with NaN, infinity or no numbers"
        )
    return values
