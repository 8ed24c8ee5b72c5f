"""Where does a classifier look? Cover one place after the other, and see where its answer suffers.

Written out in the chapter `4_code/project`.
"""

from collections.abc import Callable

import numpy as np

from utils.checks import check_whole


def occlusion_map(
    probability_of: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    fill: np.ndarray,
    patch: int = 8,
    stride: int = 2,
) -> np.ndarray:
    """Return how much the probability of an answer falls when each place is covered.

    Parameters
    ----------
    probability_of : callable
        Images (B, H, W, C) uint8 to the probability of one class, (B,).
    image : ndarray of shape (H, W, C), uint8
    fill : ndarray of shape (C,), in [0, 255]
        The colour of the cover, such as the mean of the training images.
    patch : int
        Side of the square cover, in pixels, at most H and W.
    stride : int
        Pixels from one place to the next.

    Returns
    -------
    ndarray of shape (H, W), float64, in [-1, 1]
        For each pixel the mean fall over all covers that lie on it; 0 where none does. Below 0 the answer gained.

    Source: M. D. Zeiler and R. Fergus, Visualizing and Understanding Convolutional Networks, 2014, section 4.2.
    """
    if image.ndim != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be uint8 of shape (H, W, C), got {image.dtype} of shape {image.shape}")
    height, width, _ = image.shape
    check_whole("patch", patch, 1, min(height, width))
    check_whole("stride", stride, 1)
    places = [
        (top, left)
        for top in range(0, height - patch + 1, stride)
        for left in range(0, width - patch + 1, stride)
    ]
    covered = np.repeat(image[None], len(places) + 1, axis=0)  # (places + 1, H, W, C), the last stays whole
    for i, (top, left) in enumerate(places):
        covered[i, top : top + patch, left : left + patch] = np.asarray(fill)
    probability = probability_of(covered)
    total, covers = np.zeros((height, width)), np.zeros((height, width))
    for (top, left), fall in zip(places, probability[-1] - probability[:-1], strict=True):
        total[top : top + patch, left : left + patch] += fall
        covers[top : top + patch, left : left + patch] += 1
    return total / np.maximum(covers, 1)
