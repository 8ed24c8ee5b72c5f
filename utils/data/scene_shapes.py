"""The vocabulary of the scenes: ten shapes, eight colours, four textures, as functions of local coordinates.

A shape is a signed distance: negative inside, positive outside, about 1 unit from centre to tip. `u` points right
and `v` down in the frame of the object, so that turning, moving and scaling an object never touches its formula.
"""

import numpy as np

COLOURS = {
    "red": (214, 48, 49),
    "orange": (240, 140, 40),
    "yellow": (240, 212, 62),
    "green": (62, 160, 74),
    "cyan": (64, 190, 200),
    "blue": (50, 92, 200),
    "purple": (138, 74, 178),
    "white": (236, 236, 232),
}
BACKGROUNDS = {
    "grey": (128, 128, 128),
    "sand": (176, 156, 122),
    "slate": (74, 88, 104),
    "moss": (104, 118, 84),
}
TEXTURES = ("plain", "striped", "dotted", "checked")


def _fold(u: np.ndarray, v: np.ndarray, sides: int) -> tuple[np.ndarray, np.ndarray]:
    """Turn every point into one sector of an n-fold symmetry: distance from the centre, angle from the upward axis."""
    sector = np.float32(2 * np.pi / sides)
    angle = np.arctan2(u, -v)
    return np.hypot(u, v), angle - sector * np.round(angle / sector)


def _polygon(u, v, sides, radius):
    distance, angle = _fold(u, -v if sides % 2 else v, sides)
    return distance * np.cos(angle) - np.float32(radius * np.cos(np.pi / sides))


def circle(u, v):
    return np.hypot(u, v) - np.float32(0.86)


def ring(u, v):
    return np.abs(np.hypot(u, v) - np.float32(0.68)) - np.float32(0.21)


def crescent(u, v):
    return np.maximum(np.hypot(u, v) - np.float32(0.9), np.float32(0.72) - np.hypot(u - np.float32(0.42), v))


def square(u, v):
    return np.maximum(np.abs(u), np.abs(v)) - np.float32(0.76)


def triangle(u, v):
    return _polygon(u, v - np.float32(0.15), 3, 1.0)


def hexagon(u, v):
    return _polygon(u, v, 6, 0.94)


def star(u, v):
    distance, angle = _fold(u, v, 5)
    inner = np.float32(0.42) * np.array([np.cos(np.pi / 5), np.sin(np.pi / 5)], np.float32)
    edge = inner - np.array([1, 0], np.float32)  # from the tip (1, 0) to the next dent
    normal = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
    return (distance * np.cos(angle) - 1) * normal[0] + distance * np.abs(np.sin(angle)) * normal[1]


def cross(u, v):
    a, b = np.abs(u), np.abs(v)
    upright = np.maximum(a - np.float32(0.27), b - np.float32(0.88))
    return np.minimum(upright, np.maximum(a - np.float32(0.88), b - np.float32(0.27)))


def heart(u, v):
    a = np.abs(u)
    lobe = np.hypot(a - np.float32(0.42), v + np.float32(0.3)) - np.float32(0.47)
    wedge = np.maximum((a * np.float32(0.78) + v * np.float32(0.63)) - np.float32(0.55), -v - np.float32(0.3))
    return np.minimum(lobe, wedge)


def arrow(u, v):
    head = np.maximum(
        (np.abs(u) * np.float32(0.77) - v * np.float32(0.64)) - np.float32(0.58), v - np.float32(0.05)
    )
    shaft = np.maximum(np.abs(u) - np.float32(0.22), np.abs(v - np.float32(0.4)) - np.float32(0.5))
    return np.minimum(head, shaft)


SHAPES = {
    shape.__name__: shape
    for shape in (circle, ring, crescent, square, triangle, hexagon, star, cross, heart, arrow)
}


def texture(name: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return how dark the paint is at local coordinates, float32 in [0, 1], the shape of `u`."""
    frequency = np.float32(9.0)
    if name == "plain":
        return np.zeros_like(u)
    if name == "striped":
        wave = np.sin(frequency * u)
    elif name == "dotted":
        wave = np.cos(frequency * u) + np.cos(frequency * v) - np.float32(0.7)
    elif name == "checked":
        wave = 2 * np.sin(np.float32(0.75) * frequency * u) * np.sin(np.float32(0.75) * frequency * v)
    else:
        raise ValueError(f"unknown texture {name!r}: choose one of {', '.join(TEXTURES)}")
    return np.clip(np.float32(0.5) + 2 * wave, 0, 1)
