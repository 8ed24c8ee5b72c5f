"""Pictures that are almost the same: what a comparison of hashes cannot see."""

import numpy as np

from utils.checks import check_whole
from utils.data.checks import check_number_images, check_range


def pixel_directions(images: np.ndarray) -> np.ndarray:
    """Turn each image into a row of length 1 that neither more light nor more contrast changes.

    Parameters
    ----------
    images : ndarray of shape (B, H, W, C), any numbers, B at least 1

    Returns
    -------
    ndarray of shape (B, H·W·C), float32
        The pixels minus their mean, divided by their length; of an image of one shade all zeros.

    Raises
    ------
    ValueError
        If the shape is another, or a number is NaN or infinite.
    """
    images = check_number_images(images)
    rows = images.reshape(len(images), -1).astype(np.float32)  # (B, H, W, C) -> (B, H·W·C)
    rows -= rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-3)


def most_similar(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find for each image the most similar one of `others`, by the correlation of their pixels.

    Parameters
    ----------
    images, others : ndarray of shapes (B, H, W, C) and (B', H, W, C), any numbers

    Returns
    -------
    indices : ndarray of shape (B,), int64
        Into `others`.
    similarity : ndarray of shape (B,), float32, in [-1, 1]
        1 for an equal image, also if it is brighter or paler.

    Raises
    ------
    ValueError
        If the images of the two differ in shape, there are none, or a number is NaN or infinite.
    """
    rows, other_rows = pixel_directions(images), pixel_directions(others)
    if images.shape[1:] != others.shape[1:]:
        raise ValueError(
            f"images of the same height, width and channels can be compared, got {images.shape[1:]} and {others.shape[1:]}"
        )
    correlation = rows @ other_rows.T  # (B, B')
    indices = correlation.argmax(axis=1)
    return indices, np.take_along_axis(correlation, indices[:, None], axis=1)[:, 0]


def similar_pairs(images: np.ndarray, threshold: float, block: int = 500) -> list[tuple[int, int]]:
    """Find the pairs of images whose pixels correlate by at least `threshold`: suspects for a person to look at.

    Parameters
    ----------
    images : ndarray of shape (B, H, W, C), any numbers, B at least 1
    threshold : float in [-1, 1]
    block : int
        So many rows of the (B, B) correlations are in memory at a time.

    Returns
    -------
    list of (int, int)
        Indices, the smaller first, in ascending order. An image of one shade is in no pair.

    Raises
    ------
    ValueError
        If the shape is another, a number is NaN or infinite, or the threshold is out of range.
    """
    check_range("threshold", threshold, -1, 1)
    check_whole("block", block, 1)
    rows = pixel_directions(images)
    pairs = []
    for start in range(0, len(rows), block):
        correlation = rows[start : start + block] @ rows.T  # (block, B)
        one, other = np.nonzero(correlation >= threshold)
        pairs += [(int(i) + start, int(j)) for i, j in zip(one, other, strict=True) if i + start < j]
    return pairs
