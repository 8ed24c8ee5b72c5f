"""What the data functions ask of their input, each with a sentence for the reader who gave something else."""

from collections.abc import Iterable

import numpy as np


def check_range(name: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Raise ValueError unless `value` is a number in [low, high]; NaN lies in no range."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}]{unit}, got {value}")


def check_rng(rng: np.random.Generator) -> None:
    """Raise ValueError unless `rng` can draw random numbers."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a generator such as np.random.default_rng(0), got {rng!r}")


def check_uint8_images(images: np.ndarray) -> None:
    """Raise ValueError unless `images` is a uint8 array of shape (B, H, W, C)."""
    if not isinstance(images, np.ndarray):
        raise ValueError(f"images must be an array, got {type(images).__name__}")
    if images.ndim != 4 or images.dtype != np.uint8:
        raise ValueError(
            f"images must be uint8 of shape (B, H, W, C), got {images.dtype} of shape {images.shape}"
        )


def check_number_images(images: np.ndarray) -> np.ndarray:
    """Return `images` as an array of shape (B, H, W, C), B, H, W, C at least 1, all numbers finite; or ValueError."""
    images = np.asarray(images)
    if images.ndim != 4 or not images.size or images.dtype.kind not in "iuf":
        raise ValueError(
            "images must be numbers of shape (B, H, W, C), at least one image, "
            f"got {images.dtype} of shape {images.shape}"
        )
    if not np.isfinite(images).all():
        bad = np.count_nonzero(~np.isfinite(images))
        raise ValueError(f"{bad} of {images.size} values of the images are NaN or infinite")
    return images


def check_classes(labels: np.ndarray, name: str = "labels") -> np.ndarray:
    """Return `labels` as an int64 array of shape (B,) of numbers that are 0 or more; ValueError otherwise."""
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"{name} must have one number for each image, shape (B,), got shape {labels.shape}")
    if len(labels) and labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be whole numbers, got {labels.dtype}: number them 0, 1, 2 … "
            "with np.unique(…, return_inverse=True)"
        )
    if len(labels) and labels.min() < 0:
        raise ValueError(f"{name} must not be negative, got {labels.min()}")
    return labels.astype(np.int64)


def check_fractions(fractions: dict[str, float]) -> None:
    """Raise ValueError unless the named fractions are numbers in [0, 1] that sum to 1."""
    if not isinstance(fractions, dict) or not fractions:
        raise ValueError(f"fractions must be a dict of names and numbers that sum to 1, got {fractions!r}")
    for name, fraction in fractions.items():
        check_range(f"the fraction of {name!r}", fraction, 0, 1)
    if abs(sum(fractions.values()) - 1) > 1e-9:
        raise ValueError(f"the fractions of a split must sum to 1, got {fractions}")


def check_indices(indices: Iterable[int], count: int) -> np.ndarray:
    """Return `indices` as an int64 array of shape (B',), each in 0 … count - 1; ValueError otherwise."""
    indices = np.asarray(indices)
    if indices.ndim == 1 and not len(indices):
        return np.empty(0, np.int64)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        hint = ": of a mask take np.flatnonzero first" if indices.dtype == bool else ""
        raise ValueError(
            f"indices must be whole numbers of shape (B',), got {indices.dtype} of shape {indices.shape}{hint}"
        )
    if indices.min() < 0 or indices.max() >= count:
        raise ValueError(
            f"indices must lie in 0 … {count - 1}, since there are {count} images, "
            f"got {indices.min()} … {indices.max()}"
        )
    return indices.astype(np.int64)
