"""A folder of pictures for readers who have none of their own at hand, with the faults that real folders have."""

import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.checks import check_whole
from utils.data.checks import check_rng
from utils.data.folder import middle_square
from utils.data.scenes import CLASS_NAMES, SceneSettings, make_scenes

KNOWN = ("arrow", "circle", "cross", "heart", "star", "triangle")
RARE = "star"
TINY = "hexagon"
STRANGERS = ("crescent", "ring", "square")
_SIDE = 112  # of the scene of which all shots are taken
_WINDOW = (96, 80)
_SETTINGS = SceneSettings(
    size=(0.24, 0.32), shift=0.25, rotation=20, clutter=0.25, lighting=0.3, occlusion=0, noise=0.05
)


@dataclass(frozen=True)
class Demonstration:
    """Hold what is known about a demonstration folder.

    Attributes
    ----------
    masks : dict of path to ndarray (image_size, image_size), bool
        Where the object is, in each picture without fault after `load_folder`.
    planted : dict of path to str
        The faulty files, and what is wrong with them.
    strangers : ndarray of shape (B, image_size, image_size, 3), uint8
        Pictures of the same kind, of classes that the folder does not hold.
    """

    masks: dict[str, np.ndarray]
    planted: dict[str, str]
    strangers: np.ndarray


def write_demonstration_folder(
    folder: str | Path, rng: np.random.Generator, *, sources: int = 80, shots: int = 3, image_size: int = 32
) -> Demonstration:
    """Write pictures of six drawn shapes by class, several shots of each, and a dozen planted faults.

    Parameters
    ----------
    folder : str or Path
        Must be empty or not there.
    rng : Generator
    sources : int, at least 8
        Things of each class that are photographed; of the class `RARE` half as many.
    shots : int
        Pictures of each thing, from slightly different places, in different light.
    image_size : int
        Of the masks and the strangers, which are not in the folder.
    """
    check_whole("sources", sources, 8)
    check_whole("shots", shots, 1)
    check_rng(rng)
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{str(folder)!r} is not empty: give a new folder, so that nothing is overwritten")
    scenes = make_scenes(len(CLASS_NAMES) * sources, rng, image_size=_SIDE, settings=_SETTINGS)
    masks: dict[str, np.ndarray] = {}
    for name in KNOWN:
        members = np.flatnonzero(scenes.labels == CLASS_NAMES.index(name))
        (folder / name).mkdir(parents=True)
        for number, i in enumerate(members[: sources // 2 if name == RARE else sources]):
            for shot in range(shots):
                path = f"{name}/{name}{number:03d}__{shot}.jpg"
                picture, mask = _shoot(scenes.images[i], scenes.masks[i], rng)
                picture.save(folder / path, quality=int(rng.integers(80, 96)))
                masks[path] = np.asarray(middle_square(mask, image_size)) > 127
    _plant_tiny_class(folder, scenes, rng)
    planted = _plant_files(folder, scenes)
    strange = np.flatnonzero(np.isin(scenes.labels, [CLASS_NAMES.index(name) for name in STRANGERS]))
    strangers = np.stack(
        [
            np.asarray(middle_square(_shoot(scenes.images[i], scenes.masks[i], rng)[0], image_size))
            for i in strange
        ]
    )
    return Demonstration(masks, planted, strangers)


def _shoot(scene: np.ndarray, mask: np.ndarray, rng: np.random.Generator):
    """Take one picture of a scene, wide or upright, and of its mask: two Pillow images."""
    from PIL import Image

    width, height = _WINDOW if rng.random() < 0.7 else _WINDOW[::-1]
    left, top = rng.integers(0, _SIDE - width + 1), rng.integers(0, _SIDE - height + 1)
    window = slice(top, top + height), slice(left, left + width)
    light, grain = rng.uniform(0.75, 1.2), rng.normal(0, 4, (height, width, 1))
    picture = np.clip(light * scene[window] + grain + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(picture), Image.fromarray(255 * (mask[window] > 0).astype(np.uint8))


def _plant_tiny_class(folder: Path, scenes, rng: np.random.Generator) -> None:
    (folder / TINY).mkdir()
    for number, i in enumerate(np.flatnonzero(scenes.labels == CLASS_NAMES.index(TINY))[:2]):
        _shoot(scenes.images[i], scenes.masks[i], rng)[0].save(folder / TINY / f"{TINY}{number}.jpg")


def _plant_files(folder: Path, scenes) -> dict[str, str]:
    """Write the faulty files. The last four show things of the rare class of which there is no other picture."""
    from PIL import Image

    star, heart, arrow = (folder / f"{name}/{name}001__0.jpg" for name in ("star", "heart", "arrow"))
    shutil.copy(heart, folder / "heart/copy of heart.jpg")
    shutil.copy(arrow, folder / "cross/sorted wrongly.jpg")
    with Image.open(star) as image:
        image.resize((72, 60) if image.width > image.height else (60, 72)).save(
            folder / "star/from a chat.jpg", quality=60
        )
    (folder / "circle/half sent.jpg").write_bytes((folder / "circle/circle002__0.jpg").read_bytes()[:900])
    (folder / "circle/list.jpg").write_text("circle000 was taken in the garden\n", encoding="utf-8")
    (folder / "cross/huge.png").write_bytes(_png_header(60_000, 60_000))
    shutil.copy(heart, folder / "not sorted.jpg")

    spare = np.flatnonzero(scenes.labels == CLASS_NAMES.index(RARE))[-4:]  # half of them had no picture taken
    pictures = [Image.fromarray(scenes.images[i][8:104]) for i in spare]
    pictures[0].save(folder / RARE / "really a png.jpg", format="PNG")
    exif = Image.Exif()
    exif[0x0112] = 6  # a telephone held upright stores the picture lying, and this note
    lying = pictures[1].transpose(Image.Transpose.ROTATE_90)
    lying.save(folder / RARE / "upright phone.jpg", exif=exif, quality=90)
    pictures[2].convert("L").save(folder / RARE / "grey.jpg", quality=90)
    inside = scenes.masks[spare[3]][8:104] > 0
    cut_out = np.where(inside[..., None], scenes.images[spare[3]][8:104], 0)
    cut_out = np.dstack([cut_out, 255 * inside]).astype(np.uint8)  # (H, W, 4)
    Image.fromarray(cut_out).save(folder / RARE / "cut out.png")
    return {
        "heart/copy of heart.jpg": "the same file again",
        "cross/sorted wrongly.jpg": "the same file in another class",
        "star/from a chat.jpg": "the same picture, smaller and compressed again",
        "circle/half sent.jpg": "only the first bytes",
        "circle/list.jpg": "a text",
        "cross/huge.png": "a small file that claims 3.6 thousand million pixels",
        "not sorted.jpg": "in no class",
        "star/really a png.jpg": "wrong ending",
        "star/upright phone.jpg": "stored lying, with a note that says so",
        "star/grey.jpg": "one channel",
        "star/cut out.png": "transparent around the object",
    }


def _png_header(width: int, height: int) -> bytes:
    """Return a PNG that has a size and no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b"")
