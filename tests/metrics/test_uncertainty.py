"""Against SciPy, and against all resamples of a sample that is small enough to write them down."""

import itertools

import numpy as np
import pytest
from scipy import stats

from utils.metrics import bootstrap_interval, wilson_interval


@pytest.mark.parametrize("count", [1, 2, 12, 50, 1000, 10**6])
def test_wilson_equals_scipy(count):
    for num_correct in {0, 1, count // 3, count // 2, count - 1, count}:
        expected = stats.binomtest(num_correct, count).proportion_ci(0.95, method="wilson")
        np.testing.assert_allclose(wilson_interval(num_correct, count), expected, rtol=0, atol=1e-12)


def test_wilson_is_symmetric_and_stays_inside():
    for count in (1, 7, 30):
        for num_correct in range(count + 1):
            low, high = wilson_interval(num_correct, count)
            mirrored = wilson_interval(count - num_correct, count)
            np.testing.assert_allclose((low, high), (1 - mirrored[1], 1 - mirrored[0]), rtol=0, atol=1e-12)
            assert 0 <= low <= num_correct / count <= high <= 1 and low < high


@pytest.mark.parametrize("num_correct, count", [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_impossible_counts(num_correct, count):
    with pytest.raises(
        ValueError, match="must be a whole number, at least|got 6 of 5: num_correct must not be above count"
    ):
        wilson_interval(num_correct, count)


def test_bootstrap_converges_to_the_percentiles_of_all_resamples():
    values = np.array([0.0, 1.0, 5.0, 5.5, 9.0])
    every = [np.mean(draw) for draw in itertools.product(values, repeat=5)]
    expected = np.quantile(every, [0.025, 0.975])
    interval = bootstrap_interval(np.mean, values, rng=np.random.default_rng(0), resamples=20_000)
    np.testing.assert_allclose(interval, expected, atol=0.15)


def test_bootstrap_agrees_with_scipy():
    rng = np.random.default_rng(1)
    x = rng.normal(size=80)
    y = 0.7 * x + rng.normal(size=80)

    def correlation(x, y):
        return np.corrcoef(x, y)[0, 1]

    theirs = stats.bootstrap(
        (x, y), correlation, paired=True, vectorized=False, method="percentile", n_resamples=4000, rng=rng
    ).confidence_interval
    ours = bootstrap_interval(correlation, x, y, rng=rng, resamples=4000)
    np.testing.assert_allclose(ours, theirs, atol=0.015)


def test_rows_stay_together():
    """Of two models that err on the same pictures the difference is certain, however few pictures there are."""
    first = np.arange(40) % 3 > 0
    low, high = bootstrap_interval(
        lambda a, b: np.mean(a) - np.mean(b), first, first, rng=np.random.default_rng(0), resamples=200
    )
    assert low == high == 0


def test_the_same_generator_gives_the_same_interval():
    values = np.random.default_rng(2).normal(size=30)
    one, same, other = (
        bootstrap_interval(np.mean, values, rng=np.random.default_rng(s), resamples=50) for s in (1, 1, 2)
    )
    assert one == same != other and all(type(end) is float for end in one)


def test_bootstrap_of_shares_covers_as_often_as_it_says():
    rng, covered = np.random.default_rng(3), 0
    for _ in range(300):
        correct = rng.random(200) < 0.8
        low, high = bootstrap_interval(np.mean, correct, rng=rng, resamples=300)
        covered += low <= 0.8 <= high
    assert 0.90 < covered / 300 < 0.98


def test_bootstrap_refuses_bad_input():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="array 1 has 3, array 2 has 2"):
        bootstrap_interval(np.mean, np.ones(3), np.ones(2), rng=rng)
    with pytest.raises(ValueError, match="nothing to draw from"):
        bootstrap_interval(np.mean, np.ones(0), rng=rng)
    with pytest.raises(ValueError, match="nothing to draw from"):
        bootstrap_interval(np.mean, rng=rng)
    with pytest.raises(ValueError, match="resamples must be a whole number, at least 2, got 1"):
        bootstrap_interval(np.mean, np.ones(3), rng=rng, resamples=1)
