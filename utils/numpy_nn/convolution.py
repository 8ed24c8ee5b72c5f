"""Convolution with stride, padding, dilation and groups, forwards and backwards, as products of matrices.

The sum itself is built in `2_concepts/convolution_and_pooling`, the layer in `3_algorithms/cnn_forward` and
`3_algorithms/cnn_backward`.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from utils.checks import check_whole
from utils.numpy_nn.layer import Layer, check_finite, random_weights

_NUMBERS_AT_A_TIME = 2**18
"""How many numbers of columns are written out at a time: few enough to stay in the cache of a processor."""


class Convolution(Layer):
    """Slide O kernels over images: equation `eq-forward-convolution`, back with `eq-backward-convolution`.

    Parameters
    ----------
    in_channels, out_channels : int
        C and O; `groups` divides both.
    kernel_size : int
        K, rows and columns of a kernel.
    stride, padding, dilation, groups : int
        S, how far a kernel moves; zeros around the image; the distance of neighbours inside a kernel; and how many
        parts the channels are divided into, each with O / groups kernels of its own.

    Attributes
    ----------
    parameters : weight (K, K, C / groups, O) and bias (O)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        rng: np.random.Generator,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        dtype: type = np.float32,
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
            check_whole(name, value, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{groups} groups cannot share {in_channels} and {out_channels} channels evenly")
        self.in_channels, self.kernel_size = in_channels, check_whole("kernel_size", kernel_size, 1)
        self.stride, self.dilation = check_whole("stride", stride, 1), check_whole("dilation", dilation, 1)
        self.padding, self.groups = check_whole("padding", padding), groups
        shape = (kernel_size, kernel_size, in_channels // groups, out_channels)
        self.parameters = {
            "weight": random_weights(rng, shape, kernel_size**2 * in_channels // groups, 2.0, dtype),
            "bias": np.zeros(out_channels, dtype),
        }

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn images (B, H, W, C) into maps (B, H', W', O): `eq-forward-columns`, H' and W' from `output_size`."""
        x = self._check(x, "B", "H", "W", self.in_channels)
        height, width = (self._output_size(size) for size in x.shape[1:3])
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        windows = self._windows(np.pad(x, self._margins()))  # (G, B, H', W', K, K, C/G)
        z = np.empty(
            (len(x), height, width, self.groups, weight.shape[3] // self.groups), np.result_type(x, weight)
        )
        matrix = self._matrix(weight)  # (G, K²C/G, O/G)
        for rows in _chunks(windows):
            columns = _columns(windows[:, rows])  # (G, b·H'·W', K²C/G)
            answers = columns @ matrix  # (G, b·H'·W', K²C/G) @ (G, K²C/G, O/G) -> (G, b·H'·W', O/G)
            z[rows] = np.moveaxis(answers, 0, 1).reshape(z[rows].shape)
        z = z.reshape(len(x), height, width, -1)  # (B, H', W', G, O/G) -> (B, H', W', O)
        z += bias
        return self._remember(z, windows, x.shape)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (B, H, W, C); `gradients` then hold those of weight and bias: `eq-backward-convolution`."""
        dz, windows, shape = self._recall(dz)
        batch, height, width, _ = dz.shape
        weight = self.parameters["weight"]
        grouped = dz.reshape(batch, height * width, self.groups, -1)  # (B, H'·W', G, O/G)
        matrix = np.ascontiguousarray(self._matrix(weight).swapaxes(1, 2))  # (G, O/G, K²C/G)
        dmatrix = np.zeros((self.groups, matrix.shape[2], matrix.shape[1]), dz.dtype)
        dpadded = np.zeros(
            (batch, *(size + 2 * self.padding for size in shape[1:3]), *self._grouped()), dz.dtype
        )
        for rows in _chunks(windows):
            answers = np.moveaxis(grouped[rows], 2, 0).reshape(
                self.groups, -1, grouped.shape[3]
            )  # (G, b·H'·W', O/G)
            dmatrix += _columns(windows[:, rows]).swapaxes(1, 2) @ answers  # -> (G, K²C/G, O/G)
            dcolumns = (answers @ matrix).reshape(windows[:, rows].shape)  # (G, b, H', W', K, K, C/G)
            self._add_back(dpadded[rows], np.moveaxis(dcolumns, 0, 5))
        self.gradients = {
            "weight": np.moveaxis(dmatrix, 0, 1).reshape(weight.shape),
            "bias": dz.sum(axis=(0, 1, 2)),
        }
        inside = tuple(slice(self.padding, self.padding + size) for size in shape[1:3])
        return dpadded.reshape(*dpadded.shape[:3], -1)[:, *inside]

    def _add_back(self, dpadded: np.ndarray, dcolumns: np.ndarray) -> None:
        """Add each gradient of a column to the pixel it was copied from: (b, H', W', K, K, G, C/G) to (b, H, W, G, C/G)."""
        height, width = dcolumns.shape[1:3]
        for u in range(self.kernel_size):
            for v in range(self.kernel_size):
                below, right = u * self.dilation, v * self.dilation
                rows = slice(below, below + self.stride * (height - 1) + 1, self.stride)
                columns = slice(right, right + self.stride * (width - 1) + 1, self.stride)
                dpadded[:, rows, columns] += dcolumns[:, :, :, u, v]

    def _windows(self, padded: np.ndarray) -> np.ndarray:
        """Show the pixels under the kernels, nothing is copied: (B, H, W, C) to (G, B, H', W', K, K, C/G)."""
        extent = self.dilation * (self.kernel_size - 1) + 1
        grouped = padded.reshape(*padded.shape[:3], *self._grouped())  # (B, H, W, C) -> (B, H, W, G, C/G)
        view = sliding_window_view(
            grouped, (extent, extent), axis=(1, 2)
        )  # (B, H'', W'', G, C/G, extent, extent)
        view = view[:, :: self.stride, :: self.stride, ..., :: self.dilation, :: self.dilation]
        return view.transpose(3, 0, 1, 2, 5, 6, 4)  # (B, H', W', G, C/G, K, K) -> (G, B, H', W', K, K, C/G)

    def _matrix(self, weight: np.ndarray) -> np.ndarray:
        """Write each kernel as one column: (K, K, C/G, O) to (G, K²C/G, O/G)."""
        return np.moveaxis(weight.reshape(-1, self.groups, weight.shape[3] // self.groups), 1, 0)

    def _grouped(self) -> tuple[int, int]:
        return self.groups, self.in_channels // self.groups

    def _margins(self) -> tuple[tuple[int, int], ...]:
        return (0, 0), (self.padding, self.padding), (self.padding, self.padding), (0, 0)

    def _output_size(self, size: int) -> int:
        return output_size(
            size, self.kernel_size, stride=self.stride, padding=self.padding, dilation=self.dilation
        )


def output_size(size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return how many places a kernel has along one side of an image: equation `eq-forward-size`.

    Raises
    ------
    ValueError
        If the kernel does not fit into the padded image even once.
    """
    extent = dilation * (kernel_size - 1) + 1
    if size + 2 * padding < extent:
        raise ValueError(
            f"a kernel of {kernel_size} numbers in a row, {extent} pixels with dilation {dilation}, does not fit "
            f"into {size} pixels with a padding of {padding}"
        )
    return (size + 2 * padding - extent) // stride + 1


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
    image, kernel = check_finite("image", image), check_finite("kernel", kernel)
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
    if not 1 <= size <= min(image.shape[-3:-1]):
        raise ValueError(
            f"a window of {size} × {size} does not fit into an image of {image.shape[-3]} × {image.shape[-2]}"
        )
    patches = sliding_window_view(image, (size, size), axis=(-3, -2))  # (..., H', W', C, K, K)
    return np.tensordot(patches, kernel, axes=((-2, -1, -3), (0, 1, 2)))  # (..., H', W', O)


def receptive_field(kernel_sizes: Sequence[int], strides: Sequence[int]) -> int:
    """Return how many pixels wide and high the part of the image is that one number after the last layer depends on.

    Equation `eq-forward-field`.

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
    size, step = 1, 1
    for kernel_size, stride in zip(kernel_sizes, strides, strict=True):
        size += (check_whole("kernel_sizes", kernel_size, 1) - 1) * step
        step *= check_whole("strides", stride, 1)
    return size


def _chunks(windows: np.ndarray) -> Iterator[slice]:
    """Divide a batch (G, B, …) into slices of images that are worked on at a time."""
    batch = windows.shape[1]
    images = max(1, _NUMBERS_AT_A_TIME // max(1, windows.size // batch))
    return (slice(start, start + images) for start in range(0, batch, images))


def _columns(windows: np.ndarray) -> np.ndarray:
    """Copy the pixels under the kernels, one row a place: (G, b, H', W', K, K, C/G) to (G, b·H'·W', K²C/G)."""
    groups, *_, size, _, channels = windows.shape
    return windows.reshape(groups, -1, size * size * channels)
