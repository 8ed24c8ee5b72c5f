"""How far could chance have moved a score? Intervals at a confidence of 95 %."""

import math
from collections.abc import Callable

import numpy as np

from utils.checks import check_whole
from utils.metrics.checks import check_same_length

Z_95 = 1.959963984540054
"""95 % of a normal distribution lie within so many standard deviations."""


def wilson_interval(num_correct: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval, within [0, 1], for a share seen as `num_correct` out of `count`.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.

    Raises
    ------
    ValueError
        If `count` is not at least 1, or `num_correct` is not from 0 to `count`.
    """
    check_whole("count", count, 1)
    if check_whole("num_correct", num_correct) > count:
        raise ValueError(f"got {num_correct} of {count}: num_correct must not be above count")
    share, z2 = num_correct / count, Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(min(centre - half, share), 0.0), min(max(centre + half, share), 1.0)  # rounding aside


def bootstrap_interval(
    statistic: Callable[..., float], *arrays: np.ndarray, rng: np.random.Generator, resamples: int = 1000
) -> tuple[float, float]:
    """Return the 95 % percentile interval of `statistic(*arrays)`.

    The B rows of all arrays are drawn anew together, B of them with replacement, `resamples` times; the
    interval reaches from the 2.5th to the 97.5th percentile of the statistics. Two models on the same
    pictures are compared in pairs: give both answers, and their difference as the statistic.

    Parameters
    ----------
    statistic : callable that turns the arrays into one number
    *arrays : arrays with the same first axis, of length B, at least 1
    rng : numpy random Generator
    resamples : int, at least 2

    Source: B. Efron, Bootstrap Methods: Another Look at the Jackknife, 1979; percentiles: Efron and
    Tibshirani, 1993.
    """
    check_whole("resamples", resamples, 2)
    arrays = [np.asarray(array) for array in arrays]
    check_same_length(**{f"array {i + 1}": array for i, array in enumerate(arrays)})
    if not arrays or not len(arrays[0]):
        raise ValueError("there is nothing to draw from: give at least one array with at least one row")
    count = len(arrays[0])
    values = np.empty(resamples)
    for i in range(resamples):
        drawn = rng.integers(count, size=count)
        value = statistic(*(array[drawn] for array in arrays))
        if np.ndim(value) or not np.isfinite(value):
            raise ValueError(f"the statistic must give one finite number for each draw, got {value!r}")
        values[i] = value
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
