"""Against scikit-learn and SciPy; invariants; bad input."""

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from utils.metrics import expected_calibration_error, negative_log_likelihood, reliability_bins, softmax

CASES = [(seed, num_classes) for seed in range(10) for num_classes in (2, 3, 10)]
each_case = pytest.mark.parametrize("seed, num_classes", CASES)


def answers(seed, num_classes, count=150):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, num_classes))
    return rng.integers(0, num_classes, count), softmax(logits), logits


@each_case
def test_bins_equal_scikit_learn(seed, num_classes):
    y_true, probabilities, _ = answers(seed, num_classes)
    correct, confidence = probabilities.argmax(axis=1) == y_true, probabilities.max(axis=1)
    for num_bins in (1, 7, 10):
        counts, mean_confidence, accuracy = reliability_bins(y_true, probabilities, num_bins)
        share, mean = calibration_curve(correct, confidence, n_bins=num_bins)
        np.testing.assert_allclose(accuracy[counts > 0], share, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mean_confidence[counts > 0], mean, rtol=0, atol=1e-12)
        assert counts.sum() == len(y_true) and np.isnan(accuracy[counts == 0]).all()
        gap = np.abs(share - mean) @ counts[counts > 0] / len(y_true)
        assert expected_calibration_error(y_true, probabilities, num_bins) == pytest.approx(gap, abs=1e-12)


@each_case
def test_log_likelihood_and_softmax(seed, num_classes):
    y_true, probabilities, logits = answers(seed, num_classes)
    expected = sk.log_loss(y_true, probabilities, labels=range(num_classes))
    assert negative_log_likelihood(y_true, probabilities) == pytest.approx(expected, abs=1e-12)
    for temperature in (0.3, 1.0, 4.0):
        np.testing.assert_allclose(
            softmax(logits, temperature), special.softmax(logits / temperature, axis=1), rtol=0, atol=1e-12
        )


def test_softmax_of_large_logits():
    np.testing.assert_array_equal(softmax([[1e4, 0.0], [-1e4, -1e4]]), [[1, 0], [0.5, 0.5]])


def test_a_bin_holds_its_upper_edge():
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]])
    counts, confidence, accuracy = reliability_bins([0, 1, 0], probabilities, num_bins=4)
    assert counts.tolist() == [0, 1, 1, 1]
    assert confidence[1:].tolist() == [0.5, 0.75, 1.0] and accuracy[1:].tolist() == [1, 0, 1]


def test_error_by_hand():
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 4)
    y_true = [0, 0, 0, 1, 1, 1, 0, 0]
    assert expected_calibration_error(y_true, probabilities) == pytest.approx((0.15 + 0.1) / 2, abs=1e-12)


def test_a_calibrated_model_has_a_small_error_and_a_boastful_one_a_large():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (40_000, 4))
    honest = softmax(logits)
    y_true = (rng.random((40_000, 1)) > honest.cumsum(axis=1)).sum(axis=1)  # drawn from these probabilities
    assert expected_calibration_error(y_true, honest) < 0.01
    assert expected_calibration_error(y_true, softmax(logits, 0.25)) > 0.2


def test_order_of_pictures_does_not_matter():
    y_true, probabilities, _ = answers(0, 5)
    order = np.random.default_rng(1).permutation(len(y_true))
    for score in (expected_calibration_error, negative_log_likelihood):
        assert score(y_true[order], probabilities[order]) == pytest.approx(
            score(y_true, probabilities), abs=1e-14
        )


def test_certain_and_wrong_is_infinitely_bad():
    assert negative_log_likelihood([1], [[1.0, 0.0]]) == np.inf


@pytest.mark.parametrize(
    "y_true, probabilities, message",
    [
        ([0, 1], [[2.0, -1.0], [0.5, 0.5]], "turn logits into probabilities with softmax first"),
        ([0, 1], [[0.5, 0.4], [0.5, 0.5]], "sum to 1"),
        ([0, 1], [[np.nan, 0.4], [0.5, 0.5]], "sum to 1"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "y_true must lie in 0 … 1"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], "y_true has 1, probabilities has 2"),
        ([0, 1], [0.5, 0.5], r"must have shape \(B, Y\)"),
        ([], np.empty((0, 2)), "B at least 1"),
    ],
)
def test_bad_input(y_true, probabilities, message):
    for score in (expected_calibration_error, negative_log_likelihood, reliability_bins):
        with pytest.raises(ValueError, match=message):
            score(y_true, probabilities)


def test_bad_settings():
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        softmax([[1.0, 2.0]], 0)
    with pytest.raises(ValueError, match="num_bins must be a whole number, at least 1, got 0"):
        reliability_bins([0], [[1.0]], 0)
