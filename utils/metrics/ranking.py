"""Scores of a ranking: how well do high scores find the positives, at every threshold at once?"""

import numpy as np

from utils.checks import check_whole
from utils.metrics.checks import check_labels, check_same_length, check_scores


def precision_recall_curve(
    y_true: np.ndarray, scores: np.ndarray, num_positives: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision and recall at each threshold, from the strictest to the most lenient.

    Parameters
    ----------
    y_true : array of shape (B,), 0 or 1 (or bool)
        Which answers are positives, or hits of a detector.
    scores : array of shape (B,), finite
        Higher means surer. Answers with equal scores pass a threshold together.
    num_positives : int, optional
        How many positives there are in all, if some have no answer, as objects that a detector never found
        have none. The number of ones in `y_true` if not given.

    Returns
    -------
    precision, recall, thresholds : ndarray of shape (T,), float64
        For each of the T different scores, in falling order, of the answers with at least this score. With no
        positives the recall is 0. The point (1, 0) that scikit-learn puts at the strict end is not added.

    Raises
    ------
    ValueError
        If the lengths differ, a score is NaN, a label is not 0 or 1, or `num_positives` is less than those in
        `y_true`.
    """
    y_true, scores = check_labels("y_true", y_true, num_classes=2), check_scores(scores)
    check_same_length(y_true=y_true, scores=scores)
    if num_positives is None:
        num_positives = int(y_true.sum())
        if not len(y_true):
            raise ValueError("y_true is empty: a curve needs at least one answer, or num_positives")
    check_whole("num_positives", num_positives)
    if num_positives < y_true.sum():
        raise ValueError(
            f"num_positives is {num_positives}, but y_true alone has {y_true.sum()}: count them all"
        )
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.flatnonzero(
        np.diff(scores[order], append=-np.inf)
    )  # (T,) places where the score changes
    hits = np.cumsum(y_true[order])[last_of_tie]
    return hits / (last_of_tie + 1), hits / max(num_positives, 1), scores[order][last_of_tie]


def average_precision(y_true: np.ndarray, scores: np.ndarray, num_positives: int | None = None) -> float:
    """Return the area under the steps of the precision-recall curve, as scikit-learn defines it.

    The sum, over the thresholds, of the precision times the gain in recall. Parameters and errors are those
    of `precision_recall_curve`. In [0, 1]; 0 if there are no positives.
    """
    precision, recall, _ = precision_recall_curve(y_true, scores, num_positives)
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def roc_auc(y_true: np.ndarray, scores: np.ndarray) -> float:
    """Return how often a positive scores higher than a negative, a tie counting half: the area under the ROC curve.

    Parameters
    ----------
    y_true : array of shape (B,), 0 or 1 (or bool), at least one of each
    scores : array of shape (B,), finite
        Higher means surer.

    Returns
    -------
    float
        In [0, 1]; 1 if every positive is above every negative, about 1/2 for scores that know nothing.

    Source: J. A. Hanley, B. J. McNeil, The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC)
    Curve, 1982.
    """
    y_true, scores = check_labels("y_true", y_true, num_classes=2), check_scores(scores)
    check_same_length(y_true=y_true, scores=scores)
    _check_both(y_true)
    positives, negatives = scores[y_true == 1], np.sort(scores[y_true == 0])
    below = np.searchsorted(negatives, positives, side="left")
    not_above = np.searchsorted(negatives, positives, side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))


def roc_curve(y_true: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the false- and the true-positive rate at every threshold, from "none" to "all", each (T + 1,) in [0, 1].

    Parameters
    ----------
    y_true : array of shape (B,), 0 or 1 (or bool), at least one of each
    scores : array of shape (B,), finite
        Higher means surer; equal scores pass a threshold together.
    """
    y_true, scores = check_labels("y_true", y_true, num_classes=2), check_scores(scores)
    check_same_length(y_true=y_true, scores=scores)
    _check_both(y_true)
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    hits = np.cumsum(y_true[order])[last_of_tie]
    alarms = last_of_tie + 1 - hits
    return np.append(0, alarms / alarms[-1]), np.append(0, hits / hits[-1])


def true_rate_at(false_rate: np.ndarray, true_rate: np.ndarray, at: float = 0.01) -> float:
    """Return the largest true-positive rate of a ROC curve whose false-positive rate is at most `at`, in [0, 1]."""
    if not 0 <= at <= 1:
        raise ValueError(f"a false-positive rate lies in 0 … 1, got {at}")
    return float(true_rate[false_rate <= at].max())


def _check_both(y_true: np.ndarray) -> None:
    positives = int(np.sum(y_true == 1))
    if positives in (0, len(y_true)):
        raise ValueError(
            f"need at least one of each, got {positives} positives, {len(y_true) - positives} negatives"
        )
