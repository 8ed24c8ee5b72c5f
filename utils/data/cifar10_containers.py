"""The containers in which CIFAR-10 travels, and one order and one digest for all of them.

Parquet files hold every image as PNG or lossless WebP. The official archive holds pickles, and a pickle is a program:
whoever loads one runs it. Here it is read by an unpickler which knows three harmless classes of its own and refuses
every other name, so that a forged archive can be wrong, but runs nothing. No member is ever unpacked to the disk.
"""

import gzip
import hashlib
import io
import pickle
import pickletools
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from utils.checks import check_whole
from utils.data.splits import pixel_hashes

Arrays = tuple[np.ndarray, np.ndarray]
"""Images (B, 32, 32, 3) uint8 and labels (B,) int64."""

ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
SHAPE = (32, 32, 3)
"""Height, width and channels of every image."""
_SIDE, _CLASSES = SHAPE[0], 10
_LARGEST_BATCH = 64 * 2**20  # bytes; the official batches have 31 million
_LARGEST_ARCHIVE = 512 * 2**20  # bytes when unpacked; the official archive has 186 million
_LARGEST_MEMO = 10**6  # entries; the official batches need some ten thousand
_PICTURE_FORMATS = ("PNG", "WEBP")


class DamagedError(ValueError):
    """A container is not what it should be; the message says how, and the caller knows which."""


def find_container(directory: Path, split: str) -> list[Path]:
    """Return the files (or the one folder) in `directory` that hold an official split, or an empty list."""
    parquet = sorted((directory / "cifar10").glob(f"{split}-*.parquet"))
    if parquet:
        return parquet
    for place in (directory, directory / "cifar10"):
        if (place / ARCHIVE).is_file():
            return [place / ARCHIVE]
        if (place / FOLDER).is_dir():
            return [place / FOLDER]
    return []


def read_container(paths: list[Path], split: str, count: int) -> Arrays:
    """Read the `count` images of an official split, in the one order.

    Parameters
    ----------
    paths : list of Path
        Parquet files, or one archive, or one folder with the batches of the archive.
    split : {"train", "test"}
    count : int

    Raises
    ------
    ValueError
        If no path is given, the split is unknown, or the count is no whole number from 0 on.
    DamagedError
        If the images are not there.
    """
    check_whole("count", count)
    if not paths or split not in BATCHES:
        raise ValueError(f"need at least one path and the split 'train' or 'test', got {paths} and {split!r}")
    try:
        if paths[0].is_dir():
            images, labels = _join(_read_folder(paths[0], split))
        elif _is_archive(paths[0]):
            images, labels = _join(_read_archive(paths[0], split))
        else:
            images, labels = _read_parquet(paths, count)
    except DamagedError:
        raise
    except (ImportError, MemoryError, PermissionError):  # no fault of the file
        raise
    except Exception as error:  # a broken file can fail in any way it likes
        raise DamagedError(f"it cannot be read ({type(error).__name__}: {error})") from error
    if len(images) != count:
        raise DamagedError(f"it holds {len(images):,} of {count:,} {split} images")
    return in_one_order(images, labels)


def _is_archive(path: Path) -> bool:
    """Tell an archive from a Parquet file by its name; that of a part file has something behind it."""
    return path.name.startswith(ARCHIVE)


def in_one_order(images: np.ndarray, labels: np.ndarray) -> Arrays:
    """Sort images (B, H, W, C) by the SHA-256 of their pixels, equal ones by their label.

    Every container has its own order. In this one, one seed gives one split whatever the source.
    ValueError if there is not one label for each image.
    """
    if len(images) != len(labels):
        raise ValueError(f"there must be one label for each image, got {len(images)} and {len(labels)}")
    order = np.lexsort((labels, pixel_hashes(images)))
    return images[order], labels[order]


def digest_of(images: np.ndarray, labels: np.ndarray) -> str:
    """Return the SHA-256, hexadecimal, of all pixels of the sorted images and then their labels, one byte each."""
    sha = hashlib.sha256(np.ascontiguousarray(images))
    sha.update(labels.astype(np.uint8).tobytes())
    return sha.hexdigest()


def _read_parquet(paths: list[Path], count: int) -> Arrays:
    from pyarrow import parquet

    rows = sum(parquet.read_metadata(path).num_rows for path in paths)
    if rows != count:
        raise DamagedError(f"{len(paths)} Parquet file(s) hold {rows:,} of {count:,} images")
    images = np.empty((count, *SHAPE), np.uint8)
    labels = np.empty(count, np.int64)
    row = 0
    for path in paths:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000, columns=["img", "label"]):
                pictures, numbers = batch.column("img").field("bytes"), batch.column("label")
                for picture, label in zip(pictures, numbers, strict=True):
                    images[row] = _decode(picture.as_py())
                    labels[row] = label.as_py()
                    row += 1
    _check_labels(labels)
    return images, labels


