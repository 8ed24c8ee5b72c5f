"""Seeded, stratified splits, and the check that no image is in two of them."""

import hashlib

import numpy as np

from utils.data.dataset import ImageDataset

SPLITS = ("train", "validation", "test")


def check_split(split: str) -> None:
    """Raise ValueError unless `split` is one of the three that the course knows."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(map(repr, SPLITS))}")


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """Return the SHA-256 of the pixels of each image, hexadecimal, as an array of shape (B,)."""
    return np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in np.ascontiguousarray(images)])


def assert_disjoint(**datasets: ImageDataset) -> None:
    """Raise ValueError if the same pixels are in two of the data sets, given by name."""
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
    if not 0 <= count <= len(labels):
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
    counts = stratified_counts(labels, count)
    chosen = [rng.permutation(np.flatnonzero(labels == y))[:n] for y, n in enumerate(counts)]
    return rng.permutation(np.concatenate([np.empty(0, np.int64), *chosen]))


def stratified_split(
    labels: np.ndarray, fractions: dict[str, float], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Cut all indices into named parts with the same mix of classes.

    Parameters
    ----------
    labels : ndarray of shape (B,), int64
    fractions : dict of name to fraction, summing to 1

    Returns
    -------
    dict of name to ndarray of int64 indices; together they are 0 … B - 1, each once.
    """
    if abs(sum(fractions.values()) - 1) > 1e-9:
        raise ValueError(f"the fractions of a split must sum to 1, got {fractions}")
    edges = np.concatenate([[0.0], np.cumsum(list(fractions.values()))])
    parts: dict[str, list[np.ndarray]] = {name: [] for name in fractions}
    for y in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == y))
        cuts = np.round(edges * len(members)).astype(int)
        for name, start, stop in zip(fractions, cuts[:-1], cuts[1:], strict=True):
            parts[name].append(members[start:stop])
    return {name: rng.permutation(np.concatenate(pieces)) for name, pieces in parts.items()}
