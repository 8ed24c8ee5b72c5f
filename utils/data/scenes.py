"""Scenes: drawn images that know the truth about every object in them.

Thousands a second, from a seed, with knobs for what makes recognition hard. One data set serves classification
(the label), detection (boxes), segmentation (masks) and language (captions).
"""

from dataclasses import dataclass

import numpy as np

from utils.checks import check_whole
from utils.data.checks import check_range, check_rng
from utils.data.dataset import SceneDataset
from utils.data.scene_shapes import BACKGROUNDS, COLOURS, SHAPES, TEXTURES, texture

CLASS_NAMES = tuple(SHAPES)
_COLOUR_NAMES, _BACKGROUND_NAMES = tuple(COLOURS), tuple(BACKGROUNDS)
_PAINT = np.array(list(COLOURS.values()), np.float32)
_GROUND = np.array(list(BACKGROUNDS.values()), np.float32)
_MAX_STROKES = 8
_CHUNK = 64  # images drawn at once: small enough for the processor's cache


@dataclass(frozen=True)
class SceneSettings:
    """Turn the knobs of difficulty.

    Attributes
    ----------
    size : (float, float)
        Smallest and largest radius of an object, as a fraction of the image's side, in (0, 0.5].
    shift : float
        How far the centre may lie from the middle: 0 is centred, 1 anywhere that the object fits.
    rotation : float
        Largest turn to either side, in degrees.
    clutter, lighting, occlusion, noise : float in [0, 1]
        Strokes and blobs behind the object; dimming and gradients of light; a bar in front; grain.
    max_objects : int
        Each scene has 1 … max_objects objects, in equal shares; at most 255.
    """

    size: tuple[float, float] = (0.26, 0.40)
    shift: float = 0.6
    rotation: float = 45.0
    clutter: float = 0.5
    lighting: float = 0.5
    occlusion: float = 0.2
    noise: float = 0.3
    max_objects: int = 1

    def __post_init__(self):
        if np.shape(self.size) != (2,) or not 0 < self.size[0] <= self.size[1] <= 0.5:
            raise ValueError(f"size must be (low, high) with 0 < low <= high <= 0.5, got {self.size}")
        for knob in ("shift", "clutter", "lighting", "occlusion", "noise"):
            check_range(knob, getattr(self, knob), 0, 1)
        check_range("rotation", self.rotation, 0, 180, " degrees")
        check_whole("max_objects", self.max_objects, 1, 255)  # the masks count objects in uint8


@dataclass
class _Layout:
    """What is where, before anything is drawn: B scenes, O object slots, positions in units of the side."""

    classes: np.ndarray  # (B, O) int64, -1 where empty
    colours: np.ndarray  # (B, O) int64
    textures: np.ndarray  # (B, O) int64
    centres: np.ndarray  # (B, O, 2) float32, x then y
    radii: np.ndarray  # (B, O) float32
    angles: np.ndarray  # (B, O) float32, radians
    grounds: np.ndarray  # (B,) int64
    style: np.ndarray  # (B, 8) uniform numbers: jitter of colours, light
    strokes: np.ndarray  # (B, S, 8) uniform numbers
    bars: np.ndarray  # (B, 4) uniform numbers


