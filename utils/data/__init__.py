"""Data sets: one call loads any of them, split by a seed.

`scenes` is drawn on the spot and is the default everywhere; `digits` and `photos` come with the installed libraries;
`cifar10` is read from a local copy, the cache or a mirror.
"""

from collections.abc import Callable

import numpy as np

from utils.checks import check_whole
from utils.data import bundled
from utils.data.cifar10 import load_cifar10
from utils.data.dataset import ImageDataset, SceneDataset
from utils.data.scenes import SceneSettings, make_scenes
from utils.data.splits import SPLITS, assert_disjoint, check_split, stratified_choice, stratified_split

__all__ = [
    "DATASETS",
    "ImageDataset",
    "SceneDataset",
    "SceneSettings",
    "assert_disjoint",
    "load",
    "make_scenes",
]

DATASETS = ("scenes", "digits", "photos", "cifar10")
_SCENES_COUNT = {"train": 6000, "validation": 1000, "test": 2000}
_CIFAR10_FRACTIONS = {"train": 0.9, "validation": 0.1}


def load(
    name: str,
    split: str,
    count: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ImageDataset:
    """Load one split of a data set.

    Parameters
    ----------
    name : {"scenes", "digits", "photos", "cifar10"}
    split : {"train", "validation", "test"}
        `photos` are split by region and `cifar10` has an official test set: there `seed` moves neither.
    count : int, optional
        How many images, the classes in proportion; all of them (of scenes: 6,000, 1,000 or 2,000) if not given.
    seed : int
        One seed, one split.
    progress : callable, optional
        Called with (bytes received, bytes in all) during a download.

    Returns
    -------
    ImageDataset
        Images uint8 (B, H, W, C), labels int64 (B,), class names; of scenes a SceneDataset.

    Raises
    ------
    ValueError
        For an unknown name or split, a `count` that the split does not have, or a `seed` that is no whole number
        from 0 on.
    DataUnavailableError
        If CIFAR-10 is neither here nor to be had; the message says what to do.
    """
    check_split(split)
    if not isinstance(name, str) or name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}: choose one of {', '.join(map(repr, DATASETS))}")
    check_whole("seed", seed)
    if count is not None:
        check_whole("count", count)
    if name == "scenes":
        rng = np.random.default_rng([seed, SPLITS.index(split)])
        return make_scenes(_SCENES_COUNT[split] if count is None else count, rng)
    if name == "digits":
        dataset = bundled.load_digits(split, seed)
    elif name == "photos":
        dataset = bundled.load_photos(split)
    else:
        dataset = _load_cifar10_split(split, seed, progress)
    if count is None:
        return dataset
    return dataset.subset(stratified_choice(dataset.labels, count, np.random.default_rng([seed, 1])))


def _load_cifar10_split(split: str, seed: int, progress: Callable[[int, int], None] | None) -> ImageDataset:
    """Cut the official training set of CIFAR-10 in 45,000 and 5,000; the official test set is the test set."""
    if split == "test":
        return load_cifar10("test", progress=progress)
    official = load_cifar10("train", progress=progress)
    return official.subset(
        stratified_split(official.labels, _CIFAR10_FRACTIONS, np.random.default_rng(seed))[split]
    )
