"""What the lessons write out gives the same as the package's copy, on random answers, scores and boxes."""

import numpy as np
import pytest
from lessons import written_out

from utils import metrics

CHAPTER = "2_concepts/metrics"
WRITTEN_OUT_ELSEWHERE = {
    "2_concepts/recognition_tasks": ("segmentation_iou", "mean_iou"),
    "5_trends_and_challenges/interpretability": ("area_iou", "pointing_game"),
    "5_trends_and_challenges/privacy": ("roc_curve", "true_rate_at"),
    "5_trends_and_challenges/security": ("roc_auc",),
}
"""A score is written out in the chapter on metrics, except these: chapter, and names."""
EQUAL = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def lesson():
    """Return the scores as the chapters write them out, by name."""
    scope = written_out(CHAPTER, np=np, metrics=metrics)
    for chapter, names in WRITTEN_OUT_ELSEWHERE.items():
        there = written_out(chapter, names, np=np, metrics=metrics)
        scope |= {name: there[name] for name in names if name in there}
    return scope


def same(lesson, name, *arguments, **keywords):
    ours, theirs = lesson[name](*arguments, **keywords), getattr(metrics, name)(*arguments, **keywords)
    if not isinstance(ours, tuple):
        ours, theirs = (ours,), (theirs,)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, **EQUAL)


@pytest.fixture(params=range(5))
def rng(request):
    return np.random.default_rng(request.param)


def test_every_function_of_the_package_is_written_out(lesson):
    assert [name for name in metrics.__all__ if name not in lesson] == []


def test_answers(lesson, rng):
    y_true, y_pred = rng.integers(0, 4, 40), rng.integers(0, 5, 40)
    same(lesson, "accuracy", y_true, y_pred)
    for name in ("confusion_matrix", "precision", "recall", "f_beta"):
        same(lesson, name, y_true, y_pred, 6)  # one class is never named, one is in neither array
    same(lesson, "f_beta", y_true, y_pred, 6, 2.5)


def test_rankings(lesson, rng):
    y_true, scores = rng.integers(0, 2, 60), np.round(rng.random(60), 1)  # with ties
    for num_positives in (None, 80):
        same(lesson, "precision_recall_curve", y_true, scores, num_positives)
        same(lesson, "average_precision", y_true, scores, num_positives)
    same(lesson, "roc_auc", y_true, scores)
    same(lesson, "roc_curve", y_true, scores)
    for at in (0.01, 0.3):
        same(lesson, "true_rate_at", *metrics.roc_curve(y_true, scores), at)


def test_maps(lesson, rng):
    maps, masks = rng.integers(0, 4, (5, 6, 7)).astype(float), rng.random((5, 6, 7)) < 0.3  # with ties
    for name in ("pointing_game", "area_iou"):
        same(lesson, name, maps, masks)


def boxes(rng, count):
    start = rng.integers(0, 12, (count, 2))
    return np.concatenate([start, start + rng.integers(3, 9, (count, 2))], axis=1).astype(float)


def test_detections(lesson, rng):
    truth = [(boxes(rng, 6), rng.integers(0, 3, 6)) for _ in range(8)]
    answers = [(boxes(rng, 9), rng.integers(0, 4, 9), np.round(rng.random(9), 1)) for _ in range(8)]
    same(lesson, "box_iou", truth[0][0], answers[0][0])
    for threshold in (0.1, 0.5):
        same(lesson, "match_boxes", truth[0][0], answers[0][0], answers[0][2], threshold)
    hits, scores = rng.random(20) < 0.5, rng.random(20)
    for num_true in (20, 25):
        same(lesson, "interpolated_precision", hits, scores, num_true)
        same(lesson, "coco_average_precision", hits, scores, num_true)
    same(lesson, "average_precision_table", truth, answers, 5, [0.1, 0.3, 0.5])
    same(lesson, "mean_average_precision", truth, answers, 5)


def test_label_maps(lesson, rng):
    y_true, y_pred = rng.integers(0, 4, (3, 8, 8)), rng.integers(0, 5, (3, 8, 8))
    same(lesson, "segmentation_iou", y_true, y_pred, 6)  # class 4 is only named, class 5 in neither map
    same(lesson, "mean_iou", y_true, y_pred, 6)
    same(lesson, "mean_iou", y_true[0], y_pred[0], 6)


def test_probabilities(lesson, rng):
    logits, y_true = rng.normal(0, 2, (50, 4)), rng.integers(0, 4, 50)
    same(lesson, "softmax", logits, 1.7)
    probabilities = metrics.softmax(logits)
    same(lesson, "negative_log_likelihood", y_true, probabilities)
    for num_bins in (3, 10):
        same(lesson, "reliability_bins", y_true, probabilities, num_bins)
        same(lesson, "expected_calibration_error", y_true, probabilities, num_bins)


def test_intervals(lesson, rng):
    seed, values = int(rng.integers(1000)), rng.random(30)
    ours, theirs = (
        module(np.mean, values, rng=np.random.default_rng(seed), resamples=50)
        for module in (lesson["bootstrap_interval"], metrics.bootstrap_interval)
    )
    np.testing.assert_allclose(ours, theirs, **EQUAL)
    for correct in (0, 7, 30):
        same(lesson, "wilson_interval", correct, 30)
