"""Exercises of the chapter `2_concepts/recognition_tasks`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _iou_of_masks(a, b):
    covered = np.sum(a | b)
    return np.sum(a & b) / covered if covered else 0.0


def _share(part, whole):
    return part / whole if whole else 0.0


def _extent(mask):
    """Return a mask filled up to its bounding box."""
    return np.outer(mask.any(axis=1), mask.any(axis=0))


def _mean_iou_of_counts(matrix):
    shared = np.diag(matrix)
    covered = matrix.sum(axis=0) + matrix.sum(axis=1) - shared
    occurs = covered > 0
    return np.mean(shared[occurs] / covered[occurs])


def _ratios(shared, covered):
    return np.divide(shared, covered, out=np.zeros(len(shared)), where=covered > 0)


def _mean_iou_absent_is_zero(matrix):
    shared = np.diag(matrix)
    return np.mean(_ratios(shared, matrix.sum(axis=0) + matrix.sum(axis=1) - shared))


def _mean_iou_shared_counted_twice(matrix):
    covered = matrix.sum(axis=0) + matrix.sum(axis=1)
    return np.mean(_ratios(np.diag(matrix), covered)[covered > 0])


def _mean_recall(matrix):
    occurs = matrix.sum(axis=1) > 0
    return np.mean(np.diag(matrix)[occurs] / matrix.sum(axis=1)[occurs])


def _keep_once(overlap, scores, threshold):
    kept = []
    for answer in np.argsort(-scores):
        if all(overlap[answer, other] < threshold for other in kept):
            kept.append(answer)
    return np.array(kept)


def _keep_against_all(overlap, scores, threshold):
    order = np.argsort(-scores)
    return np.array([k for i, k in enumerate(order) if (overlap[k, order[:i]] < threshold).all()])


def _keep_in_the_given_order(overlap, scores, threshold):
    return _keep_once(overlap, -np.arange(len(scores)), threshold)


def _keep_least_sure(overlap, scores, threshold):
    return _keep_once(overlap, -scores, threshold)


def _paint(masks, classes, scores, order=None, shift=1):
    class_map = np.zeros(masks.shape[1:], dtype=int)
    for k in np.argsort(scores) if order is None else order:
        class_map[masks[k]] = classes[k] + shift
    return class_map


def _rectangle(top, bottom, left, right):
    mask = np.zeros((5, 6), bool)
    mask[top:bottom, left:right] = True
    return mask


_SQUARE, _SHIFTED, _AWAY, _NOTHING = (
    _rectangle(0, 3, 0, 3),
    _rectangle(1, 4, 1, 5),
    _rectangle(4, 5, 4, 6),
    _rectangle(0, 0, 0, 0),
)
_FRAME = _rectangle(0, 5, 0, 5) & ~_rectangle(1, 4, 1, 4)
_PIXELS = np.array([[50, 3, 0, 2], [4, 10, 0, 1], [0, 0, 0, 0], [6, 0, 0, 4]])
_WITH_NAMED_ONLY = np.array([[7, 1, 2], [2, 5, 1], [0, 0, 0]])
# in a row, each overlaps the next: if the middle one is dropped, the last one may stay
_CHAIN = np.array([[1.0, 0.6, 0.1], [0.6, 1.0, 0.55], [0.1, 0.55, 1.0]])
_PAIRS = np.array([[1.0, 0.7, 0.0, 0.2], [0.7, 1.0, 0.1, 0.5], [0.0, 0.1, 1.0, 0.8], [0.2, 0.5, 0.8, 1.0]])
_MASKS = np.stack([_SQUARE, _SHIFTED, _AWAY])

EXERCISES = (
    Exercise(
        name="iou_of_masks",
        solution=_iou_of_masks,
        cases=(
            (_SQUARE, _SQUARE),
            (_SQUARE, _SHIFTED),
            (_FRAME, _SHIFTED),
            (_SQUARE, _AWAY),
            (_AWAY, _NOTHING),
            (_NOTHING, _NOTHING),
        ),
        mistakes=(
            Mistake(
                lambda a, b: _share(2 * np.sum(a & b), np.sum(a) + np.sum(b)),
                "That is the Dice score: twice the shared pixels, divided by the sum of both areas. It is never smaller.",
            ),
            Mistake(
                lambda a, b: _share(np.sum(a & b), np.sum(a) + np.sum(b)),
                "Pixels that are in both are counted twice below. The union, a | b, counts them once.",
            ),
            Mistake(
                lambda a, b: _share(np.sum(a & b), np.sum(a)),
                "Divided by one mask alone, a mask that covers everything would be perfect. Divide by the union.",
            ),
            Mistake(
                lambda a, b: np.mean(a == b),
                "That is the share of pixels on which they agree, and most agree on being background.",
            ),
            Mistake(
                lambda a, b: _iou_of_masks(_extent(a), _extent(b)),
                "You compared their boxes. An outline knows more than its box.",
            ),
        ),
        praise="A thin frame and what it surrounds have the same box and hardly share a pixel.",
    ),
    Exercise(
        name="mean_iou_of_counts",
        solution=_mean_iou_of_counts,
        cases=((_PIXELS,), (_WITH_NAMED_ONLY,), (np.diag([5, 3, 2]),), (np.array([[8, 0], [2, 0]]),)),
        mistakes=(
            Mistake(
                _mean_iou_absent_is_zero,
                "A class that is in neither map got a 0. There was nothing to find and nothing was claimed: leave it out.",
            ),
            Mistake(
                _mean_iou_shared_counted_twice,
                "Row and column both hold the right pixels. Subtract them once from the sum.",
            ),
            Mistake(
                _mean_recall,
                "You divided by the true pixels alone: that is the recall of each class, and false pixels cost nothing.",
            ),
            Mistake(
                lambda matrix: np.trace(matrix) / matrix.sum(),
                "That is the share of right pixels; painting everything as background would do well.",
            ),
        ),
        praise="A class that is never there but was named counts, with 0; a class of which nobody speaks does not.",
    ),
    Exercise(
        name="keep_once",
        solution=_keep_once,
        cases=(
            (_CHAIN, np.array([0.9, 0.8, 0.7]), 0.5),
            (_CHAIN, np.array([0.7, 0.9, 0.8]), 0.5),
            (_PAIRS, np.array([0.6, 0.9, 0.5, 0.8]), 0.5),
            (_PAIRS, np.array([0.6, 0.9, 0.5, 0.8]), 0.75),
            (np.eye(2), np.array([0.2, 0.4]), 0.3),
        ),
        mistakes=(
            Mistake(
                _keep_against_all,
                "An answer that was dropped drops another one here. Compare only with those that were kept.",
            ),
            Mistake(
                _keep_in_the_given_order,
                "Sort first: the surest answer of a group should stay, not the one that comes first in the list.",
            ),
            Mistake(
                _keep_least_sure,
                "You went through the answers from the least sure to the surest.",
            ),
            Mistake(
                lambda overlap, scores, threshold: np.argsort(-scores),
                "Nothing was dropped.",
            ),
        ),
        praise="It also drops true neighbours that overlap much: the reason why crowds are hard for such detectors.",
    ),
    Exercise(
        name="paint",
        solution=_paint,
        cases=(
            (_MASKS, np.array([0, 4, 2]), np.array([0.9, 0.5, 0.7])),
            (_MASKS, np.array([3, 1, 0]), np.array([0.2, 0.6, 0.3])),
            (_MASKS[[2, 1, 0]], np.array([5, 5, 6]), np.array([0.4, 0.8, 0.6])),
            (_MASKS[:0], np.array([], int), np.array([])),
        ),
        mistakes=(
            Mistake(
                lambda masks, classes, scores: _paint(masks, classes, scores, range(len(masks))),
                "Where masks overlap, the last of the list has won. Sort by the scores first.",
            ),
            Mistake(
                lambda masks, classes, scores: _paint(masks, classes, scores, np.argsort(-scores)),
                "The least sure object has won the overlap: it was painted last.",
            ),
            Mistake(
                lambda masks, classes, scores: _paint(masks, classes, scores, shift=0),
                "Class 0 looks like background: a pixel of class y gets y + 1.",
            ),
            Mistake(
                lambda masks, classes, scores: np.tensordot(classes + 1, masks, 1),
                "Adding up the masks gives a third class where two of them overlap.",
            ),
        ),
        praise="And back from the map to the objects there is no way: two that touch have become one.",
    ),
)
