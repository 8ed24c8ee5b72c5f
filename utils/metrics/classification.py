"""Scores of answers that name one class: counts first, fractions of counts after.

Where a fraction is 0/0, as the precision of a class that was never named, it is 0: an empty success is no
success. This is scikit-learn's `zero_division=0`, without its warning.
"""

from typing import Literal

import numpy as np

from utils.metrics.checks import check_answers

Average = Literal["macro", "micro", "weighted"]


def confusion_matrix(y_true: np.ndarray, y_pred: np.ndarray, num_classes: int) -> np.ndarray:
    """Count how often each true class got each answer.

    Parameters
    ----------
    y_true, y_pred : array of shape (B,), integers in 0 … num_classes - 1
        True and predicted classes.
    num_classes : int
        Number of classes, Y.

    Returns
    -------
    ndarray of shape (Y, Y), int64
        Row i, column j: pictures of class i that were called j.

    Raises
    ------
    ValueError
        If the lengths differ, there is no picture, or a class is out of range.
    """
    y_true, y_pred = check_answers(y_true, y_pred, num_classes)
    pairs = np.bincount(num_classes * y_true + y_pred, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes)  # (Y * Y,) -> (Y, Y)


def accuracy(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Return the share of the B answers, arrays of shape (B,), that are right, in [0, 1]."""
    y_true, y_pred = check_answers(y_true, y_pred)
    return float(np.count_nonzero(y_true == y_pred) / len(y_true))


def precision(
    y_true: np.ndarray, y_pred: np.ndarray, num_classes: int, average: Average | None = None
) -> np.ndarray | float:
    """Return TP / (TP + FP): of the answers that name a class, the share that is right.

    Parameters
    ----------
    y_true, y_pred : array of shape (B,), integers in 0 … num_classes - 1
    num_classes : int
        Number of classes, Y. A class that is in neither array counts too, with 0.
    average : {"macro", "micro", "weighted"}, optional
        The mean over the classes; the fraction of the counts summed over the classes; or the mean weighted by
        how many pictures of each class there are.

    Returns
    -------
    ndarray of shape (Y,), float64, in [0, 1]; one float if `average` is given. 0/0 is 0.
    """
    counts = _Counts(y_true, y_pred, num_classes, average)
    return counts.averaged(_ratio(counts.hits, counts.named))


def recall(
    y_true: np.ndarray, y_pred: np.ndarray, num_classes: int, average: Average | None = None
) -> np.ndarray | float:
    """Return TP / (TP + FN): of the pictures of a class, the share that was found.

    Parameters, returned value and 0/0 are as for `precision`.
    """
    counts = _Counts(y_true, y_pred, num_classes, average)
    return counts.averaged(_ratio(counts.hits, counts.present))


def f_beta(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    num_classes: int,
    beta: float = 1.0,
    average: Average | None = None,
) -> np.ndarray | float:
    """Return the harmonic mean of precision (weight 1) and recall (weight beta squared); F1 for beta = 1.

    Parameters
    ----------
    beta : float, above 0
        How many times as important recall is as precision.

    The other parameters, the returned value and 0/0 are as for `precision`. The macro average is the mean of
    the classes' F, not the F of the mean precision and the mean recall.

    Source: C. J. van Rijsbergen, Information Retrieval, 2nd ed., 1979, chapter 7.
    """
    if not 0 < beta < np.inf:
        raise ValueError(f"beta must be above 0, got {beta}: 1 weighs precision and recall alike")
    counts = _Counts(y_true, y_pred, num_classes, average)
    weighted_sum = beta**2 * counts.present + counts.named
    return counts.averaged(_ratio((1 + beta**2) * counts.hits, weighted_sum))


class _Counts:
    """For each class the hits (TP), the times it was named (TP + FP) and the pictures of it (TP + FN)."""

    def __init__(self, y_true, y_pred, num_classes, average):
        if average not in (None, "macro", "micro", "weighted"):
            raise ValueError(
                f"unknown average {average!r}: choose 'macro', 'micro', 'weighted', or None for each class"
            )
        matrix = confusion_matrix(y_true, y_pred, num_classes)
        self.hits, self.named, self.present = (
            np.diag(matrix),
            matrix.sum(axis=0),
            matrix.sum(axis=1),
        )  # (Y,) each
        self.average, self.weights = average, self.present
        if average == "micro":
            self.hits, self.named, self.present = self.hits.sum(), self.named.sum(), self.present.sum()

    def averaged(self, scores):
        if self.average is None:
            return scores
        if self.average == "weighted":
            return float(np.average(scores, weights=self.weights))
        return float(np.mean(scores))  # of one number for "micro"


def _ratio(part, whole):
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
