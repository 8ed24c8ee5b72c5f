"""A folder of your own pictures, `folder/class/picture.jpg`, as one data set; every file is accounted for.

The chapter `4_code/project` goes from such a folder to a web page that recognises its classes.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.checks import check_whole
from utils.data.checks import check_classes
from utils.data.dataset import ImageDataset
from utils.data.splits import group_split

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""What is opened. Pillow knows more, such as PostScript, which is a program that it would have run."""
SUFFIXES = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "TIFF": (".tif", ".tiff")}
MAX_PIXELS = 50_000_000
_ORIENTATION = 0x0112  # the EXIF tag


@dataclass(frozen=True)
class FileNote:
    """Say what became of one file.

    Attributes
    ----------
    path : str
        Relative to the folder, with slashes.
    used : bool
    notes : tuple of str
        What had to be done, or why the file is left out; empty for a file that needed nothing.
    """

    path: str
    used: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PictureFolder:
    """Hold what a folder gave.

    Attributes
    ----------
    dataset : ImageDataset
        Of the B files that are used, in the order of their paths; images (B, H, W, 3).
    paths : tuple of B str
        Relative to the folder, with slashes.
    files : tuple of FileNote
        One for each file in the folder, used or not.
    """

    dataset: ImageDataset
    paths: tuple[str, ...]
    files: tuple[FileNote, ...]

    def noted(self) -> tuple[FileNote, ...]:
        """Return the notes of the files to which something had to be done, or that are left out."""
        return tuple(file for file in self.files if file.notes)


def load_folder(
    folder: str | Path, image_size: int, *, min_images: int = 1, max_pixels: int = MAX_PIXELS
) -> PictureFolder:
    """Read all pictures of `folder/class/…`, upright, in colour, cut to the middle square and made small.

    A file that cannot be used is left out and named, with the reason; no file is lost without a word.

    Parameters
    ----------
    folder : str or Path
        Its subfolders are the classes, in alphabetical order. Folders below those say the source, see `sources_of`.
    image_size : int
        H = W, in pixels.
    min_images : int
        Classes with fewer usable pictures are left out.
    max_pixels : int
        A picture of more pixels is left out before it is decoded: a small file can hold a picture that fills
        all memory.

    Raises
    ------
    ValueError
        If the folder does not exist or fewer than two classes are left; the message says what to do.
    """
    folder = Path(folder)
    check_whole("image_size", image_size, 1)
    check_whole("min_images", min_images, 1)
    check_whole("max_pixels", max_pixels, 1)
    if not folder.is_dir():
        raise ValueError(
            f"{str(folder)!r} is no folder: give the one that holds one subfolder for each class"
        )
    pictures: dict[str, np.ndarray] = {}
    files = []
    for path in sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.parts):
        name = path.relative_to(folder).as_posix()
        try:
            if "/" not in name:
                raise ValueError("lies in no class: move it into a subfolder")
            pictures[name], notes = read_picture(path, image_size, max_pixels)
            files.append(FileNote(name, True, notes))
        except ValueError as error:
            files.append(FileNote(name, False, (str(error),)))
    pictures, files = _without_small_classes(pictures, files, min_images)
    class_names = tuple(sorted({_class_of(name) for name in pictures}))
    if len(class_names) < 2:
        raise ValueError(_too_few(folder, class_names, files))
    labels = np.array([class_names.index(_class_of(name)) for name in pictures], np.int64)
    dataset = ImageDataset(np.stack(list(pictures.values())), labels, class_names)
    return PictureFolder(dataset, tuple(pictures), tuple(files))


def _class_of(name: str) -> str:
    return name.split("/", 1)[0]


def _without_small_classes(pictures, files, min_images):
    counts = Counter(map(_class_of, pictures))
    small = {name: count for name, count in counts.items() if count < min_images}
    kept = {name: image for name, image in pictures.items() if _class_of(name) not in small}
    reasons = {
        y: f"its class has {n} pictures, fewer than min_images = {min_images}" for y, n in small.items()
    }
    return kept, [
        FileNote(file.path, False, (*file.notes, reasons[_class_of(file.path)]))
        if file.used and _class_of(file.path) in small
        else file
        for file in files
    ]


def _too_few(folder: Path, class_names: tuple[str, ...], files: list[FileNote]) -> str:
    found = f"one class, {class_names[0]!r}" if class_names else "no class"
    text = (
        f"{str(folder)!r} gives {found}, and a classifier needs at least two: put the pictures of each class "
        f"into a subfolder that has its name, such as {folder.name or 'folder'}/cat/1.jpg"
    )
    left_out = [file for file in files if not file.used]
    if left_out:
        first = f"{left_out[0].path} ({left_out[0].notes[-1]})"
        text += f"; {len(left_out)} of {len(files)} files were left out, the first: {first}"
    return text


