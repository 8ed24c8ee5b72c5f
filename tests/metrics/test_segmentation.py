"""Against scikit-learn's Jaccard score, and against counting."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from utils.metrics import mean_iou, segmentation_iou


def maps(seed, shape=(3, 9, 7), num_classes=5):
    """True classes, and answers that are right in about half of the pixels."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, num_classes, shape)
    return y_true, np.where(rng.random(shape) < 0.5, y_true, rng.integers(0, num_classes, shape))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(9, 7), (1, 1, 40), (3, 9, 7)])
def test_equal_to_scikit_learn(seed, shape):
    y_true, y_pred = maps(seed, shape)
    occurs = np.union1d(y_true, y_pred)
    theirs = jaccard_score(y_true.ravel(), y_pred.ravel(), average=None, labels=occurs)
    ours = segmentation_iou(y_true, y_pred, 8)
    assert ours.shape == (8,)
    np.testing.assert_allclose(ours[occurs], theirs, rtol=0, atol=1e-12)
    assert np.isnan(np.delete(ours, occurs)).all()
    assert mean_iou(y_true, y_pred, 8) == pytest.approx(theirs.mean(), abs=1e-12)


def test_by_hand():
    y_true = [[0, 0, 1], [0, 2, 1]]
    y_pred = [[0, 1, 1], [0, 0, 1]]
    np.testing.assert_allclose(
        segmentation_iou(y_true, y_pred, 4), [2 / 4, 2 / 3, 0, np.nan], rtol=0, atol=1e-15
    )
    assert mean_iou(y_true, y_pred, 4) == pytest.approx((2 / 4 + 2 / 3 + 0) / 3, abs=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_order_of_pixels_and_names_of_classes_do_not_matter_and_the_roles_may_be_exchanged(seed):
    y_true, y_pred = maps(seed)
    expected = segmentation_iou(y_true, y_pred, 5)
    rng = np.random.default_rng(seed)
    names, order = rng.permutation(5), rng.permutation(y_true.size)
    np.testing.assert_array_equal(segmentation_iou(names[y_true], names[y_pred], 5)[names], expected)
    np.testing.assert_array_equal(segmentation_iou(y_pred, y_true, 5), expected)
    shuffled = (part.ravel()[order].reshape(y_true.shape) for part in (y_true, y_pred))
    np.testing.assert_array_equal(segmentation_iou(*shuffled, 5), expected)


def test_counts_are_summed_over_the_pictures_not_their_scores():
    y_true, y_pred = maps(0)
    by_picture = np.nanmean([mean_iou(a, b, 5) for a, b in zip(y_true, y_pred, strict=True)])
    assert mean_iou(y_true, y_pred, 5) != pytest.approx(by_picture, abs=1e-6)
    both = np.concatenate([y_true, y_true]), np.concatenate([y_pred, y_pred])
    assert mean_iou(*both, 5) == pytest.approx(mean_iou(y_true, y_pred, 5), abs=1e-15)


def test_the_lazy_answer_gets_its_one_class():
    y_true = np.zeros((10, 10), int)
    y_true[4:6, 4:6] = 1
    assert mean_iou(y_true, np.zeros_like(y_true), 2) == pytest.approx(0.96 / 2, abs=1e-15)
    assert mean_iou(y_true, y_true, 2) == 1 and type(mean_iou(y_true, y_true, 2)) is float