def _decode(picture: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(picture), formats=_PICTURE_FORMATS) as image:
        if image.size != (_SIDE, _SIDE):
            raise ValueError(
                f"an image of {image.width} × {image.height} instead of {_SIDE} × {_SIDE} pixels"
            )
        return np.asarray(image.convert("RGB"))


def _read_folder(folder: Path, split: str) -> Iterator[Arrays]:
    for name in BATCHES[split]:
        with (folder / name).open("rb") as file:
            yield read_batch(file.read(_LARGEST_BATCH))


def _read_archive(path: Path, split: str) -> Iterator[Arrays]:
    """Give the batches of a split from the members of an archive, in one pass and without unpacking any to the disk."""
    wanted = {f"{FOLDER}/{name}" for name in BATCHES[split]}
    with gzip.open(path) as unpacked, tarfile.open(fileobj=_Bounded(unpacked), mode="r|") as archive:
        for member in archive:
            if member.name not in wanted:
                continue
            if not member.isreg() or member.size > _LARGEST_BATCH:
                raise DamagedError(f"{member.name} is not a file of at most {_LARGEST_BATCH:,} bytes")
            wanted.remove(member.name)
            yield read_batch(archive.extractfile(member).read())
    if wanted:
        raise DamagedError(f"it lacks {', '.join(sorted(wanted))}")


class _Bounded:
    """A file that ends in an error instead of going on for ever: a small archive can unpack to terabytes."""

    def __init__(self, file: BinaryIO):
        self.file, self.left = file, _LARGEST_ARCHIVE

    def read(self, size: int) -> bytes:
        chunk = self.file.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise DamagedError(f"the archive unpacks to more than {_LARGEST_ARCHIVE:,} bytes")
        return chunk


def _join(batches: Iterator[Arrays]) -> Arrays:
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def read_batch(content: bytes) -> Arrays:
    """Read one pickled batch of the official archive without executing it.

    Returns
    -------
    images : ndarray of shape (B, 32, 32, 3), uint8
    labels : ndarray of shape (B,), int64

    Raises
    ------
    DamagedError
        If the pickle asks for anything but an array of bytes, or is no batch.
    """
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if "PUT" in opcode.name and argument > _LARGEST_MEMO:  # the memo would grow to that size
                raise DamagedError(f"a pickle with a memo of {argument:,} entries")
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        pixels, labels = batch[b"data"].array, np.array(batch[b"labels"])
    except DamagedError:
        raise
    except Exception as error:  # a forged pickle can fail in any way it likes
        raise DamagedError(f"not a batch of CIFAR-10 ({type(error).__name__}: {error})") from error
    if pixels.shape != (len(labels), 3 * _SIDE**2) or labels.dtype != np.int64:
        raise DamagedError(
            f"a batch with pixels of shape {pixels.shape} and {len(labels)} labels ({labels.dtype})"
        )
    _check_labels(labels)
    images = pixels.reshape(-1, 3, _SIDE, _SIDE).transpose(
        0, 2, 3, 1
    )  # (B, 3 · H · W) -> (B, C, H, W) -> (B, H, W, C)
    return np.ascontiguousarray(images), labels


def _check_labels(labels: np.ndarray) -> None:
    if len(labels) and not 0 <= labels.min() <= labels.max() < _CLASSES:
        raise DamagedError(f"labels from {labels.min()} to {labels.max()} instead of 0 to {_CLASSES - 1}")


class _PickledType:
    """Stands for the element type in a pickle. Only bytes are known, so there is nothing to configure."""

    def __init__(self, name: bytes | str, *_: object):
        if name not in (b"u1", "u1"):
            raise DamagedError(f"the archive holds an array of {name!r}, which CIFAR-10 does not need")

    def __setstate__(self, state: tuple) -> None:
        pass


class _PickledArray:
    """Stands for a NumPy array in a pickle: takes the bytes and the shape, and nothing else."""

    def __init__(self, *_: object):
        self.array = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple) -> None:
        _, shape, _, fortran_order, content = state
        self.array = np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran_order else "C")


class _Encode:
    """Does what Python 3 does to keep bytes in an old pickle, for the one encoding it uses."""

    __slots__ = ()

    def __new__(cls, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise DamagedError(
                f"the archive asks for the encoding {encoding!r}, which CIFAR-10 does not need"
            )
        return text.encode("latin1")

    def __setstate__(self, state: object) -> None:
        raise DamagedError("the archive sets the state of a function, which CIFAR-10 does not need")


_KNOWN_NAMES: dict[tuple[str, str], Callable] = {
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledType,
    ("_codecs", "encode"): _Encode,
}
"""All that a pickle may ask for, and what it gets instead. Nothing of NumPy itself is handed out."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable:
        if (module, name) not in _KNOWN_NAMES:
            raise DamagedError(
                f"the archive asks for {module}.{name}, which CIFAR-10 does not need: it was not executed; "
                "do not use this archive"
            )
        return _KNOWN_NAMES[module, name]