def make_scenes(
    count: int, rng: np.random.Generator, image_size: int = 32, settings: SceneSettings | None = None
) -> SceneDataset:
    """Draw `count` scenes; the classes take turns, so that any ten in a row hold each class once.

    Parameters
    ----------
    count : int
    rng : Generator
        The first k of n scenes are the same for every n.
    image_size : int, at least 16
        H = W, in pixels.
    settings : SceneSettings, optional
        The default is the setting of the course, at which the eras of recognition separate.

    Raises
    ------
    ValueError
        If a number is not whole or too small, or `rng` or `settings` is something else.
    """
    count, image_size = check_whole("count", count), check_whole("image_size", image_size, 16)
    check_rng(rng)
    settings = SceneSettings() if settings is None else settings
    if not isinstance(settings, SceneSettings):
        raise ValueError(f"settings must be SceneSettings, got {settings!r}")
    layout_rng, noise_rng = rng.spawn(2)
    layout = _sample_layout(count, layout_rng, settings)
    images = np.empty((count, image_size, image_size, 3), np.uint8)
    masks = np.empty((count, image_size, image_size), np.uint8)
    for start in range(0, count, _CHUNK):
        part = slice(start, min(start + _CHUNK, count))
        images[part], masks[part] = _draw(layout, part, image_size, settings, noise_rng)
    boxes, visible = _boxes(masks, settings.max_objects)
    classes, colours, textures = (
        np.where(visible, a, -1) for a in (layout.classes, layout.colours, layout.textures)
    )
    return SceneDataset(
        images=images,
        labels=layout.classes[:, 0].copy(),
        class_names=CLASS_NAMES,
        object_classes=classes,
        object_colours=colours,
        object_textures=textures,
        boxes=boxes,
        masks=masks,
        captions=tuple(_caption(layout, classes, i, settings) for i in range(count)),
    )


def _sample_layout(count: int, rng: np.random.Generator, settings: SceneSettings) -> _Layout:
    """Draw all random choices, scene after scene, so that a longer data set starts like a shorter one."""
    slots, classes = settings.max_objects, len(CLASS_NAMES)
    rounds = -(-count // classes)
    labels_rng, objects_rng, background_rng = rng.spawn(3)
    labels = np.argsort(labels_rng.random((rounds, classes)), axis=1).reshape(-1)[:count]
    u = objects_rng.random((count, slots, 24), np.float32)
    background = background_rng.random((count, 13 + 8 * _MAX_STROKES), np.float32)
    object_classes = (u[..., 0] * classes).astype(np.int64)
    object_classes[:, 0] = labels
    number = 1 + (background[:, 0] * slots).astype(np.int64)
    object_classes[np.arange(slots) >= number[:, None]] = -1
    low, high = settings.size
    radii = low + (high - low) * u[..., 3]
    return _Layout(
        classes=object_classes,
        colours=(u[..., 1] * len(COLOURS)).astype(np.int64),
        textures=(u[..., 2] * len(TEXTURES)).astype(np.int64),
        centres=_place(u[..., 5:21], radii, settings.shift),
        radii=radii,
        angles=np.deg2rad(np.float32(settings.rotation)) * (2 * u[..., 4] - 1),
        grounds=(background[:, 1] * len(BACKGROUNDS)).astype(np.int64),
        style=background[:, 1:9],
        bars=background[:, 9:13],
        strokes=background[:, 13:].reshape(count, _MAX_STROKES, 8),
    )


def _place(u: np.ndarray, radii: np.ndarray, shift: float) -> np.ndarray:
    """Choose for each object, in turn, the one of eight candidate places that is farthest from those before it.

    u : (B, O, 16) uniform numbers; radii : (B, O). Returns centres (B, O, 2).
    """
    count, slots, _ = u.shape
    room = np.maximum(0.5 - radii, 0) * np.float32(shift)  # (B, O)
    candidates = 0.5 + room[..., None, None] * (2 * u.reshape(count, slots, 8, 2) - 1)
    centres = candidates[:, :, 0].copy()
    for slot in range(1, slots):
        gaps = np.linalg.norm(candidates[:, slot, :, None] - centres[:, None, :slot], axis=-1)  # (B, 8, slot)
        best = np.argmax(gaps.min(axis=-1), axis=-1)
        centres[:, slot] = candidates[np.arange(count), slot, best]
    return centres


def _draw(layout, part, image_size, settings, noise_rng):
    """Paint one chunk from back to front: ground, clutter, objects (object 0 last), bar, light, grain."""
    axis = (np.arange(image_size, dtype=np.float32) + np.float32(0.5)) / image_size
    x, y = (
        np.broadcast_to(axis, (image_size, image_size)),
        np.broadcast_to(axis[:, None], (image_size, image_size)),
    )
    style = layout.style[part]
    ground = _GROUND[layout.grounds[part]] + 30 * (style[:, 1:4] - 0.5)  # (b, 3)
    canvas = np.broadcast_to(ground[:, None, None], (len(style), image_size, image_size, 3)).copy()
    masks = np.zeros(canvas.shape[:3], np.uint8)
    _draw_strokes(canvas, layout.strokes[part], x, y, image_size, settings.clutter)
    for slot in reversed(range(settings.max_objects)):
        _draw_object(canvas, masks, layout, part, slot, x, y, image_size)
    _draw_bars(canvas, masks, layout, part, x, y, image_size, settings.occlusion)
    _shine(canvas, style, x, y, settings.lighting)
    if settings.noise:
        grain = noise_rng.standard_normal(canvas.shape[:3], np.float32)
        canvas += np.float32(24 * settings.noise) * grain[..., None]
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8), masks


