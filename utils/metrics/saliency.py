"""Scores of maps that say where something is: does the brightest place lie on the object, do the bright places cover it?

Written out in the chapter `5_trends_and_challenges/interpretability`. Maps are arrays of shape (B, H, W), higher is
brighter. Equally bright places are never put in an order: what they would score on average is what counts.
"""

import numpy as np

from utils.metrics.checks import check_numbers


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return for each map whether its brightest place lies on the object: (B,) float64, a share if several are brightest.

    Parameters
    ----------
    maps : array of shape (B, H, W)
    masks : array of shape (B, H, W), bool
        Where the object is; at least one pixel each.

    Source: J. Zhang and others, Top-down Neural Attention by Excitation Backprop, 2016; there, a place a few
    pixels away from the object counts as well, here none does.
    """
    maps, masks = _check(maps, masks)
    brightest = maps == maps.max(axis=1, keepdims=True)  # (B, H·W)
    return (brightest & masks).sum(axis=1) / brightest.sum(axis=1)


def area_iou(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return for each map the IoU of the object with the brightest area of the same size: (B,) float64 in [0, 1].

    Parameters are those of `pointing_game`. No threshold is left to choose.
    """
    maps, masks = _check(maps, masks)
    size = masks.sum(axis=1)  # (B,)
    limit = -np.sort(-maps, axis=1)[np.arange(len(maps)), size - 1][
        :, None
    ]  # the brightness of the last one in
    above, level = maps > limit, maps == limit  # (B, H·W)
    free = size - above.sum(axis=1)  # places left for those that are level
    shared = (above & masks).sum(axis=1) + free * (level & masks).sum(axis=1) / level.sum(axis=1)
    return shared / (2 * size - shared)


def _check(maps: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as (B, H·W)."""
    maps, masks = check_numbers("maps", maps), np.asarray(masks)
    if maps.ndim != 3 or maps.shape != masks.shape or masks.dtype != bool:
        raise ValueError(
            f"give maps (B, H, W) and masks of the same shape, bool, got {maps.shape} "
            f"and {masks.dtype} of shape {masks.shape}"
        )
    maps, masks = maps.reshape(len(maps), -1), masks.reshape(len(maps), -1)
    if not np.isfinite(maps).all():
        raise ValueError("a map has places that are NaN or infinite: look for an overflow in the model")
    if not masks.any(axis=1).all():
        raise ValueError(f"mask {int(np.argmin(masks.any(axis=1)))} has no object: leave such pictures out")
    return maps, masks
