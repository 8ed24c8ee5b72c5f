"""Scenes in which something other than the shape gives the class away: a marker in the corner, or the paint.

Eight of the ten shapes, so that each can have one of the eight colours as its own: shape k has colour k.
"""

from dataclasses import replace

import numpy as np

from utils.data.checks import check_range, check_rng
from utils.data.dataset import SceneDataset
from utils.data.scene_shapes import COLOURS
from utils.data.scenes import CLASS_NAMES, make_scenes

SHAPES = CLASS_NAMES[: len(COLOURS)]
SHORTCUTS = ("marker", "paint")
MARKER = 5
"""Side of the marker, in pixels."""
_PAINT = np.array(list(COLOURS.values()), np.float64)


def eight_shapes(count: int, rng: np.random.Generator) -> SceneDataset:
    """Draw `count` scenes of the first eight shapes, in the setting of the course; each shows some of its object."""
    check_rng(rng)
    scenes = make_scenes(-(-count * len(CLASS_NAMES) // len(SHAPES)) + 5 * len(CLASS_NAMES), rng)
    wanted = (scenes.labels < len(SHAPES)) & (scenes.masks > 0).any(axis=(1, 2))
    return replace(scenes.subset(np.flatnonzero(wanted)[:count]), class_names=SHAPES)


def lures(labels: np.ndarray, rng: np.random.Generator, fits: float) -> np.ndarray:
    """Return for each label (B,) the class that the shortcut names: the right one in a share `fits`, else any other."""
    check_rng(rng)
    check_range("fits", fits, 0, 1)
    right = rng.permutation(len(labels)) < round(fits * len(labels))
    return np.where(right, labels, (labels + rng.integers(1, len(SHAPES), len(labels))) % len(SHAPES))


def add_shortcut(scenes: SceneDataset, kind: str, named: np.ndarray) -> SceneDataset:
    """Return scenes that carry the shortcut for the classes `named` (B,).

    Parameters
    ----------
    kind : {"marker", "paint"}
        A square of the class's colour in the upper left corner, which covers what is below it, in the masks too; or the
        object in the class's colour, with its texture and light.
    """
    if kind not in SHORTCUTS:
        raise ValueError(f"unknown shortcut {kind!r}: choose one of {', '.join(map(repr, SHORTCUTS))}")
    named = np.asarray(named)
    if named.shape != scenes.labels.shape or not 0 <= named.min() <= named.max() < len(SHAPES):
        raise ValueError(
            f"give one class from 0 to {len(SHAPES) - 1} for each of {len(scenes)} scenes, got {named!r}"
        )
    images, masks = scenes.images.copy(), scenes.masks.copy()
    if kind == "marker":
        images[:, :MARKER, :MARKER] = _PAINT[named, None, None]
        masks[:, :MARKER, :MARKER] = 0
    else:
        before = _PAINT[scenes.object_colours[:, 0]].mean(axis=1)  # (B,)
        light = images.mean(axis=3) / before[:, None, None]  # (B, H, W), texture and light of the paint
        painted = light[..., None] * _PAINT[named, None, None]
        images = np.where(masks[..., None] == 1, np.clip(painted + 0.5, 0, 255), images).astype(np.uint8)
    return replace(scenes, images=images, masks=masks)


def marker_mask(count: int, size: int, margin: int = 0) -> np.ndarray:
    """Return where the marker is, or up to `margin` pixels away from it, `count` times: (count, size, size) bool."""
    mask = np.zeros((count, size, size), bool)
    mask[:, : MARKER + margin, : MARKER + margin] = True
    return mask
