"""Against pycocotools on random scenes with duplicates, ties, misses, absent classes and empty images."""

import numpy as np
import pytest

from utils.coco_reference import coco_average_precision_table
from utils.metrics import (
    COCO_IOU_THRESHOLDS,
    average_precision,
    average_precision_table,
    box_iou,
    coco_average_precision,
    interpolated_precision,
    match_boxes,
    mean_average_precision,
)

NUM_CLASSES = 4


def random_boxes(rng, count, size=24):
    """Whole coordinates, so that two boxes often overlap by exactly a threshold."""
    start = rng.integers(0, size - 4, (count, 2))
    return np.concatenate([start, start + rng.integers(1, 12, (count, 2))], axis=1).astype(float)


def random_scenes(seed, images=6, tied=False):
    """Truth, and answers that are the truth shifted, doubled or left out, and some nonsense."""
    rng = np.random.default_rng(seed)
    truth, predictions = [], []
    for _ in range(images):
        boxes, labels = random_boxes(rng, rng.integers(0, 7)), rng.integers(0, NUM_CLASSES - 1, 7)
        labels = labels[: len(boxes)]
        copies = rng.integers(0, 3, len(boxes))  # left out, found once, found twice
        found = np.repeat(boxes, copies, axis=0)
        found[:, 2:] += rng.integers(0, 3, (len(found), 2)) * rng.integers(0, 2, (len(found), 1))
        nonsense = random_boxes(rng, rng.integers(0, 4))
        answers = np.concatenate([found, nonsense])
        answered = np.concatenate([np.repeat(labels, copies), rng.integers(0, NUM_CLASSES, len(nonsense))])
        scores = rng.integers(1, 4, len(answers)) / 4 if tied else rng.random(len(answers))
        truth.append((boxes, labels))
        predictions.append((answers, answered, scores))
    return truth, predictions


SCENES = [(seed, tied) for seed in range(25) for tied in (False, True)]


@pytest.mark.parametrize("seed, tied", SCENES)
def test_table_and_mean_equal_pycocotools(seed, tied):
    truth, predictions = random_scenes(seed, tied=tied)
    theirs, their_mean = coco_average_precision_table(truth, predictions, NUM_CLASSES)
    ours = average_precision_table(truth, predictions, NUM_CLASSES)
    assert ours.shape == (NUM_CLASSES, 10)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert mean_average_precision(truth, predictions, NUM_CLASSES) == pytest.approx(their_mean, abs=1e-12)


def test_the_scenes_hold_what_is_difficult():
    tables = [average_precision_table(*random_scenes(seed), NUM_CLASSES) for seed in range(25)]
    assert all(np.isnan(table[-1]).all() for table in tables)  # a class without truth, but with answers
    assert any(((table > 0) & (table < 1)).any() for table in tables)
    on_the_edge = 0
    for seed in range(25):
        truth, predictions = random_scenes(seed)
        for (boxes, _), (answers, _, _) in zip(truth, predictions, strict=True):
            on_the_edge += np.isin(box_iou(boxes, answers), COCO_IOU_THRESHOLDS).sum()
    assert on_the_edge > 10


def test_no_answers_at_all_and_answers_without_truth():
    truth, predictions = random_scenes(1)
    nothing = [(np.empty((0, 4)), np.empty(0, int), np.empty(0))] * len(truth)
    theirs, their_mean = coco_average_precision_table(truth, nothing, NUM_CLASSES)
    np.testing.assert_array_equal(average_precision_table(truth, nothing, NUM_CLASSES), theirs)
    assert mean_average_precision(truth, nothing, NUM_CLASSES) == their_mean == 0

    no_truth = [(np.empty((0, 4)), np.empty(0, int))] * len(truth)
    assert np.isnan(average_precision_table(no_truth, predictions, NUM_CLASSES)).all()
    assert np.isnan(mean_average_precision(no_truth, predictions, NUM_CLASSES))
    assert np.isnan(mean_average_precision([], [], NUM_CLASSES))
    assert coco_average_precision_table(no_truth, predictions, NUM_CLASSES)[1] == -1  # what COCO says instead


