"""Exercises of the chapter `2_concepts/metrics`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _f_beta_from_counts(tp, fp, fn, beta):
    return (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)


def _f_beta_arithmetic(tp, fp, fn, beta):
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return (precision + beta**2 * recall) / (1 + beta**2)


def _overlap(a, b, clipped=True):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0) if clipped else width * height


def _area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def _iou(a, b):
    shared = _overlap(a, b)
    return shared / (_area(a) + _area(b) - shared)


def _iou_unclipped(a, b):
    shared = _overlap(a, b, clipped=False)
    return shared / (_area(a) + _area(b) - shared)


def _precision_at_each_rank(hits):
    return np.cumsum(hits) / np.arange(1, len(hits) + 1)


def _average_precision_of_hits(hits, num_true):
    return np.sum(_precision_at_each_rank(hits)[hits]) / num_true


def _threshold_for_recall(y_true, scores, wanted):
    positive_scores = np.sort(scores[y_true == 1])[::-1]
    recall = np.arange(1, len(positive_scores) + 1) / len(positive_scores)
    return positive_scores[np.argmax(recall >= wanted)]


def _threshold_rounded(y_true, scores, wanted):
    return np.sort(scores[y_true == 1])[::-1][max(round(wanted * np.sum(y_true == 1)) - 1, 0)]


def _threshold_by_counting_alarms(y_true, scores, wanted):
    return np.sort(scores)[::-1][int(np.ceil(wanted * len(scores))) - 1]


def _threshold_for_precision(y_true, scores, wanted):
    candidates = [t for t in np.unique(scores) if np.mean(y_true[scores >= t] == 1) >= wanted]
    return candidates[0] if candidates else np.max(scores)


def _threshold_one_too_strict(y_true, scores, wanted):
    return np.sort(scores[y_true == 1])[::-1][max(int(np.floor(wanted * np.sum(y_true == 1))) - 1, 0)]


_HITS = np.array([True, False, True, True, False, True, False])
_Y_TRUE = np.array([1, 0, 1, 0, 0, 1, 0, 1, 0, 0])
_SCORES = np.array([0.91, 0.84, 0.77, 0.63, 0.52, 0.48, 0.35, 0.22, 0.16, 0.05])
_ORDER = np.array([7, 2, 9, 0, 4, 5, 8, 1, 6, 3])

EXERCISES = (
    Exercise(
        name="f_beta_from_counts",
        solution=_f_beta_from_counts,
        cases=((2, 2, 1, 1.0), (8, 2, 8, 2.0), (8, 2, 8, 0.5), (10, 190, 0, 1.0), (0, 3, 5, 1.0)),
        mistakes=(
            Mistake(
                lambda tp, fp, fn, beta: _f_beta_from_counts(tp, fn, fp, beta),
                "You gave the weight to precision: beta counts the missed (FN), not the false alarms (FP).",
            ),
            Mistake(
                lambda tp, fp, fn, beta: (1 + beta) * tp / ((1 + beta) * tp + beta * fn + fp),
                "Beta enters squared.",
            ),
            Mistake(
                _f_beta_arithmetic,
                "That is the arithmetic mean, which forgives a precision near 0 if only the recall is high.",
            ),
            Mistake(
                lambda tp, fp, fn, beta: _f_beta_from_counts(tp, fp, fn, 1.0),
                "Your answer does not change with beta: that is F1.",
            ),
        ),
        praise="True negatives appear nowhere in it: F does not care how many healthy people were left in peace.",
    ),
    Exercise(
        name="iou",
        solution=_iou,
        cases=(
            ((0, 0, 4, 4), (0, 0, 4, 4)),
            ((0, 0, 10, 10), (5, 0, 15, 10)),
            ((0, 0, 10, 6), (2, 1, 6, 5)),
            ((5, 3, 9, 12), (2, 1, 8, 5)),
            ((0, 0, 4, 4), (6, 1, 9, 3)),
            ((0, 0, 4, 4), (1, 6, 3, 9)),
            ((0, 0, 4, 4), (6, 7, 9, 9)),
        ),
        mistakes=(
            Mistake(
                lambda a, b: _overlap(a, b) / (_area(a) + _area(b)),
                "The shared part lies in both boxes: the sum of the areas counts it twice. Subtract it once.",
            ),
            Mistake(
                _iou_unclipped,
                "These boxes lie apart: width and height of the overlap are both negative, and their product is not. "
                "Stop each of them at 0 first.",
            ),
            Mistake(
                lambda a, b: _overlap(a, b) / min(_area(a), _area(b)),
                "Divided by the smaller box, a tiny box inside a big one would be perfect. Divide by the union.",
            ),
        ),
        praise="Two boxes that share half of each get only one third: the measure is stricter than it looks.",
    ),
    Exercise(
        name="average_precision_of_hits",
        solution=_average_precision_of_hits,
        cases=((_HITS, 4), (_HITS, 6), (_HITS[::-1], 5), (np.array([True, True]), 3)),
        mistakes=(
            Mistake(
                lambda hits, num_true: np.mean(_precision_at_each_rank(hits)),
                "Take the precision at the hits only: a wrong answer adds no recall, so it adds no area.",
            ),
            Mistake(
                lambda hits, num_true: np.mean(_precision_at_each_rank(hits)[hits]),
                "Divide by all true objects. What was never found must cost something.",
            ),
            Mistake(
                lambda hits, num_true: np.sum(hits) / len(hits),
                "That is the precision of all answers together; it does not see in which order they come.",
            ),
            Mistake(
                lambda hits, num_true: np.sum(_precision_at_each_rank(hits)[hits]),
                "Each hit adds a strip of the width 1 / num_true, not of the width 1.",
            ),
        ),
        praise="Wrong answers after the last hit cost nothing at all: try it.",
    ),
    Exercise(
        name="threshold_for_recall",
        solution=_threshold_for_recall,
        cases=(
            (_Y_TRUE, _SCORES, 0.5),
            (_Y_TRUE, _SCORES, 0.7),
            (_Y_TRUE[_ORDER], _SCORES[_ORDER], 0.95),
            (_Y_TRUE, _SCORES, 0.2),
            (_Y_TRUE, _SCORES, 0.55),
        ),
        mistakes=(
            Mistake(
                lambda y_true, scores, wanted: np.min(scores),
                "That threshold lets everything through. It keeps the promise, and buries it in false alarms.",
            ),
            Mistake(
                _threshold_rounded,
                "Half a hit is none: if 2.2 must be found, two are not enough. Round up.",
            ),
            Mistake(
                _threshold_one_too_strict,
                "With that threshold the recall stays below the promise: round the number of hits up, not down.",
            ),
            Mistake(
                _threshold_by_counting_alarms,
                "You counted a share of all pictures. Recall is a share of the positives.",
            ),
            Mistake(
                _threshold_for_precision,
                "You kept a promise about precision: of the alarms, the share that is right.",
            ),
        ),
        praise="Choose it on validation data: on the pictures that chose it the promise is kept by construction.",
    ),
)
