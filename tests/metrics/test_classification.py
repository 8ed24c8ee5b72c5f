"""Against scikit-learn on random answers, with classes that are absent or never named; invariants; bad input."""

import numpy as np
import pytest
from sklearn import metrics as sk

from utils.metrics import accuracy, confusion_matrix, f_beta, precision, recall

CASES = [
    (seed, num_classes, count) for seed in range(8) for num_classes, count in ((2, 9), (4, 30), (10, 60))
]
AVERAGES = [None, "macro", "micro", "weighted"]
each_case = pytest.mark.parametrize("seed, num_classes, count", CASES)
each_average = pytest.mark.parametrize("average", AVERAGES)


def answers(seed, num_classes, count):
    """Unbalanced classes and answers; with many classes some are absent, some never named."""
    rng = np.random.default_rng(seed)
    mix, bias = rng.dirichlet(np.full(num_classes, 0.5), size=2)
    y_true = rng.choice(num_classes, count, p=mix)
    return y_true, np.where(rng.random(count) < 0.5, y_true, rng.choice(num_classes, count, p=bias))


@each_case
def test_confusion_and_accuracy_equal_scikit_learn(seed, num_classes, count):
    y_true, y_pred = answers(seed, num_classes, count)
    ours = confusion_matrix(y_true, y_pred, num_classes)
    np.testing.assert_array_equal(ours, sk.confusion_matrix(y_true, y_pred, labels=range(num_classes)))
    assert ours.dtype == np.int64 and ours.shape == (num_classes, num_classes)
    assert accuracy(y_true, y_pred) == sk.accuracy_score(y_true, y_pred)


@each_average
@each_case
def test_precision_recall_and_f_equal_scikit_learn(seed, num_classes, count, average):
    y_true, y_pred = answers(seed, num_classes, count)
    settings = {"labels": range(num_classes), "average": average, "zero_division": 0}
    for ours, theirs in ((precision, sk.precision_score), (recall, sk.recall_score)):
        np.testing.assert_allclose(
            ours(y_true, y_pred, num_classes, average), theirs(y_true, y_pred, **settings), rtol=0, atol=1e-12
        )
    for beta in (0.5, 1.0, 2.0, 3.7):
        np.testing.assert_allclose(
            f_beta(y_true, y_pred, num_classes, beta, average),
            sk.fbeta_score(y_true, y_pred, beta=beta, **settings),
            rtol=0,
            atol=1e-12,
        )


def test_the_cases_contain_absent_and_never_named_classes():
    matrices = [confusion_matrix(*answers(*case), case[1]) for case in CASES]
    assert any((m.sum(axis=0) == 0).any() for m in matrices)
    assert any((m.sum(axis=1) == 0).any() for m in matrices)
    assert any(((m.sum(axis=0) == 0) & (m.sum(axis=1) == 0)).any() for m in matrices)


def test_counted_by_hand():
    y_true, y_pred = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert confusion_matrix(y_true, y_pred, 2).tolist() == [[7, 2], [1, 2]]
    assert accuracy(y_true, y_pred) == 9 / 12
    assert precision(y_true, y_pred, 2)[1] == 2 / 4 and recall(y_true, y_pred, 2)[1] == 2 / 3
    assert f_beta(y_true, y_pred, 2)[1] == pytest.approx(4 / 7, abs=1e-15)


def test_nothing_divided_by_nothing_is_zero():
    y_true, y_pred = [0, 1], [0, 0]
    assert precision(y_true, y_pred, 3).tolist() == [0.5, 0, 0]
    assert recall(y_true, y_pred, 3).tolist() == [1, 0, 0]
    assert f_beta(y_true, y_pred, 3)[1:].tolist() == [0, 0]


@each_case
def test_identities(seed, num_classes, count):
    y_true, y_pred = answers(seed, num_classes, count)
    share = accuracy(y_true, y_pred)
    assert recall(y_true, y_pred, num_classes, "weighted") == pytest.approx(share, abs=1e-12)
    for score in (precision, recall, f_beta):
        assert score(y_true, y_pred, num_classes, average="micro") == pytest.approx(share, abs=1e-12)
    np.testing.assert_array_equal(recall(y_true, y_pred, num_classes), precision(y_pred, y_true, num_classes))


@each_average
def test_order_of_pictures_and_names_of_classes_do_not_matter(average):
    y_true, y_pred = answers(3, 5, 80)
    rng = np.random.default_rng(0)
    order, names = rng.permutation(80), rng.permutation(5)
    for score in (precision, recall, f_beta):
        expected = np.asarray(score(y_true, y_pred, 5, average=average))
        shuffled = score(y_true[order], y_pred[order], 5, average=average)
        renamed = np.asarray(score(names[y_true], names[y_pred], 5, average=average))
        np.testing.assert_allclose(shuffled, expected, rtol=0, atol=1e-15)
        np.testing.assert_allclose(
            renamed if average else renamed[names], expected, rtol=0, atol=1e-15
        )  # class y is now called names[y]


def test_one_number_is_a_python_float_and_many_are_an_array():
    assert type(accuracy([0, 1], [0, 1])) is float
    for average in AVERAGES[1:]:
        assert type(f_beta([0, 1], [0, 1], 2, average=average)) is float
    assert precision([0, 1], [0, 1], 4).shape == (4,)


@pytest.mark.parametrize(
    "y_true, y_pred, message",
    [
        ([0, 1, 1], [0, 1], "y_true has 3, y_pred has 2: give one entry of each"),
        ([0, 2], [0, 1], r"y_true must lie in 0 … 1 for 2 classes, got 0 … 2: correct"),
        ([0, 1], [0, -1], "y_pred must lie in 0 … 1"),
        ([0, 1], [[0.2, 0.8], [0.6, 0.4]], "take the argmax along axis 1 first"),
        ([0, 1], [0.2, 0.8], "are these scores, not classes"),
        ([0, 1], [0, np.nan], "must hold whole numbers"),
        ([], [], "a score needs at least one picture"),
    ],
)
def test_bad_answers(y_true, y_pred, message):
    for score in (confusion_matrix, precision, recall, f_beta):
        with pytest.raises(ValueError, match=message):
            score(y_true, y_pred, 2)


def test_accuracy_refuses_to_broadcast():
    with pytest.raises(ValueError, match="y_true has 1, y_pred has 3"):
        accuracy([1], [1, 1, 1])


def test_bad_settings():
    with pytest.raises(ValueError, match="unknown average 'mean': choose 'macro'"):
        precision([0], [0], 1, "mean")
    with pytest.raises(ValueError, match="beta must be above 0, got 0"):
        f_beta([0], [0], 1, beta=0)
