"""Pooling, forwards and backwards: the largest number of each window, or the mean of all of them.

Built in `2_concepts/convolution_and_pooling`, with its gradient in `3_algorithms/cnn_backward`.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from utils.checks import check_whole
from utils.numpy_nn.convolution import output_size
from utils.numpy_nn.layer import Layer, check_finite


class Pool(Layer):
    """Move a window of P × P over each channel by itself, `stride` pixels at a time; a remainder is dropped.

    Parameters
    ----------
    size : int
        P, rows and columns of a window.
    stride : int, optional
        S; P if it is not given, so that windows do not overlap.
    """

    def __init__(self, size: int, stride: int | None = None) -> None:
        super().__init__()
        self.size = check_whole("size", size, 1)
        self.stride = size if stride is None else check_whole("stride", stride, 1)

    def _windows(self, x: np.ndarray) -> np.ndarray:
        """Return the numbers of each window, (B, H, W, C) to (B, H', W', C, P²)."""
        x = self._check(x, "B", "H", "W", "C")
        for side in x.shape[1:3]:
            output_size(side, self.size)
        windows = sliding_window_view(x, (self.size, self.size), axis=(1, 2))[
            :, :: self.stride, :: self.stride
        ]
        return windows.reshape(*windows.shape[:4], -1)

    def _places(self, height: int, width: int) -> Iterator[tuple[slice, slice]]:
        """Yield, for each of the P² numbers of a window, the pixels that stand there in the H' × W' windows."""
        for u in range(self.size):
            for v in range(self.size):
                yield (
                    slice(u, u + self.stride * (height - 1) + 1, self.stride),
                    slice(v, v + self.stride * (width - 1) + 1, self.stride),
                )


class MaxPool(Pool):
    """Keep the largest number of each window: `eq-forward-max-pool`, back with `eq-backward-max-pool`."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn maps (B, H, W, C) into (B, H', W', C), `eq-forward-max-pool`."""
        windows = self._windows(x)
        winners = windows.argmax(axis=-1)  # (B, H', W', C); the first of equals
        z = np.take_along_axis(windows, winners[..., None], axis=-1)[..., 0]
        return self._remember(z, winners, np.shape(x))

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Hand each gradient to the pixel that won its window, all others get nothing: `eq-backward-max-pool`."""
        dz, winners, shape = self._recall(dz)
        dx = np.zeros(shape, dz.dtype)
        for index, (rows, columns) in enumerate(self._places(*dz.shape[1:3])):
            dx[:, rows, columns] += dz * (winners == index)
        return dx


class MeanPool(Pool):
    """Keep the mean of each window: `eq-forward-mean-pool`, back with `eq-backward-mean-pool`."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn maps (B, H, W, C) into (B, H', W', C), `eq-forward-mean-pool`."""
        return self._remember(self._windows(x).mean(axis=-1), np.shape(x))

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Share each gradient out to the pixels of its window, all alike: `eq-backward-mean-pool`."""
        dz, shape = self._recall(dz)
        dx = np.zeros(shape, dz.dtype)
        for rows, columns in self._places(*dz.shape[1:3]):
            dx[:, rows, columns] += dz / self.size**2
        return dx


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
    return _pool(MaxPool(size), image)


def mean_pool(image: np.ndarray, size: int) -> np.ndarray:
    """Keep the mean of each `size` × `size` window; shapes and errors as for `max_pool`."""
    return _pool(MeanPool(size), image)


def _pool(layer: Pool, image: np.ndarray) -> np.ndarray:
    image = check_finite("image", image)
    if image.ndim < 2:
        raise ValueError(f"need an image (H, W) or (..., H, W, C), got shape {image.shape}")
    if image.ndim == 2:
        return _pool(layer, image[..., None])[..., 0]
    if not image.size:
        raise ValueError(
            f"a window of {layer.size} × {layer.size} does not fit into an image of shape {image.shape}"
        )
    pooled = layer.forward(image.reshape(-1, *image.shape[-3:]))
    return pooled.reshape(*image.shape[:-3], *pooled.shape[1:])
