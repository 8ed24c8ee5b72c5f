"""The lab on convolution: small grey pictures, and kernels that people thought out."""

import numpy as np

from utils import data, labs
from utils.data import SceneSettings, make_scenes

KERNELS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "blur": [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "upright": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "level": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
}
"""Kernels by name; the blur is the binomial one, the edges upright and level are those of Sobel's operator."""

_SETTINGS = SceneSettings(size=(0.3, 0.42), noise=0.1, occlusion=0.0)
_SCENES = {"ring": 7, "hexagon": 5, "crescent": 0}
"""Which of the ten drawn scenes are shown, by their class."""


def pictures() -> dict[str, np.ndarray]:
    """Return the pictures by name, each grey and square: uint8 (H, H)."""
    scenes = make_scenes(10, np.random.default_rng(1), settings=_SETTINGS).images  # (10, 32, 32, 3)
    grey = {name: scenes[place].mean(axis=-1).round().astype(np.uint8) for name, place in _SCENES.items()}
    digit = data.load("digits", "train", count=10).images[2, ..., 0]
    edge = np.full((16, 16), 51, np.uint8)
    edge[:, 8:] = 204
    dot = np.zeros((9, 9), np.uint8)
    dot[4, 4] = 255
    return grey | {"digit": digit, "edge": edge, "dot": dot}


def make() -> dict[str, str]:
    """Return the script of the lab."""
    packed = {
        name: {"size": len(picture), "pixels": labs.packed(picture)} for name, picture in pictures().items()
    }
    return {"data-convolution.js": labs.script("convolution", {"pictures": packed, "kernels": KERNELS})}