def read_picture(
    path: str | Path, image_size: int, max_pixels: int = MAX_PIXELS
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read one picture as uint8 (image_size, image_size, 3), and say what had to be done to it.

    The middle square is cut out and resampled with Pillow's triangle filter, which the web page of
    `utils.web_page` does in the same whole-number arithmetic.

    Raises
    ------
    ValueError
        If the file is no picture, is damaged, or is larger than `max_pixels`; the message is the reason, in a few words.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # the report says it
        try:
            with Image.open(path, formats=FORMATS) as image:
                pixels = image.width * image.height
                if pixels > max_pixels:
                    raise _TooLarge(
                        f"{image.width} × {image.height} pixels are more than max_pixels = {max_pixels:,}"
                    )
                notes = list(_remarks(image, path))
                image.load()
                upright = in_colour(ImageOps.exif_transpose(image))
        except UnidentifiedImageError:
            raise ValueError(f"no picture in a format that is read here: {', '.join(FORMATS)}") from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise ValueError(f"more pixels than max_pixels = {max_pixels:,}") from None
        except _TooLarge as error:
            raise ValueError(str(error)) from None
        except Exception as error:  # Pillow's decoders raise many kinds for bytes that make no sense
            raise ValueError(f"damaged: {error}") from None
    if min(upright.size) < image_size:
        notes.append(f"enlarged: only {upright.width} × {upright.height} pixels")
    return np.asarray(middle_square(upright, image_size)), tuple(notes)


class _TooLarge(Exception):
    """A picture that must not be decoded."""


def _remarks(image, path: Path) -> Iterable[str]:
    suffixes = SUFFIXES.get(image.format, (f".{image.format.lower()}",))
    if path.suffix.lower() not in suffixes:
        yield f"named {path.suffix or 'without ending'}, is {image.format}"
    if image.getexif().get(_ORIENTATION, 1) not in (0, 1):
        yield "turned upright (EXIF)"
    if image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;"):
        yield "grey, the same in all three channels"
    elif "A" in image.getbands() or "transparency" in image.info:
        yield "transparent, laid on white"
    elif image.mode not in ("RGB", "P"):
        yield f"{image.mode} turned into RGB"
    if getattr(image, "n_frames", 1) > 1:
        yield f"the first of {image.n_frames} frames"


def in_colour(image):
    """Return a Pillow image in RGB: grey three times, 16 bits as 8, what is transparent laid on white."""
    from PIL import Image

    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.int64)
        image = Image.fromarray(np.clip(levels >> 8, 0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def middle_square(image, image_size: int):
    """Cut the middle square out of a Pillow image and resample it to `image_size`, with a triangle filter."""
    from PIL import Image

    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((image_size, image_size), Image.Resampling.BILINEAR)


def sources_of(paths: Sequence[str], separator: str = "__") -> np.ndarray:
    """Number the sources of pictures: those of one source must stay together when the data are split.

    The source is the folder below the class if there is one (`cat/garden/1.jpg`), else what stands in the file's name
    before the separator (`cat/garden__1.jpg`), else the file is a source of its own. Equal names in two classes are
    one source: the same person may be in both.

    Parameters
    ----------
    paths : sequence of B str
        As in `PictureFolder.paths`.
    separator : str

    Returns
    -------
    ndarray of shape (B,), int64, from 0 on
    """
    if not separator:
        raise ValueError("separator must not be empty: give what ends the source in a name, such as '__'")
    names = []
    for path in paths:
        _, *between, file = path.split("/")
        prefix, found, _ = file.partition(separator)
        names.append("/".join(between) if between else prefix if found else path)
    return np.unique(names, return_inverse=True)[1].astype(np.int64).reshape(-1)


def merge_sources(sources: np.ndarray, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """Make one source of the sources of each pair of pictures, such as near-duplicates.

    Parameters
    ----------
    sources : ndarray of shape (B,), int64
    pairs : iterable of (int, int)
        Indices of pictures.

    Returns
    -------
    ndarray of shape (B,), int64, numbered anew from 0 on
    """
    merged = check_classes(sources, "sources").copy()
    for one, other in pairs:
        merged[merged == merged[other]] = merged[one]
    return np.unique(merged, return_inverse=True)[1].astype(np.int64).reshape(-1)


def split_by_source(
    labels: np.ndarray,
    sources: np.ndarray,
    fractions: dict[str, float],
    rng: np.random.Generator,
    tries: int = 200,
) -> dict[str, np.ndarray]:
    """Cut all indices into named parts with no source in two of them, and the classes in nearly equal shares.

    Of many random splits by source, the one whose counts of each class in each part come nearest to the wanted ones.

    Parameters
    ----------
    labels, sources : ndarray of shape (B,), whole numbers
    fractions : dict of name to fraction, each in [0, 1], summing to 1
    rng : Generator
    tries : int
        How many splits are drawn.

    Returns
    -------
    dict of name to ndarray of int64 indices, in random order; together they are 0 … B - 1, each once.

    Raises
    ------
    ValueError
        If a class comes from fewer sources than there are parts, or no split was found in which none is missing.
    """
    labels, sources = check_classes(labels), check_classes(sources, "sources")
    check_whole("tries", tries, 1)
    if len(labels) != len(sources):
        raise ValueError(
            f"got {len(labels)} labels and {len(sources)} sources: give one of each for a picture"
        )
    for y in np.unique(labels):
        count = len(np.unique(sources[labels == y]))
        if count < len(fractions):
            raise ValueError(
                f"class {y} comes from {count} sources, and {len(fractions)} parts need at least one each: "
                "take pictures of it at more places, or leave the class out"
            )
    wanted = np.outer(list(fractions.values()), np.bincount(labels))  # (parts, Y)
    best, smallest = None, np.inf
    for _ in range(tries):
        parts = group_split(sources, fractions, rng)
        counts = np.array([np.bincount(labels[part], minlength=wanted.shape[1]) for part in parts.values()])
        distance = np.abs(counts - wanted).sum()
        if distance < smallest and ((counts > 0) | (wanted == 0)).all():
            best, smallest = parts, distance
    if best is None:
        raise ValueError(
            f"in each of {tries} splits by source, a class was missing in a part: gather more sources, or make parts larger"
        )
    return best
