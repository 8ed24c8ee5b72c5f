"""Arrangements: small scenes whose captions say who is left of whom, or how many there are.

Two objects side by side, "red circle left of blue square", or two to four alike, "three red circles on moss ground":
always six words. The chapter `5_trends_and_challenges/image_and_text` asks what a model of pictures and texts makes of it.
"""

from dataclasses import dataclass

import numpy as np

from utils.checks import check_whole
from utils.data.checks import check_rng
from utils.data.scene_shapes import BACKGROUNDS, COLOURS, SHAPES

ARRANGED_SHAPES = ("circle", "square", "triangle", "cross", "ring")
"""Those that can be told apart at ten pixels."""
NUMBERS = ("two", "three", "four")
_COLOUR_NAMES, _GROUND_NAMES = tuple(COLOURS), tuple(BACKGROUNDS)
_CELLS = np.array([(x, y) for y in (0.18, 0.5, 0.82) for x in (0.18, 0.5, 0.82)], np.float32)


@dataclass(frozen=True)
class Arrangements:
    """Hold B pictures, uint8 (B, H, W, C), their captions, and which of them are pairs, bool (B,)."""

    images: np.ndarray
    captions: tuple[str, ...]
    is_pair: np.ndarray


def make_arrangements(count: int, rng: np.random.Generator, image_size: int = 32) -> Arrangements:
    """Draw `count` pictures, in turn a pair and a group.

    In a pair, shapes and colours differ, and either object comes first in the caption, with "left" or "right" to match.

    Parameters
    ----------
    count : int
    rng : Generator
    image_size : int, at least 24
        H = W, in pixels.
    """
    count, image_size = check_whole("count", count), check_whole("image_size", image_size, 24)
    check_rng(rng)
    images = np.empty((count, image_size, image_size, 3), np.uint8)
    captions = []
    for i in range(count):
        make = _pair if i % 2 == 0 else _group
        ground, objects, caption = make(rng)
        images[i] = _draw(ground, objects, image_size, rng)
        captions.append(caption)
    return Arrangements(images, tuple(captions), np.arange(count) % 2 == 0)


def _pair(rng):
    """Return ground, objects as (shape, colour, x, y), and caption."""
    ground = _GROUND_NAMES[rng.integers(len(_GROUND_NAMES))]
    shapes = rng.permutation(ARRANGED_SHAPES)[:2]
    colours = rng.permutation(_COLOUR_NAMES)[:2]
    places = [(rng.uniform(low, low + 0.14), rng.uniform(0.22, 0.78)) for low in (0.18, 0.68)]
    objects = [(shapes[k], colours[k], *places[k]) for k in (0, 1)]
    names = [f"{colours[k]} {shapes[k]}" for k in (0, 1)]
    if rng.integers(2):
        return ground, objects, f"{names[0]} left of {names[1]}"
    return ground, objects, f"{names[1]} right of {names[0]}"


def _group(rng):
    ground = _GROUND_NAMES[rng.integers(len(_GROUND_NAMES))]
    shape, colour = rng.choice(ARRANGED_SHAPES), rng.choice(_COLOUR_NAMES)
    number = int(rng.integers(len(NUMBERS)))
    cells = _CELLS[rng.permutation(len(_CELLS))[: number + 2]] + rng.uniform(-0.02, 0.02, (number + 2, 2))
    plural = "crosses" if shape == "cross" else f"{shape}s"
    return (
        ground,
        [(shape, colour, x, y) for x, y in cells],
        f"{NUMBERS[number]} {colour} {plural} on {ground} ground",
    )


def _draw(ground, objects, image_size, rng):
    """Paint objects of about ten pixels on a plain ground, with some grain: uint8 (H, W, C)."""
    axis = (np.arange(image_size, dtype=np.float32) + 0.5) / image_size
    canvas = np.tile(np.float32(BACKGROUNDS[ground]), (image_size, image_size, 1))
    for shape, colour, x, y in objects:
        radius, angle = rng.uniform(0.14, 0.18), rng.uniform(-0.3, 0.3)
        dx, dy = axis[None] - x, axis[:, None] - y  # (1, W), (H, 1)
        u, v = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
        distance = SHAPES[shape](u / radius, v / radius) * radius * image_size
        cover = np.clip(0.5 - distance, 0, 1)[..., None]
        canvas += cover * (np.float32(COLOURS[colour]) - canvas)
    canvas += rng.normal(0, 8, canvas.shape[:2])[..., None]
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