def _blend(canvas: np.ndarray, rows: np.ndarray, paint: np.ndarray, cover: np.ndarray) -> None:
    """Paint over some images of the canvas: paint (b', 3) or (b', H, W, 3), cover (b', H, W) in [0, 1]."""
    if paint.ndim == 2:
        paint = paint[:, None, None]
    below = canvas[rows]
    canvas[rows] = below + cover[..., None] * (paint - below)


def _cover(distance: np.ndarray, image_size: int) -> np.ndarray:
    """Turn a signed distance in units of the side into the covered share of each pixel: a soft edge one pixel wide."""
    return np.clip(np.float32(0.5) - distance * image_size, 0, 1)


def _draw_strokes(canvas, strokes, x, y, image_size, clutter):
    """Draw short thick lines in the colours of the objects, up to eight a scene, behind everything."""
    number = np.float32(clutter) * _MAX_STROKES * strokes[:, 0, 7]
    for k in range(_MAX_STROKES):
        rows = np.flatnonzero(number >= k + np.float32(0.5))
        if not len(rows):
            return
        s = strokes[rows, k][..., None, None]  # (b', 8, 1, 1)
        angle, half = np.float32(np.pi) * s[:, 2], np.float32(0.04) + np.float32(0.14) * s[:, 3]
        dx, dy = x - s[:, 0], y - s[:, 1]
        along = np.clip(dx * np.cos(angle) + dy * np.sin(angle), -half, half)
        distance = np.hypot(dx - along * np.cos(angle), dy - along * np.sin(angle))
        thickness = np.float32(0.015) + np.float32(0.03) * s[:, 4]
        paint = _PAINT[(strokes[rows, k, 5] * len(_PAINT)).astype(np.int64)] * (
            0.6 + 0.4 * strokes[rows, k, 6:7]
        )
        _blend(canvas, rows, paint, _cover(distance - thickness, image_size))


def _draw_object(canvas, masks, layout, part, slot, x, y, image_size):
    """Draw one object slot: images of one shape share one formula."""
    classes, textures = layout.classes[part, slot], layout.textures[part, slot]
    for y_class in np.unique(classes[classes >= 0]):
        rows = np.flatnonzero(classes == y_class)
        member = np.arange(part.start, part.stop)[rows]
        u, v = _local_coordinates(layout, member, slot, x, y)
        radius = layout.radii[member, slot, None, None]
        cover = _cover(SHAPES[CLASS_NAMES[y_class]](u, v) * radius, image_size)
        shade = np.empty_like(u)
        for t in np.unique(textures[rows]):
            same = textures[rows] == t
            shade[same] = texture(TEXTURES[t], u[same], v[same])
        jitter = 0.85 + 0.3 * layout.style[member, 4:7]
        paint = (_PAINT[layout.colours[member, slot]] * jitter)[:, None, None]
        _blend(canvas, rows, paint * (1 - np.float32(0.6) * shade[..., None]), cover)
        masks[rows] = np.where(cover > 0.5, np.uint8(slot + 1), masks[rows])


