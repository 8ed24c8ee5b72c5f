"""Recognise shapes by rules that a person wrote: find the object, measure it, compare with school geometry.

Nothing here has seen a picture before it is asked. The chapter `6_faq/recognition_and_ai` writes it out and compares it
with what learns.
"""

import numpy as np
from scipy.ndimage import binary_fill_holes
from scipy.spatial import ConvexHull
from skimage.filters import threshold_otsu
from skimage.measure import label

from utils.data import SceneSettings, make_scenes
from utils.data.checks import check_uint8_images

NAMES = ("circle", "ring", "square", "triangle", "star", "cross")
"""The shapes that the rules know, in the order of the answers; all are among the ten of the scenes."""

CALM = {
    "size": (0.26, 0.40),
    "shift": 0.0,
    "rotation": 0.0,
    "clutter": 0.0,
    "lighting": 0.0,
    "occlusion": 0.0,
    "noise": 0.0,
}
CONDITIONS = {
    "clean": ({}, True),
    "turned": ({"rotation": 180.0}, True),
    "bad light": ({"lighting": 1.0}, True),
    "textured": ({}, False),
    "cluttered": ({"clutter": 1.0}, True),
    "all at once": ({"rotation": 180.0, "lighting": 1.0, "clutter": 1.0, "shift": 0.6, "noise": 0.3}, False),
}
"""What makes pictures harder: which knobs differ from calm, and whether all objects are painted plainly."""


def draw_shapes(
    count: int, rng: np.random.Generator, condition: str = "clean"
) -> tuple[np.ndarray, np.ndarray]:
    """Draw scenes of 32 × 32 pixels with one of the six shapes each.

    Returns
    -------
    images : uint8 (count, 32, 32, 3)
    labels : int64 (count,), positions in `NAMES`
    """
    if condition not in CONDITIONS:
        raise ValueError(f"unknown condition {condition!r}: choose one of {', '.join(map(repr, CONDITIONS))}")
    knobs, plain = CONDITIONS[condition]
    images, labels, found = [], [], 0
    while found < count:
        scenes = make_scenes(4 * (count - found) + 40, rng, settings=SceneSettings(**CALM | knobs))
        known = np.array([NAMES.index(n) if n in NAMES else -1 for n in scenes.class_names])[scenes.labels]
        keep = (known >= 0) & ((scenes.object_textures[:, 0] == 0) | (not plain))
        images.append(scenes.images[keep])
        labels.append(known[keep])
        found += int(keep.sum())
    return np.concatenate(images)[:count], np.concatenate(labels)[:count]


def find_object(image: np.ndarray) -> np.ndarray:
    """Return the pixels of the object, bool (H, W), of one uint8 image (H, W, 3).

    The colour of the margin is the ground; what differs from it is the object; the largest patch counts.
    """
    x = image.astype(float)
    margin = np.concatenate([x[0], x[-1], x[1:-1, 0], x[1:-1, -1]])  # (2H + 2W - 4, 3)
    distance = np.linalg.norm(x - np.median(margin, axis=0), axis=-1)  # (H, W)
    patches = label(distance > threshold_otsu(distance), connectivity=1)
    return patches == 1 + np.bincount(patches.ravel())[1:].argmax()


def measure(mask: np.ndarray) -> np.ndarray:
    """Return hole, fullness and roundness of one object, a mask (H, W) of bool: float64 (3,).

    Hole: the share of the filled object that is not object. Fullness: the share of its convex hull that the filled object
    covers. Roundness: its share of the circle around its centre through its farthest pixel. None changes when the object is
    moved, turned or scaled, up to the pixels.
    """
    filled = binary_fill_holes(mask)
    area = filled.sum()
    points = np.argwhere(filled)  # (N, 2)
    steps = np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])  # the middles of a pixel's sides
    hull = ConvexHull((points[:, None] + steps).reshape(-1, 2)).volume  # in two dimensions an area
    reach = np.linalg.norm(points - points.mean(axis=0), axis=1).max() + 0.5
    return np.array([1 - mask.sum() / area, area / hull, area / (np.pi * reach**2)])


def measure_all(images: np.ndarray) -> np.ndarray:
    """Find and measure the object of each of the uint8 images (B, H, W, 3): float64 (B, 3)."""
    check_uint8_images(images)
    return np.array([measure(find_object(image)) for image in images])


def ideal_measures() -> dict[str, tuple[float, float, float]]:
    """Return hole, fullness and roundness of each shape on paper: the formulas of the scenes, and school geometry."""
    pi = np.pi
    star = 10 * 0.5 * 0.42 * np.sin(pi / 5)  # ten triangles between the tips, at 1, and the dents, at 0.42
    pentagon = 2.5 * np.sin(2 * pi / 5)
    arm, length = 0.54, 1.76
    cross = 2 * arm * length - arm**2
    octagon = length**2 - 4 * ((length - arm) / 2) ** 2 / 2
    return {
        "circle": (0.0, 1.0, 1.0),
        "ring": ((0.47 / 0.89) ** 2, 1.0, 1.0),
        "square": (0.0, 1.0, 2 / pi),
        "triangle": (0.0, 1.0, 3 * np.sqrt(3) / (4 * pi)),
        "star": (0.0, star / pentagon, star / pi),
        "cross": (0.0, cross / octagon, cross / (pi * (length**2 + arm**2) / 4)),
    }


def name_by_rules(hole: float, fullness: float, roundness: float) -> tuple[str, str]:
    """Name a shape by its three measures, and say why."""
    if hole > 0.14:
        return "ring", f"hole {hole:.2f} > 0.14"
    if fullness < 0.84:
        why = f"fullness {fullness:.2f} < 0.84, roundness {roundness:.2f}"
        return ("cross", f"{why} > 0.50") if roundness > 0.50 else ("star", f"{why} ≤ 0.50")
    why = f"fullness {fullness:.2f} ≥ 0.84, roundness {roundness:.2f}"
    if roundness > 0.82:
        return "circle", f"{why} > 0.82"
    return ("square", f"{why} > 0.53") if roundness > 0.53 else ("triangle", f"{why} ≤ 0.53")


def answers_by_rules(measures: np.ndarray) -> np.ndarray:
    """Name each row of measures (B, 3): positions in `NAMES`, int64 (B,)."""
    return np.array([NAMES.index(name_by_rules(*row)[0]) for row in measures], dtype=np.int64)
