"""Common corruptions: scenes that are harder than those of the training set, by one knob at a time, and blur.

The same seed gives the same objects at the same places, so two sets differ in the corruption alone. The chapter
`5_trends_and_challenges/security` uses them.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from utils.data import SceneSettings, make_scenes
from utils.data.checks import check_range, check_uint8_images
from utils.data.dataset import SceneDataset
from utils.data.splits import SPLITS, check_split

KNOBS = ("noise", "lighting", "occlusion", "clutter")
"""The knobs of `SceneSettings` that make a scene harder without moving its object."""

STRONGEST = {"noise": 1.0, "lighting": 1.0, "occlusion": 1.0, "clutter": 1.0, "blur": 1.5}
"""Each corruption at the end of its scale; blur has none, 1.5 pixels is about what a 32-pixel scene can bear."""


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Return uint8 images (B, H, W, C), smoothed by a Gaussian of `sigma` pixels, 0 for no change."""
    check_uint8_images(images)
    check_range("sigma", sigma, 0, max(images.shape[1:3]), " pixels")
    smooth = gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0), mode="nearest")
    return np.clip(smooth + 0.5, 0, 255).astype(np.uint8)


def corrupted_scenes(kind: str, strength: float, split: str, count: int, seed: int = 0) -> SceneDataset:
    """Return the scenes of `data.load("scenes", split, count, seed)`, with one thing made worse.

    Parameters
    ----------
    kind : {"noise", "lighting", "occlusion", "clutter", "blur"}
    strength : float
        The knob's value, in [0, 1]; for blur the standard deviation in pixels.
    split : {"train", "validation", "test"}
    count, seed : int
    """
    check_split(split)
    if kind not in STRONGEST:
        raise ValueError(f"unknown corruption {kind!r}: choose one of {', '.join(map(repr, STRONGEST))}")
    settings = SceneSettings() if kind == "blur" else replace(SceneSettings(), **{kind: strength})
    scenes = make_scenes(count, np.random.default_rng([seed, SPLITS.index(split)]), settings=settings)
    return replace(scenes, images=blur(scenes.images, strength)) if kind == "blur" else scenes
