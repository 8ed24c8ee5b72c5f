"""Wrong input to any score is answered with a ValueError that says what was given and what is needed.

One table: the score, its arguments, a pattern that the message must have. Never an IndexError, a warning, or a number.
"""

import warnings

import numpy as np
import pytest

from utils import metrics

NAN, INFINITE = float("nan"), float("inf")
BOX, BOXES = [[0, 0, 2, 2]], [[0, 0, 2, 2], [1, 1, 3, 3]]
HALF = [[0.5, 0.5], [0.2, 0.8]]
MAP, ONE_ROW = np.zeros((2, 3), int), np.zeros(6, int)

ANSWERS = [  # y_true, y_pred, num_classes
    ([[0, 1]], [[0, 1]], 2, r"y_true must have one class for each picture, shape \(B,\), got shape \(1, 2\)"),
    (0, 0, 2, r"y_true must have one class .* got shape \(\)"),
    ([0, 1], HALF, 2, r"y_pred .* got shape \(2, 2\); of probabilities \(B, Y\) take the argmax"),
    ([0, NAN], [0, 1], 2, "y_true must hold whole numbers, got float64"),
    ([0, INFINITE], [0, 1], 2, "y_true must hold whole numbers, got float64"),
    ([0, 1], [0, 0.5], 2, "y_pred must hold whole numbers, got float64"),
    (["cat", "dog"], [0, 1], 2, "y_true must hold whole numbers, got <U3"),
    ([0, None], [0, 1], 2, "y_true must hold whole numbers, got object"),
    ([0, 2], [0, 1], 2, "y_true must lie in 0 … 1 for 2 classes, got 0 … 2"),
    ([0, 1], [-1, 1], 2, "y_pred must lie in 0 … 1 for 2 classes, got -1 … 1"),
    ([0, 1, 1], [0, 1], 2, "y_true has 3, y_pred has 2"),
    ([], [], 2, "y_true is empty: a score needs at least one picture"),
    ([0, 0], [0, 0], 0, "num_classes must be a whole number, at least 1, got 0"),
    ([0, 0], [0, 0], -3, "num_classes must be a whole number, at least 1, got -3"),
    ([0, 0], [0, 0], 2.5, "num_classes must be a whole number, at least 1, got 2.5"),
]
LABEL_MAPS = [  # y_true, y_pred, num_classes
    (ONE_ROW, ONE_ROW, 2, r"y_true must be a map .* shape \(H, W\) or \(B, H, W\), got \(6,\)"),
    (np.zeros((1, 1, 2, 3)), MAP, 2, r"y_true must be a map .* got \(1, 1, 2, 3\); of scores"),
    (MAP, np.zeros((2, 5, 2, 3)), 5, r"y_pred must be a map .* take the argmax along axis 1"),
    (MAP, MAP.T, 2, r"y_true has shape \(2, 3\), y_pred \(3, 2\)"),
    (MAP + NAN, MAP, 2, "y_true must hold whole numbers, got float64"),
    (MAP, MAP + 0.5, 2, "y_pred must hold whole numbers, got float64"),
    (MAP, MAP - 1, 2, "y_pred must lie in 0 … 1 for 2 classes, got -1 … -1"),
    (MAP + 2, MAP, 2, "y_true must lie in 0 … 1 for 2 classes, got 2 … 2"),
    (MAP[:0], MAP[:0], 2, "y_true is empty"),
    (MAP, MAP, 0, "num_classes must be a whole number, at least 1, got 0"),
]
BAD_BOXES = [  # boxes
    ([0, 0, 1, 1], r"must have shape \(O, 4\): left, top, right, bottom; got \(4,\)"),
    (np.zeros((2, 0)), r"must have shape \(O, 4\).* got \(2, 0\)"),
    ([[[0, 0, 1, 1]]], r"must have shape \(O, 4\).* got \(1, 1, 4\)"),
    ([[0, 0, 1]], r"must have shape \(O, 4\).* got \(1, 3\)"),
    ([[0, 0, NAN, 1]], "NaN or infinite"),
    ([[0, 0, INFINITE, 1]], "NaN or infinite"),
    ([[0, 0, -1, 1]], r"\[0\] = \[0.0, 0.0, -1.0, 1.0\] ends before it begins"),
    ([[0, 0, 1, 1], [0, 0, 1]], "must be an array of numbers"),
    ("a box", "must be an array of numbers, got 'a box'"),
]
RANKINGS = [  # y_true, scores
    ([[0, 1]], [0.1, 0.2], r"y_true must have one class .* got shape \(1, 2\)"),
    ([0, 1], HALF, r"scores must have shape \(B,\), got \(2, 2\)"),
    ([0, 1], [0.5, NAN], "1 of 2 scores are NaN or infinite"),
    ([0, 1], [0.5, INFINITE], "1 of 2 scores are NaN or infinite"),
    ([0, 1], ["high", "low"], "scores must be an array of numbers"),
    ([0, 2], [0.1, 0.2], "y_true must lie in 0 … 1 for 2 classes, got 0 … 2"),
    ([0, 0.5], [0.1, 0.2], "y_true must hold whole numbers"),
    ([0, 1, 1], [0.1, 0.2], "y_true has 3, scores has 2"),
    ([], [], "y_true is empty: a curve needs at least one answer, or num_positives"),
]
PROBABILITIES = [  # y_true, probabilities
    ([0, 1], [0.5, 0.5], r"probabilities must have shape \(B, Y\) with B at least 1, got \(2,\)"),
    ([], np.zeros((0, 2)), r"with B at least 1, got \(0, 2\)"),
    ([0, 1], [[0.5, 0.6], [0.5, 0.5]], "at least 0 and sum to 1"),
    ([0, 1], [[1.5, -0.5], [0.5, 0.5]], "at least 0 and sum to 1"),
    ([0, 1], [[NAN, 1], [0.5, 0.5]], "at least 0 and sum to 1"),
    ([0, 1], np.zeros((2, 0)), "at least 0 and sum to 1"),
    ([0, 2], HALF, "y_true must lie in 0 … 1 for 2 classes, got 0 … 2"),
    ([0, 0.5], HALF, "y_true must hold whole numbers"),
    ([[0, 1]], HALF, "y_true must have one class"),
    ([0], HALF, "y_true has 1, probabilities has 2"),
]
TABLES = [  # truth, predictions, num_classes, thresholds
    ([(BOX, [0])], [], 2, [0.5], "truth has 1, predictions has 0"),
    (None, [], 2, [0.5], "truth must be an array or a list, got None"),
    (
        [(BOX, [0], [1.0])],
        [(BOX, [0], [1.0])],
        2,
        [0.5],
        r"give \(boxes, labels\) for each image, got 3 parts",
    ),
    ([(BOX, [0])], [(BOX, [0])], 2, [0.5], r"give \(boxes, labels, scores\) for each image, got 2 parts"),
    ([(BOX, [0, 1])], [(BOX, [0], [1.0])], 2, [0.5], "boxes_true has 1, labels_true has 2"),
    ([(BOX, [0])], [(BOXES, [0], [1.0])], 2, [0.5], "boxes_pred has 2, labels_pred has 1"),
    ([(BOX, [0])], [(BOX, [0], [1.0, 0.5])], 2, [0.5], "scores has 2"),
    ([(BOX, [0])], [(BOX, [0], 1.0)], 2, [0.5], r"scores must have shape \(B,\), got \(\)"),
    ([(BOX, [0])], [(BOX, [0], [NAN])], 2, [0.5], "1 of 1 scores are NaN"),
    ([(BOX, [2])], [(BOX, [0], [1.0])], 2, [0.5], "labels_true must lie in 0 … 1 for 2 classes, got 2 … 2"),
    ([(BOX, [0])], [(BOX, [-1], [1.0])], 2, [0.5], "labels_pred must lie in 0 … 1"),
    ([(BOX, [0])], [(BOX, [0.5], [1.0])], 2, [0.5], "labels_pred must hold whole numbers"),
    ([([[2, 0, 1, 1]], [0])], [(BOX, [0], [1.0])], 2, [0.5], r"boxes_true\[0\] .* ends before it begins"),
    ([(BOX, [0])], [([[0, 0, NAN, 1]], [0], [1.0])], 2, [0.5], "boxes_pred has coordinates that are NaN"),
    ([(BOX, [0])], [(BOX, [0], [1.0])], 0, [0.5], "num_classes must be a whole number, at least 1, got 0"),
    ([(BOX, [0])], [(BOX, [0], [1.0])], 1, [], "iou_thresholds is empty"),
    ([(BOX, [0])], [(BOX, [0], [1.0])], 1, [0.5, 50], r"must be one number in \[0, 1\], got 50"),
]
SALIENCY = [  # maps, masks
    (np.zeros((2, 3)), np.ones((2, 3), bool), r"give maps \(B, H, W\) .* got \(2, 3\)"),
    (np.zeros((1, 2, 3)), np.ones((1, 3, 2), bool), r"got \(1, 2, 3\) and bool of shape \(1, 3, 2\)"),
    (np.zeros((1, 2, 3)), np.ones((1, 2, 3), int), "got .* and int64"),
    (np.zeros((1, 2, 3)), np.zeros((1, 2, 3), bool), "mask 0 has no object"),
    (np.full((1, 2, 3), NAN), np.ones((1, 2, 3), bool), "NaN or infinite"),
    ("a map", np.ones((1, 2, 3), bool), "must be an array of numbers"),
]
MATCHES = [  # boxes_true, boxes_pred, scores, threshold
    (BOX, BOXES, [0.1], 0.5, "boxes_pred has 2, scores has 1"),
    (BOX, BOX, [[0.1]], 0.5, r"scores must have shape \(B,\), got \(1, 1\)"),
    (BOX, BOX, [NAN], 0.5, "1 of 1 scores are NaN"),
    (BOX, BOX, [0.1], -0.1, r"an IoU threshold must be one number in \[0, 1\], got -0.1"),
    (BOX, BOX, [0.1], 1.1, "in .0, 1., got 1.1"),
    (BOX, BOX, [0.1], NAN, "in .0, 1., got nan"),
    (BOX, BOX, [0.1], [0.5, 0.6], "must be one number"),
    (BOX, BOX, [0.1], None, "IoU threshold"),
]
HITS = [  # hits, scores, num_true
    ([[True]], [0.1], 1, "hits must have one class"),
    ([2], [0.1], 3, "hits must lie in 0 … 1"),
    ([NAN], [0.1], 1, "hits must hold whole numbers"),
    ([True], [NAN], 1, "1 of 1 scores are NaN"),
    ([True], [0.1, 0.2], 1, "hits has 1, scores has 2"),
    ([True], [0.1], 0, "num_true must be at least the number of hits, 1; got 0"),
    ([False], [0.1], -1, "num_true must be a whole number, at least 0, got -1"),
    ([False], [0.1], NAN, "num_true must be a whole number, at least 0, got nan"),
    ([False], [0.1], 1.5, "num_true must be a whole number, at least 0, got 1.5"),
]
BOXES_BY_ROLE = [(boxes, BOX, "boxes_true.*" + message) for boxes, message in BAD_BOXES]
BOXES_BY_ROLE += [(BOX, boxes, "boxes_pred.*" + message) for boxes, message in BAD_BOXES]


