import dataclasses

import numpy as np
import pytest

from utils import data
from utils.data.dataset import ImageDataset

IMAGES, LABELS = np.zeros((3, 4, 4, 1), np.uint8), np.array([0, 1, 1])


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (IMAGES.astype(float), LABELS, "images must be uint8 of shape"),
        (IMAGES[..., 0], LABELS, "images must be uint8 of shape"),
        (IMAGES, LABELS[:2], "one for each of the 3 images"),
        (IMAGES, LABELS.astype(np.int32), "labels must be int64"),
        (IMAGES, LABELS + 1, "labels must lie in 0 … 1, one for each class name, got 1 … 2"),
        (IMAGES, LABELS - 1, "labels must lie in 0 … 1, one for each class name, got -1 … 0"),
        (IMAGES, LABELS[:, None], r"one for each of the 3 images, got int64 of shape \(3, 1\)"),
        (IMAGES, LABELS / 2, "labels must be int64"),
        (IMAGES.tolist(), LABELS, "images must be an array, got list"),
        (IMAGES, LABELS.tolist(), "labels must be an array, got list"),
    ],
)
def test_bad_contents(images, labels, message):
    with pytest.raises(ValueError, match=message):
        ImageDataset(images, labels, ("a", "b"))


def test_subset_of_scenes_takes_everything_along():
    scenes = data.load("scenes", "train", count=30)
    part = scenes.subset(np.array([7, 3]))
    assert len(part) == 2 and type(part) is type(scenes)
    assert part.captions == (scenes.captions[7], scenes.captions[3])
    for name in ("images", "labels", "object_classes", "object_colours", "object_textures", "boxes", "masks"):
        assert np.array_equal(getattr(part, name), getattr(scenes, name)[[7, 3]]), name


def test_one_text_is_not_a_list_of_names():
    with pytest.raises(ValueError, match="class_names must be several names, got the one text 'ab'"):
        ImageDataset(IMAGES, LABELS, "ab")


SCENES = data.load("scenes", "train", count=10)


@pytest.mark.parametrize("dataset", [ImageDataset(IMAGES, LABELS, ("a", "b")), SCENES.subset(range(3))])
@pytest.mark.parametrize(
    "indices, message",
    [
        ([0, 3], "indices must lie in 0 … 2, since there are 3 images, got 0 … 3"),
        ([-1], "indices must lie in 0 … 2, since there are 3 images, got -1 … -1"),
        ([0.5, 1.0], "indices must be whole numbers of shape"),
        ([[0, 1]], "indices must be whole numbers of shape"),
        (1, "indices must be whole numbers of shape"),
        ([True, False, True], "of a mask take np.flatnonzero first"),
    ],
)
def test_bad_indices(dataset, indices, message):
    with pytest.raises(ValueError, match=message):
        dataset.subset(indices)


def test_a_subset_may_be_empty_or_repeat():
    assert len(SCENES.subset([])) == 0
    assert SCENES.subset([4, 4]).captions == (SCENES.captions[4],) * 2


@pytest.mark.parametrize(
    "name", ["object_classes", "object_colours", "object_textures", "boxes", "masks", "captions"]
)
def test_everything_in_a_scene_has_the_same_length(name):
    with pytest.raises(ValueError, match=name.removesuffix("s")):
        dataclasses.replace(SCENES, **{name: getattr(SCENES, name)[:-1]})
