"""Scores of boxes: which answers hit, and how good is a detector over all thresholds, classes and overlaps?

A box is left, top, right, bottom, in any unit, right and bottom exclusive. The definitions are those of COCO
for objects of all sizes, without crowd regions and without its limit of 100 answers an image.
Source: T.-Y. Lin and others, Microsoft COCO: Common Objects in Context, 2014, and its reference code,
pycocotools.
"""

from collections.abc import Sequence

import numpy as np

from utils.checks import check_whole
from utils.metrics.checks import (
    check_boxes,
    check_iou_threshold,
    check_labels,
    check_same_length,
    check_scores,
)

COCO_IOU_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""0.50, 0.55, …, 0.95"""


def box_iou(boxes_true: np.ndarray, boxes_pred: np.ndarray) -> np.ndarray:
    """Return the area that two boxes share, divided by the area that they cover together.

    Parameters
    ----------
    boxes_true : array of shape (O1, 4), left, top, right, bottom
    boxes_pred : array of shape (O2, 4), likewise

    Returns
    -------
    ndarray of shape (O1, O2), float64, in [0, 1]; 0 for two boxes without area.

    Raises
    ------
    ValueError
        If a shape is another or a box ends before it begins.
    """
    boxes_true = check_boxes("boxes_true", boxes_true)[:, None]  # (O1, 4) -> (O1, 1, 4)
    boxes_pred = check_boxes("boxes_pred", boxes_pred)[None]  # (O2, 4) -> (1, O2, 4)
    start = np.maximum(boxes_true[..., :2], boxes_pred[..., :2])  # (O1, O2, 2)
    end = np.minimum(boxes_true[..., 2:], boxes_pred[..., 2:])
    shared = np.clip(end - start, 0, None).prod(axis=-1)  # (O1, O2)
    covered = _area(boxes_true) + _area(boxes_pred) - shared
    return np.divide(shared, covered, out=np.zeros_like(shared), where=covered > 0)


def match_boxes(
    boxes_true: np.ndarray, boxes_pred: np.ndarray, scores: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Decide which answers hit, for one class in one image.

    From the surest answer to the least sure, each takes the true box that it overlaps most among those that
    are still free; it hits if the intersection over union is at least `iou_threshold`. A second answer for
    the same object finds it taken: a duplicate is wrong.

    Parameters
    ----------
    boxes_true : array of shape (O1, 4)
    boxes_pred : array of shape (O2, 4)
    scores : array of shape (O2,), finite
    iou_threshold : float in [0, 1]

    Returns
    -------
    ndarray of shape (O2,), bool, in the order of `boxes_pred`.
    """
    boxes_true, boxes_pred = check_boxes("boxes_true", boxes_true), check_boxes("boxes_pred", boxes_pred)
    scores = check_scores(scores)
    check_same_length(boxes_pred=boxes_pred, scores=scores)
    check_iou_threshold(iou_threshold)
    return _match(box_iou(boxes_true, boxes_pred), scores, iou_threshold)


def interpolated_precision(hits: np.ndarray, scores: np.ndarray, num_true: int) -> np.ndarray:
    """Return the best precision that is to be had at each of the recalls 0, 0.01, …, 1.

    Parameters
    ----------
    hits : array of shape (O,), bool, from `match_boxes`, of one class in all images
    scores : array of shape (O,), finite; equal scores keep their order
    num_true : int, above 0
        True objects of the class, found or not.

    Returns
    -------
    ndarray of shape (101,), float64: the highest precision at this or any higher recall; 0 beyond the last
    one reached.
    """
    hits, scores = _check_hits(hits, scores, num_true)
    if num_true == 0:
        raise ValueError("num_true must be at least 1, got 0: with nothing to find there is no recall")
    found = np.cumsum(hits[np.argsort(-scores, kind="stable")])
    precision = found / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall_grid = np.linspace(0, 1, 101)
    place = np.searchsorted(found / num_true, recall_grid, side="left")  # first answer that reaches it
    return np.append(envelope, 0.0)[place]


def coco_average_precision(hits: np.ndarray, scores: np.ndarray, num_true: int) -> float:
    """Return the mean of `interpolated_precision` over its 101 recalls; NaN if there is no true object."""
    hits, scores = _check_hits(hits, scores, num_true)
    if num_true == 0:
        return float("nan")
    return float(interpolated_precision(hits, scores, num_true).mean())