def cases(functions, rows):
    return [(function, row[:-1], row[-1]) for function in functions for row in rows]


def bootstrap(statistic, *arrays, **options):
    return metrics.bootstrap_interval(statistic, *arrays, rng=np.random.default_rng(0), **options)


def negative_threshold_table(truth, predictions, num_classes):
    return metrics.average_precision_table(truth, predictions, num_classes, [-1])


TABLE = [
    *cases((metrics.confusion_matrix, metrics.precision, metrics.recall, metrics.f_beta), ANSWERS),
    *cases((metrics.accuracy,), [(a, b, m) for a, b, n, m in ANSWERS if "classes" not in m]),
    (metrics.precision, ([0], [0], 1, "mean"), "unknown average 'mean': choose 'macro'"),
    *[
        (metrics.f_beta, ([0], [0], 1, beta), f"beta must be above 0, got {beta}")
        for beta in (0, -1, NAN, INFINITE)
    ],
    *cases((metrics.segmentation_iou, metrics.mean_iou), LABEL_MAPS),
    *cases((metrics.box_iou,), BOXES_BY_ROLE),
    *cases((metrics.match_boxes,), [(a, b, [0.1], 0.5, message) for a, b, message in BOXES_BY_ROLE]),
    *cases((metrics.match_boxes,), MATCHES),
    *cases((metrics.interpolated_precision, metrics.coco_average_precision), HITS),
    (metrics.interpolated_precision, ([False], [0.1], 0), "num_true must be at least 1, got 0"),
    *cases((metrics.average_precision_table, metrics.mean_average_precision), TABLES),
    (negative_threshold_table, ([(BOX, [0])], [(BOX, [0], [1.0])], 1), r"must be one number in \[0, 1\], got -1"),
    *cases((metrics.precision_recall_curve, metrics.average_precision), RANKINGS),
    *cases((metrics.roc_auc, metrics.roc_curve), RANKINGS[:-1]),
    *cases(
        (metrics.roc_auc, metrics.roc_curve),
        [
            ([], [], "need at least one of each, got 0 positives, 0 negatives"),
            ([1, 1], [0.1, 0.2], "need at least one of each, got 2 positives, 0 negatives"),
        ],
    ),
    (metrics.true_rate_at, (np.array([0.0, 1]), np.array([0.0, 1]), 2), "lies in 0 … 1, got 2"),
    *cases((metrics.pointing_game, metrics.area_iou), SALIENCY),
    (metrics.average_precision, ([1, 1], [0.1, 0.2], 1), "num_positives is 1, but y_true alone has 2"),
    (metrics.average_precision, ([0], [0.1], -1), "num_positives must be a whole number, at least 0, got -1"),
    (metrics.average_precision, ([0], [0.1], NAN), "num_positives must be a whole number, at least 0, got nan"),
    *cases(
        (metrics.negative_log_likelihood, metrics.reliability_bins, metrics.expected_calibration_error),
        PROBABILITIES,
    ),
    (metrics.reliability_bins, ([0, 1], HALF, 0), "num_bins must be a whole number, at least 1, got 0"),
    (metrics.expected_calibration_error, ([0, 1], HALF, 2.5), "num_bins must be a whole number, at least 1, got 2.5"),
    (metrics.softmax, ([1.0, 2.0],), r"logits must have shape \(B, Y\) with Y at least 1, got \(2,\)"),
    (metrics.softmax, (np.zeros((2, 0)),), r"with Y at least 1, got \(2, 0\)"),
    (metrics.softmax, ([[1.0, NAN]],), "1 of 2 logits are NaN or infinite"),
    (metrics.softmax, ([[1.0, INFINITE]],), "1 of 2 logits are NaN or infinite"),
    *[
        (metrics.softmax, ([[1.0, 2.0]], t), f"temperature must be above 0, got {t}")
        for t in (0, -1, NAN)
    ],
    (metrics.wilson_interval, (1, 0), "count must be a whole number, at least 1, got 0"),
    (metrics.wilson_interval, (-1, 3), "num_correct must be a whole number, at least 0, got -1"),
    (metrics.wilson_interval, (4, 3), "got 4 of 3: num_correct must not be above count"),
    (metrics.wilson_interval, (0.5, 3), "num_correct must be a whole number, at least 0, got 0.5"),
    (metrics.wilson_interval, (1, NAN), "count must be a whole number, at least 1, got nan"),
    (metrics.wilson_interval, ([1, 2], 3), r"num_correct must be a whole number, at least 0, got \[1, 2\]"),
    (bootstrap, (np.mean,), "nothing to draw from"),
    (bootstrap, (np.mean, []), "nothing to draw from"),
    (bootstrap, (np.mean, 3.0), r"array 1 must be an array or a list, got array\(3.\)"),
    (bootstrap, (np.mean, [1, 2], [1]), "array 1 has 2, array 2 has 1"),
    (bootstrap, (np.mean, [1.0, NAN, NAN, NAN]), "the statistic must give one finite number for each draw, got"),
    (bootstrap, (np.sort, [1.0, 2.0]), "the statistic must give one finite number for each draw, got array"),
]  # fmt: skip


