"""Scores of probabilities: does 0.8 mean right in eight cases of ten?"""

import numpy as np

from utils.checks import check_whole
from utils.metrics.checks import (
    check_labels,
    check_numbers,
    check_probabilities,
    check_same_length,
)


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Turn finite logits (B, Y) into probabilities (B, Y); a temperature above 1 makes them less sure."""
    if not temperature > 0:
        raise ValueError(f"the temperature must be above 0, got {temperature}: 1 changes nothing")
    logits = check_numbers("logits", logits)
    if logits.ndim != 2 or not logits.shape[1]:
        raise ValueError(f"logits must have shape (B, Y) with Y at least 1, got {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError(
            f"{np.count_nonzero(~np.isfinite(logits))} of {logits.size} logits are NaN or infinite: "
            "look for a division by zero or an overflow in the model"
        )
    scaled = logits / temperature
    exponentials = np.exp(
        scaled - scaled.max(axis=1, keepdims=True)
    )  # the largest is 1: nothing can overflow
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def negative_log_likelihood(y_true: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean of -ln p(true class), in nats: 0 for certain and right, infinite for certain and wrong.

    Parameters
    ----------
    y_true : array of shape (B,), integers in 0 … Y - 1
    probabilities : array of shape (B, Y), rows sum to 1
    """
    y_true, probabilities = _check(y_true, probabilities)
    with np.errstate(divide="ignore"):
        return float(-np.log(probabilities[np.arange(len(y_true)), y_true]).mean())


def reliability_bins(
    y_true: np.ndarray, probabilities: np.ndarray, num_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort the answers by their confidence and compare it, bin by bin, with how often they are right.

    Parameters
    ----------
    y_true : array of shape (B,), integers in 0 … Y - 1
    probabilities : array of shape (B, Y), rows sum to 1
        The answer is the class with the largest one, and this largest one is the confidence.
    num_bins : int
        Bins of equal width; each contains its upper edge, the first also 0.

    Returns
    -------
    counts : ndarray of shape (num_bins,), int64
    confidence, accuracy : ndarray of shape (num_bins,), float64, the means in each bin, NaN in an empty one
    """
    y_true, probabilities = _check(y_true, probabilities)
    num_bins = check_whole("num_bins", num_bins, 1)
    confidence = probabilities.max(axis=1)  # (B, Y) -> (B,)
    correct = probabilities.argmax(axis=1) == y_true
    inner_edges = np.linspace(0, 1, num_bins + 1)[1:-1]
    bins = np.searchsorted(inner_edges, confidence, side="left")  # (B,), 0 … num_bins - 1
    counts = np.bincount(bins, minlength=num_bins)
    sums = [np.bincount(bins, weights=values, minlength=num_bins) for values in (confidence, correct)]
    means = [np.divide(s, counts, out=np.full(num_bins, np.nan), where=counts > 0) for s in sums]
    return counts, means[0], means[1]


def expected_calibration_error(y_true: np.ndarray, probabilities: np.ndarray, num_bins: int = 10) -> float:
    """Return the mean gap between confidence and accuracy over the bins, weighted by their counts, in [0, 1].

    Parameters are those of `reliability_bins`. Source: C. Guo and others, On Calibration of Modern Neural
    Networks, 2017, equation 3.
    """
    counts, confidence, accuracy = reliability_bins(y_true, probabilities, num_bins)
    filled = counts > 0
    return float(np.average(np.abs(accuracy - confidence)[filled], weights=counts[filled]))


def _check(y_true, probabilities):
    probabilities = check_probabilities(probabilities)
    y_true = check_labels("y_true", y_true, num_classes=probabilities.shape[1])
    check_same_length(y_true=y_true, probabilities=probabilities)
    return y_true, probabilities