def average_precision_table(
    truth: Sequence[tuple[np.ndarray, np.ndarray]],
    predictions: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    num_classes: int,
    iou_thresholds: Sequence[float] = COCO_IOU_THRESHOLDS,
) -> np.ndarray:
    """Return COCO's average precision of each class at each threshold of the overlap.

    Parameters
    ----------
    truth : for each image (boxes, labels), of shapes (O1, 4) and (O1,)
    predictions : for each image (boxes, labels, scores), of shapes (O2, 4), (O2,) and (O2,)
    num_classes : int
        Number of classes, Y.
    iou_thresholds : sequence of float in [0, 1], of length T

    Returns
    -------
    ndarray of shape (Y, T), float64, in [0, 1]; NaN in the row of a class that is in no image.
    """
    _check_images(truth, predictions, check_whole("num_classes", num_classes, 1))
    if not len(iou_thresholds):
        raise ValueError("iou_thresholds is empty: give at least one, such as [0.5]")
    for threshold in iou_thresholds:
        check_iou_threshold(threshold)
    table = np.full((num_classes, len(iou_thresholds)), np.nan)
    for y in range(num_classes):
        overlaps, scores = [], []  # of each image, for all thresholds
        for (true_boxes, true_labels), (boxes, labels, sure) in zip(truth, predictions, strict=True):
            overlaps.append(box_iou(_of_class(y, true_boxes, true_labels), _of_class(y, boxes, labels)))
            scores.append(_of_class(y, sure, labels))
        num_true = sum(map(len, overlaps))
        for t, threshold in enumerate(iou_thresholds):
            hits = [_match(iou, sure, threshold) for iou, sure in zip(overlaps, scores, strict=True)]
            table[y, t] = coco_average_precision(
                np.concatenate([np.empty(0, bool), *hits]), np.concatenate([np.empty(0), *scores]), num_true
            )
    return table


def mean_average_precision(
    truth: Sequence[tuple[np.ndarray, np.ndarray]],
    predictions: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    num_classes: int,
    iou_thresholds: Sequence[float] = COCO_IOU_THRESHOLDS,
) -> float:
    """Return the arithmetic mean of `average_precision_table`, whose parameters it has.

    Classes that are in no image are left out; NaN if none is in any.
    """
    table = average_precision_table(truth, predictions, num_classes, iou_thresholds)
    known = table[~np.isnan(table)]
    return float(known.mean()) if known.size else float("nan")


def _match(iou, scores, threshold):
    free = np.ones(iou.shape[0], bool)
    hits = np.zeros(iou.shape[1], bool)
    for answer in np.argsort(-scores, kind="stable"):
        candidates = np.flatnonzero(free & (iou[:, answer] >= threshold))[::-1]  # of equals the last, as COCO
        if len(candidates):
            best = candidates[np.argmax(iou[candidates, answer])]
            free[best], hits[answer] = False, True
    return hits


def _check_hits(hits, scores, num_true):
    hits, scores = check_labels("hits", hits, num_classes=2), check_scores(scores)
    check_same_length(hits=hits, scores=scores)
    if check_whole("num_true", num_true) < hits.sum():
        raise ValueError(f"num_true must be at least the number of hits, {hits.sum()}; got {num_true}")
    return hits, scores


def _check_images(truth, predictions, num_classes):
    check_same_length(truth=truth, predictions=predictions)
    for images, parts in ((truth, ("boxes", "labels")), (predictions, ("boxes", "labels", "scores"))):
        for image in images:
            if len(image) != len(parts):
                raise ValueError(f"give ({', '.join(parts)}) for each image, got {len(image)} parts")
    for boxes, labels in truth:
        check_same_length(
            boxes_true=check_boxes("boxes_true", boxes),
            labels_true=check_labels("labels_true", labels, num_classes),
        )
    for boxes, labels, scores in predictions:
        check_same_length(
            boxes_pred=check_boxes("boxes_pred", boxes),
            labels_pred=check_labels("labels_pred", labels, num_classes),
            scores=check_scores(scores),
        )


def _area(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _of_class(y, values, labels):
    return np.asarray(values)[np.asarray(labels, dtype=np.int64) == y]