@pytest.mark.parametrize(
    "function, arguments, message", TABLE, ids=[f"{f.__name__}-{i}" for i, (f, _, _) in enumerate(TABLE)]
)
def test_bad_input_is_refused_with_a_sentence(function, arguments, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=f"(?s){message}") as caught:
            function(*arguments)
    assert type(caught.value) is ValueError, (
        "a subclass, such as NumPy's AxisError, speaks of axes, not of pictures"
    )


@pytest.mark.parametrize("resamples", [1, 0, -5, 2.5, NAN])
def test_too_few_resamples(resamples):
    with pytest.raises(ValueError, match=f"resamples must be a whole number, at least 2, got {resamples}"):
        bootstrap(np.mean, [1.0, 2.0], resamples=resamples)


def test_every_score_is_in_the_table():
    tried = {function.__name__ for function, _, _ in TABLE} | {"bootstrap_interval"}
    scores = {name for name in metrics.__all__ if callable(getattr(metrics, name))}
    assert scores - tried == set()


def test_what_is_allowed_stays_allowed():
    """Empty lists of boxes, whole numbers stored as floats, and truth values are good input."""
    assert metrics.box_iou([], BOX).shape == (0, 1) and metrics.box_iou(np.zeros((0, 4)), BOX).shape == (0, 1)
    assert metrics.accuracy([0.0, 1.0], np.array([False, True])) == 1
    assert metrics.average_precision([], [], num_positives=3) == 0
    assert metrics.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert metrics.wilson_interval(np.int64(3), np.int32(3))[1] == 1
