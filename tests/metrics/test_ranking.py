"""Against scikit-learn on random scores with and without ties; invariants; bad input."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from utils.metrics import average_precision, precision_recall_curve, roc_auc, roc_curve, true_rate_at

CASES = [
    (seed, count, levels) for seed in range(15) for count, levels in ((1, 3), (7, 3), (40, 6), (200, None))
]
each_case = pytest.mark.parametrize("seed, count, levels", CASES)


def ranking(seed, count, levels):
    """Scores with few `levels` are tied; one positive at least."""
    rng = np.random.default_rng(seed)
    y_true = rng.random(count) < 0.3
    y_true[rng.integers(count)] = True
    scores = rng.normal(size=count) + y_true
    return y_true, scores if levels is None else np.round(scores * levels / 4)


@each_case
def test_curve_equals_scikit_learn(seed, count, levels):
    y_true, scores = ranking(seed, count, levels)
    precision, recall, thresholds = precision_recall_curve(y_true, scores)
    theirs = sk.precision_recall_curve(y_true, scores)
    for ours, other in zip((precision, recall, thresholds), theirs, strict=True):
        np.testing.assert_allclose(ours, other[::-1][-len(ours) :], rtol=0, atol=1e-12)
    assert len(theirs[0]) == len(precision) + 1 and len(theirs[2]) == len(thresholds)


@each_case
def test_average_precision_equals_scikit_learn(seed, count, levels):
    y_true, scores = ranking(seed, count, levels)
    expected = sk.average_precision_score(y_true, scores)
    assert average_precision(y_true, scores) == pytest.approx(expected, abs=1e-12)


def test_without_positives_it_is_zero_as_in_scikit_learn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert sk.average_precision_score([0, 0], [0.3, 0.1]) == 0
    assert average_precision([0, 0], [0.3, 0.1]) == 0


def test_counted_by_hand():
    assert average_precision([1, 0, 1, 0, 0, 1], [6, 5, 4, 3, 2, 1]) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    precision, recall, thresholds = precision_recall_curve([1, 0, 1], [0.9, 0.9, 0.2])
    assert thresholds.tolist() == [0.9, 0.2]
    assert precision.tolist() == [1 / 2, 2 / 3] and recall.tolist() == [1 / 2, 1]


@each_case
def test_a_positive_that_is_never_answered_costs_recall_only(seed, count, levels):
    y_true, scores = ranking(seed, count, levels)
    found = int(y_true.sum())
    precision, recall, _ = precision_recall_curve(y_true, scores, num_positives=found + 2)
    complete = precision_recall_curve(y_true, scores)
    np.testing.assert_array_equal(precision, complete[0])
    np.testing.assert_allclose(recall, complete[1] * found / (found + 2), rtol=0, atol=1e-15)
    assert average_precision(y_true, scores, num_positives=found + 2) == pytest.approx(
        average_precision(y_true, scores) * found / (found + 2), abs=1e-12
    )


@each_case
def test_only_the_order_counts(seed, count, levels):
    y_true, scores = ranking(seed, count, levels)
    expected = average_precision(y_true, scores)
    shuffled = np.random.default_rng(0).permutation(count)
    assert average_precision(y_true[shuffled], scores[shuffled]) == pytest.approx(expected, abs=1e-15)
    for stretched in (3 * scores - 100, np.exp(scores), np.arctan(scores)):
        assert average_precision(y_true, stretched) == expected


def test_perfect_worst_and_no_answers():
    y_true = np.array([1, 1, 0, 0, 0])
    assert average_precision(y_true, [5, 4, 3, 2, 1]) == 1
    assert average_precision(y_true, np.zeros(5)) == pytest.approx(2 / 5)
    assert average_precision([], [], num_positives=3) == 0
    assert [part.size for part in precision_recall_curve([], [], num_positives=3)] == [0, 0, 0]


@pytest.mark.parametrize(
    "y_true, scores, message",
    [
        ([0, 1], [0.1, np.nan], "1 of 2 scores are NaN or infinite"),
        ([0, 1], [np.inf, 0.1], "cannot be ranked"),
        ([0, 1, 1], [0.1, 0.2], "y_true has 3, scores has 2"),
        ([0, 2], [0.1, 0.2], "y_true must lie in 0 … 1 for 2 classes"),
        ([0, 1], [[0.1, 0.9], [0.2, 0.8]], "choose the column of one class"),
    ],
)
def test_bad_input(y_true, scores, message):
    with pytest.raises(ValueError, match=message):
        average_precision(y_true, scores)


def test_more_hits_than_positives():
    with pytest.raises(ValueError, match="num_positives is 1, but y_true alone has 2"):
        average_precision([1, 1], [0.2, 0.1], num_positives=1)


@each_case
def test_the_area_under_the_roc_curve_equals_scikit_learn(seed, count, levels):
    y_true, scores = ranking(seed, count, levels)
    if y_true.all():
        with pytest.raises(ValueError, match="1 positives, 0 negatives"):
            roc_auc(y_true, scores)
        return
    expected = sk.roc_auc_score(y_true, scores)
    assert roc_auc(y_true, scores) == pytest.approx(expected, abs=1e-12)
    assert roc_auc(y_true, -scores) == pytest.approx(1 - expected, abs=1e-12)
    assert roc_auc(~y_true, scores) == pytest.approx(1 - expected, abs=1e-12)


def test_the_area_counted_by_hand():
    assert roc_auc([1, 0, 1, 0], [4, 3, 2, 1]) == 3 / 4
    assert roc_auc([1, 0, 1, 0], [3, 3, 2, 1]) == 2.5 / 4
    assert roc_auc([1, 0, 0], [1, 1, 1]) == 1 / 2


@each_case
def test_the_roc_curve_equals_scikit_learn(seed, count, levels):
    y_true, scores = ranking(seed, count, levels)
    if y_true.all():
        with pytest.raises(ValueError, match="1 positives, 0 negatives"):
            roc_curve(y_true, scores)
        return
    false_rate, true_rate = roc_curve(y_true, scores)
    expected = sk.roc_curve(y_true, scores, drop_intermediate=False)
    np.testing.assert_allclose(false_rate, expected[0], atol=1e-12)
    np.testing.assert_allclose(true_rate, expected[1], atol=1e-12)
    assert np.trapezoid(true_rate, false_rate) == pytest.approx(roc_auc(y_true, scores), abs=1e-12)
    for at in (0.2, 1):
        assert true_rate_at(false_rate, true_rate, at) == expected[1][expected[0] <= at].max()
