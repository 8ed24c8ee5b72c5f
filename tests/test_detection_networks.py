"""The detector of `utils.detection` against the chapter that builds it, and the comparison with a classifier."""

import math

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional

from utils import detection, detection_study
from utils.metrics import box_iou


@pytest.fixture(scope="module")
def dataset():
    return detection_study.scenes(0, "train", 60)


def test_what_the_chapter_on_tasks_writes_out(dataset):
    lesson = written_out("2_concepts/recognition_tasks", ("convolution", "centre_targets", "peaks"),
                         np=np, torch=torch, nn=nn, functional=functional)  # fmt: skip
    ours, theirs = detection.centre_targets(dataset), lesson["centre_targets"](dataset)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    a, b = detection.build_backbone(), lesson["build_backbone"]()
    b.load_state_dict(a.state_dict())
    x = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(a.eval()(x), b.eval()(x))
    centres = np.random.default_rng(0).normal(size=(3, 10, 8, 8)).astype(np.float32)
    sides = np.random.default_rng(1).normal(size=(3, 4, 8, 8)).astype(np.float32)
    for mine, yours in zip(detection.decode(centres, sides), lesson["decode"](centres, sides), strict=True):
        for p, q in zip(mine, yours, strict=True):
            np.testing.assert_array_equal(p, q)


def test_what_is_written_as_targets_is_read_back(dataset):
    centres, sides = detection.centre_targets(dataset)
    found = detection.decode(20 * centres - 10, sides)
    hits = [
        box_iou(boxes, given[sure > 0.5]).max(axis=1) > 0.99
        for (boxes, _), (given, _, sure) in zip(detection_study.truth_of(dataset), found, strict=True)
    ]
    assert np.concatenate(hits).mean() > 0.95


def test_a_detector_learns_a_few_scenes(dataset):
    few = dataset.subset(np.arange(12))
    targets = [torch.from_numpy(t) for t in detection.centre_targets(few)]
    images = detection_study.to_tensor(few.images)
    losses = [
        detection.box_loss(
            detection_study.train_detector(few, epochs=n, seed=0).train(), images, *targets
        ).item()
        for n in (1, 60)
    ]
    assert losses[1] < 0.3 * losses[0]


@pytest.mark.parametrize("cells", [1, 3])
def test_scores_do_not_know_where_nor_how_many(dataset, cells):
    torch.manual_seed(0)
    model = detection_study.MapClassifier().eval()
    images = dataset.images[:5]
    moved = np.roll(images, 4 * cells, axis=2)
    double = np.concatenate([images, images], axis=2)
    one, present, maps = detection_study.classify(model, images)
    for other in (moved, double):
        a, b, _ = detection_study.classify(model, other)
        np.testing.assert_allclose(a, one, atol=1e-5)
        np.testing.assert_allclose(b, present, atol=1e-5)
    smooth = np.log(np.exp(maps).mean(axis=(2, 3)))
    np.testing.assert_allclose(1 / (1 + np.exp(-smooth)), present, atol=1e-5)
    np.testing.assert_allclose(
        detection_study.classify(model, moved)[2], np.roll(maps, cells, axis=3), atol=1e-4
    )


def test_moving_round_moves_the_box_and_keeps_the_object_whole(dataset):
    kinds = detection_study.kinds_of(dataset)
    assert np.sum(list(kinds.values()), axis=0).max() == 1
    scene = dataset.subset(np.flatnonzero(kinds["one object"])[:1])
    left = int(scene.boxes[0, 0, 0])
    moved = detection_study.moved_round(scene, -left, 0)
    columns = np.flatnonzero((moved.masks[0] == 1).any(axis=0))
    assert moved.boxes[0, 0, 0] == 0 == columns[0] and moved.boxes[0, 0, 2] == columns[-1] + 1
    with pytest.raises(ValueError, match="leaves the picture"):
        detection_study.moved_round(scene, -left - 1, 0)


def test_places_and_counts():
    maps = np.zeros((2, 8, 8))
    maps[0, 1, 6] = maps[1, 7, 0] = 1
    points = detection_study.best_place(maps)
    np.testing.assert_array_equal(points, [[26, 6], [2, 30]])
    boxes = np.array([[20, 0, 27, 7], [3, 28, 9, 32]])
    np.testing.assert_array_equal(detection_study.inside(points, boxes), [True, False])
    scores = [np.array([0.9, 0.4]), np.array([0.7]), np.array([0.6, 0.2])]
    np.testing.assert_array_equal(detection_study.count_above(scores, 0.5), [1, 1, 1])
    assert 0.2 < detection_study.counting_threshold(scores, np.array([2, 1, 1])) <= 0.4


def test_the_classifier_of_the_lesson_is_that_of_utils():
    lesson = written_out("6_faq/recognition_or_detection", math=math, nn=nn,
                         torch=torch, build_backbone=detection.build_backbone)  # fmt: skip
    ours, theirs = detection_study.MapClassifier().eval(), lesson["MapClassifier"]().eval()
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 32, 32)
    for a, b in zip((*ours(x), ours.class_maps(x)), (*theirs(x), theirs.class_maps(x)), strict=True):
        torch.testing.assert_close(a, b)