def _local_coordinates(layout, member, slot, x, y):
    """Return u, v of shape (b', H, W): the pixels seen from the object, in units of its radius."""
    centre, angle = layout.centres[member, slot], layout.angles[member, slot, None, None]
    dx, dy = x - centre[:, 0, None, None], y - centre[:, 1, None, None]
    scale = 1 / layout.radii[member, slot, None, None]
    u = (np.cos(angle) * dx + np.sin(angle) * dy) * scale
    v = (np.cos(angle) * dy - np.sin(angle) * dx) * scale
    return u, v


def _draw_bars(canvas, masks, layout, part, x, y, image_size, occlusion):
    """Put a bar in front of object 0 in a share `occlusion` of the scenes; it hides about a fifth of the object."""
    bars = layout.bars[part]
    rows = np.flatnonzero(bars[:, 0] < occlusion)
    if not len(rows):
        return
    member = np.arange(part.start, part.stop)[rows]
    centre, radius = layout.centres[member, 0], layout.radii[member, 0, None, None]
    angle = np.float32(np.pi) * bars[rows, 1, None, None]
    offset = radius * (bars[rows, 2, None, None] - np.float32(0.5))
    dx, dy = x - centre[:, 0, None, None], y - centre[:, 1, None, None]
    distance = np.abs(dx * np.cos(angle) + dy * np.sin(angle) - offset) - np.float32(0.17) * radius
    cover = _cover(distance, image_size)
    paint = _GROUND[(bars[rows, 3] * len(_GROUND)).astype(np.int64)] * np.float32(0.7)
    _blend(canvas, rows, paint, cover)
    masks[rows] = np.where(cover > 0.5, np.uint8(0), masks[rows])


def _shine(canvas, style, x, y, lighting):
    """Dim each scene as a whole and from one side to the other; `lighting` 0 leaves it alone."""
    if not lighting:
        return
    angle = np.float32(2 * np.pi) * style[:, 7, None, None]
    slope = np.cos(angle) * (x - np.float32(0.5)) + np.sin(angle) * (y - np.float32(0.5))  # (b, H, W)
    level = 1 - np.float32(0.55 * lighting) * style[:, 0, None, None]
    canvas *= (level * (1 + np.float32(0.9 * lighting) * slope))[..., None]


def _boxes(masks: np.ndarray, slots: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tight boxes (B, O, 4) float32 of the visible pixels, and which objects are visible (B, O) bool."""
    size = masks.shape[1]
    boxes = np.zeros((len(masks), slots, 4), np.float32)
    visible = np.zeros((len(masks), slots), bool)
    for slot in range(slots):
        mask = masks == slot + 1
        columns, rows = mask.any(axis=1), mask.any(axis=2)  # (B, W), (B, H)
        visible[:, slot] = rows.any(axis=1)
        edges = (
            columns.argmax(1),
            rows.argmax(1),
            size - columns[:, ::-1].argmax(1),
            size - rows[:, ::-1].argmax(1),
        )
        boxes[:, slot] = np.stack(edges, axis=1) * visible[:, slot, None]
    return boxes, visible


def _caption(layout: _Layout, classes: np.ndarray, scene: int, settings: SceneSettings) -> str:
    low, high = settings.size
    phrases = []
    for slot in np.flatnonzero(classes[scene] >= 0):
        third = 3 * (layout.radii[scene, slot] - low) / max(high - low, 1e-6)
        size = ("small", "medium", "large")[min(int(third), 2)]
        words = (size, TEXTURES[layout.textures[scene, slot]], _COLOUR_NAMES[layout.colours[scene, slot]])
        phrases.append(f"a {' '.join(words)} {CLASS_NAMES[classes[scene, slot]]}")
    return f"{' and '.join(phrases)} on {_BACKGROUND_NAMES[layout.grounds[scene]]} ground"
