"""Seeded, stratified splits, and the check that no image is in two of them."""

import hashlib

import numpy as np

from utils.checks import check_whole
from utils.data.checks import check_classes, check_fractions, check_rng, check_uint8_images
from utils.data.dataset import ImageDataset

SPLITS = ("train", "validation", "test")


def check_split(split: str) -> None:
    """Raise ValueError unless `split` is one of the three that the course knows."""
    if not isinstance(split, str) or split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(map(repr, SPLITS))}")


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """Return the SHA-256 of the pixels of each image, hexadecimal, as an array of shape (B,).

    The images are uint8 of shape (B, H, W, C); ValueError for others, since other types have other bytes.
    """
    check_uint8_images(images)
    return np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in np.ascontiguousarray(images)])


def assert_disjoint(**datasets: ImageDataset) -> None:
    """Raise ValueError if the same pixels are in two of the data sets, given by name.

    Only equal pixels count. Of two frames that differ in one value it sees nothing: see `utils.data.duplicates`.
    """
    if len(datasets) < 2:
        raise ValueError(f"there must be at least two data sets to compare, got {len(datasets)}")
    owner: dict[str, str] = {}
    for name, dataset in datasets.items():
        hashes = set(pixel_hashes(dataset.images))
        for digest in hashes & owner.keys():
            raise ValueError(
                f"the same image is in {owner[digest]!r} and in {name!r} (pixels {digest[:12]}…): "
                "a score on it would be remembered, not learned"
            )
        owner.update(dict.fromkeys(hashes, name))


def stratified_counts(labels: np.ndarray, count: int) -> np.ndarray:
    """Share `count` among the classes of `labels` in proportion to their size.

    Parameters
    ----------
    labels : ndarray of shape (B,), int64
    count : int, at most B

    Returns
    -------
    ndarray of shape (Y,), int64, that sums to `count`; what rounding leaves over goes to the largest remainders.
    """
    labels = check_classes(labels)
    if check_whole("count", count) > len(labels):
        raise ValueError(
            f"asked for {count} of {len(labels)} images: choose a number from 0 to {len(labels)}"
        )
    sizes = np.bincount(labels)
    exact = sizes * count / max(len(labels), 1)
    counts = np.floor(exact).astype(np.int64)
    largest_remainders = np.argsort(counts - exact, kind="stable")[: count - counts.sum()]
    counts[largest_remainders] += 1
    return counts


def stratified_choice(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` distinct indices, the classes in proportion, in random order, int64 of shape (count,)."""
    check_rng(rng)
    labels, counts = check_classes(labels), stratified_counts(labels, count)
    chosen = [rng.permutation(np.flatnonzero(labels == y))[:n] for y, n in enumerate(counts)]
    return rng.permutation(np.concatenate([np.empty(0, np.int64), *chosen]))


def stratified_split(
    labels: np.ndarray, fractions: dict[str, float], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Cut all indices into named parts with the same mix of classes.

    Parameters
    ----------
    labels : ndarray of shape (B,), int64
    fractions : dict of name to fraction, each in [0, 1], summing to 1

    Returns
    -------
    dict of name to ndarray of int64 indices; together they are 0 … B - 1, each once.

    Raises
    ------
    ValueError
        If there are no labels or they are no whole numbers from 0 on, or the fractions are not as described.
    """
    labels = check_classes(labels)
    check_fractions(fractions)
    check_rng(rng)
    if not len(labels):
        raise ValueError("labels are empty: there is nothing to split")
    edges = np.concatenate([[0.0], np.cumsum(list(fractions.values()))])
    parts: dict[str, list[np.ndarray]] = {name: [] for name in fractions}
    for y in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == y))
        cuts = np.round(edges * len(members)).astype(int)
        for name, start, stop in zip(fractions, cuts[:-1], cuts[1:], strict=True):
            parts[name].append(members[start:stop])
    return {name: rng.permutation(np.concatenate(pieces)) for name, pieces in parts.items()}


def group_split(
    groups: np.ndarray, fractions: dict[str, float], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Cut all indices into named parts so that no group is in two of them.

    Parameters
    ----------
    groups : ndarray of shape (B,), whole numbers
        Images of the same group, such as frames of one scene, have the same number.
    fractions : dict of name to fraction *of the groups*, each in [0, 1], summing to 1

    Returns
    -------
    dict of name to ndarray of int64 indices, in random order; together they are 0 … B - 1, each once.

    Raises
    ------
    ValueError
        If there are no groups or they are no whole numbers from 0 on, or the fractions are not as described.
    """
    groups = check_classes(groups, "groups")
    check_fractions(fractions)
    check_rng(rng)
    if not len(groups):
        raise ValueError("groups are empty: there is nothing to split")
    order = rng.permutation(np.unique(groups))
    cuts = np.round(np.cumsum(list(fractions.values())) * len(order)).astype(int)[:-1]
    parts = zip(fractions, np.split(order, cuts), strict=True)
    return {name: rng.permutation(np.flatnonzero(np.isin(groups, part))) for name, part in parts}