def test_python_lists_will_do():
    truth, predictions = [([[0, 0, 2, 2]], [0]), ([], [])], [([], [], []), ([[0, 0, 1, 1]], [0], [0.5])]
    assert mean_average_precision(truth, predictions, 1) == 0
    assert mean_average_precision(truth, [([[0, 0, 2, 2]], [0], [0.4]), ([], [], [])], 1) == 1


@pytest.mark.parametrize("seed", range(20))
def test_order_of_images_answers_and_classes_does_not_matter(seed):
    truth, predictions = random_scenes(seed)
    expected = average_precision_table(truth, predictions, NUM_CLASSES)
    rng = np.random.default_rng(100 + seed)
    names, order = rng.permutation(NUM_CLASSES), rng.permutation(len(truth))
    shuffled_truth, shuffled_predictions = [], []
    for image in order:
        boxes, labels = truth[image]
        shuffled_truth.append((boxes, names[labels]))
        boxes, labels, scores = predictions[image]
        turn = rng.permutation(len(scores))
        shuffled_predictions.append((boxes[turn], names[labels][turn], np.exp(3 * scores[turn])))
    ours = average_precision_table(shuffled_truth, shuffled_predictions, NUM_CLASSES)[names]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_iou_is_symmetric_and_does_not_feel_shift_or_scale(seed):
    rng = np.random.default_rng(seed)
    a, b = random_boxes(rng, 9), random_boxes(rng, 7)
    iou = box_iou(a, b)
    assert iou.shape == (9, 7) and (iou >= 0).all() and (iou <= 1).all()
    np.testing.assert_array_equal(iou.T, box_iou(b, a))
    np.testing.assert_allclose(box_iou(4 * a + 8, 4 * b + 8), iou, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(np.diag(box_iou(a, a)), 1)


def test_iou_counts_pixels():
    rng = np.random.default_rng(0)
    for a, b in zip(random_boxes(rng, 40), random_boxes(rng, 40), strict=True):
        painted = np.zeros((2, 40, 40), bool)
        for picture, (left, top, right, bottom) in zip(painted, (a.astype(int), b.astype(int)), strict=True):
            picture[top:bottom, left:right] = True
        expected = (painted[0] & painted[1]).sum() / (painted[0] | painted[1]).sum()
        assert box_iou([a], [b])[0, 0] == pytest.approx(expected, abs=1e-15)


def test_iou_of_touching_disjoint_and_empty_boxes():
    a = [[0, 0, 2, 2]]
    assert box_iou(a, [[2, 0, 4, 2], [5, 5, 6, 6], [1, 1, 1, 1]]).tolist() == [[0, 0, 0]]
    assert box_iou([[3, 3, 3, 3]], [[3, 3, 3, 3]]).tolist() == [[0]]
    assert box_iou([], a).shape == (0, 1) and box_iou(a, np.empty((0, 4))).shape == (1, 0)


def test_matching_by_hand():
    truth = [[0, 0, 10, 10], [20, 0, 30, 10]]
    answers = [[0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 5], [50, 50, 60, 60]]
    assert match_boxes(truth, answers, [0.9, 0.8, 0.7, 0.6], 0.5).tolist() == [True, False, True, False]
    assert match_boxes(truth, answers, [0.8, 0.9, 0.7, 0.6], 0.5).tolist() == [False, True, True, False]
    assert match_boxes(truth, answers, [0.9, 0.8, 0.7, 0.6], 0.51).tolist() == [True, False, False, False]
    assert match_boxes([], answers, [0.9, 0.8, 0.7, 0.6], 0.5).tolist() == [False] * 4
    assert match_boxes(truth, [], [], 0.5).shape == (0,)


def test_a_surer_answer_takes_the_best_free_box_not_the_first():
    truth = [[0, 0, 10, 10], [4, 0, 14, 10]]
    hits = match_boxes(truth, [[3, 0, 13, 10], [0, 0, 10, 10]], [0.9, 0.8], 0.5)
    assert hits.tolist() == [True, True]


@pytest.mark.parametrize("seed", range(20))
def test_interpolation_never_lowers_and_the_step_sum_is_near(seed):
    rng = np.random.default_rng(seed)
    hits, scores = rng.random(60) < np.linspace(0.9, 0.1, 60), -np.arange(60.0)
    num_true = int(hits.sum()) + int(rng.integers(0, 5))
    grid = interpolated_precision(hits, scores, num_true)
    assert grid.shape == (101,) and (np.diff(grid) <= 0).all()
    assert coco_average_precision(hits, scores, num_true) == pytest.approx(grid.mean(), abs=1e-15)
    assert grid.mean() > average_precision(hits, scores, num_true) - 0.01


def test_interpolation_by_hand():
    grid = interpolated_precision([True, False, False, True, True], [5, 4, 3, 2, 1], 4)
    assert grid.tolist() == [1.0] * 26 + [3 / 5] * 50 + [0.0] * 25
    assert interpolated_precision([], [], 2).tolist() == [0.0] * 101


def test_thresholds():
    assert np.round(COCO_IOU_THRESHOLDS, 12).tolist() == [
        0.5,
        0.55,
        0.6,
        0.65,
        0.7,
        0.75,
        0.8,
        0.85,
        0.9,
        0.95,
    ]


@pytest.mark.parametrize(
    "boxes, message",
    [
        ([[10, 0, 5, 5]], r"boxes_true\[0\] = \[10.0, 0.0, 5.0, 5.0\] ends before it begins"),
        ([[0, 0, 5, 5], [0, 9, 5, 5]], r"boxes_true\[1\] .* turn left, top, width, height into that first"),
        ([[0, 0, np.nan, 5]], "NaN or infinite"),
        ([0, 0, 5, 5], r"must have shape \(O, 4\): left, top, right, bottom; got \(4,\)"),
        ([[0, 0, 5]], "must have shape"),
    ],
)
def test_bad_boxes(boxes, message):
    with pytest.raises(ValueError, match=message):
        box_iou(boxes, [[0, 0, 1, 1]])
    with pytest.raises(ValueError, match=message.replace("boxes_true", "boxes_pred")):
        box_iou([[0, 0, 1, 1]], boxes)


def test_bad_scores_and_labels():
    box = [[0, 0, 1, 1]]
    with pytest.raises(ValueError, match="1 of 1 scores are NaN"):
        match_boxes(box, box, [np.nan], 0.5)
    with pytest.raises(ValueError, match="boxes_pred has 1, scores has 2"):
        match_boxes(box, box, [0.1, 0.2], 0.5)
    with pytest.raises(ValueError, match="labels_pred must lie in 0 … 1 for 2 classes, got 2 … 2"):
        average_precision_table([(box, [0])], [(box, [2], [0.5])], 2)
    with pytest.raises(ValueError, match="labels_true must lie in"):
        average_precision_table([(box, [-1])], [(box, [1], [0.5])], 2)
    with pytest.raises(ValueError, match="boxes_true has 1, labels_true has 2"):
        average_precision_table([(box, [0, 1])], [(box, [1], [0.5])], 2)
    with pytest.raises(ValueError, match="truth has 1, predictions has 0"):
        average_precision_table([(box, [0])], [], 2)
    with pytest.raises(ValueError, match="boxes_pred has 1, labels_pred has 1, scores has 2"):
        average_precision_table([(box, [0])], [(box, [1], [0.5, 0.4])], 2)


def test_impossible_counts():
    with pytest.raises(ValueError, match="num_true must be at least the number of hits, 2; got 1"):
        interpolated_precision([True, True], [0.2, 0.1], 1)
    with pytest.raises(ValueError, match="got 0"):
        interpolated_precision([False], [0.2], 0)
    with pytest.raises(ValueError, match="hits has 2, scores has 1"):
        coco_average_precision([True, False], [0.2], 1)
    assert np.isnan(coco_average_precision([False], [0.2], 0))
