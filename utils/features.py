"""Features that people designed: what recognisers looked at before networks learned their own."""

import numpy as np

from utils.data.transforms import unit_range


def pixels(images: np.ndarray) -> np.ndarray:
    """Lay the pixels of uint8 images (B, H, W, C) in one row each: float32 (B, H·W·C) in [0, 1]."""
    return unit_range(images).reshape(len(images), -1)


def oriented_gradients(images: np.ndarray, cell: int = 4, orientations: int = 9) -> np.ndarray:
    """Describe images by histograms of oriented gradients: how strong the edges of each direction are in each cell.

    Parameters
    ----------
    images : ndarray of shape (B, H, W, C), uint8
    cell : int
        Side of the square cells, in pixels; at least two cells must fit in H and in W.
    orientations : int
        Number of equal ranges of direction between 0° and 180°.

    Returns
    -------
    ndarray of shape (B, (H // cell - 1)(W // cell - 1) · 4 · orientations), float32, in [0, 1]
        Each block of 2 × 2 cells, scaled to length 1, clipped at 0.2 and scaled again.

    Source: N. Dalal and B. Triggs, Histograms of Oriented Gradients for Human Detection, 2005. Equal to
    `skimage.feature.hog` up to rounding.
    """
    if images.ndim != 4 or min(images.shape[1:3]) < 2 * cell:
        raise ValueError(
            f"images must have shape (B, H, W, C) with room for two cells of {cell} pixels each way, got {images.shape}"
        )
    strength, direction = _gradients(images.astype(np.float32))  # whole numbers: equal gradients stay equal
    cells = _cell_histograms(strength, direction, cell, orientations)
    blocks = np.concatenate(
        [cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]], axis=-1
    )  # (B, h - 1, w - 1, 4·orientations)
    blocks = np.minimum(_unit_length(blocks), np.float32(0.2))
    return _unit_length(blocks).reshape(len(images), -1)


def _gradients(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return strength and direction (degrees, 0 to 180) of the steepest channel's gradient, each (B, H, W)."""
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[:, 1:-1] = x[:, 2:] - x[:, :-2]
    right[:, :, 1:-1] = x[:, :, 2:] - x[:, :, :-2]
    squared = down**2 + right**2
    steepest = squared.argmax(axis=-1)[..., None]
    down, right, squared = (np.take_along_axis(a, steepest, -1)[..., 0] for a in (down, right, squared))
    return np.sqrt(squared), np.rad2deg(np.arctan2(down, right)) % 180


def _cell_histograms(strength, direction, cell, orientations):
    """Add up the strength by direction in each cell: (B, h, w, orientations)."""
    height, width = strength.shape[1] // cell, strength.shape[2] // cell
    bins = np.minimum((direction * np.float32(orientations / 180)).astype(np.int64), orientations - 1)
    histograms = []
    for k in range(orientations):
        part = np.where(bins == k, strength, 0)[:, : height * cell, : width * cell]
        histograms.append(part.reshape(-1, height, cell, width, cell).mean(axis=(2, 4)))
    return np.stack(histograms, axis=-1)


def _unit_length(blocks):
    return blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + np.float32(1e-10))
