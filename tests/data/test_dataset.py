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
        (IMAGES, LABELS + 1, "labels must lie in 0 … 1"),
        (IMAGES, LABELS - 1, "labels must lie in 0 … 1"),
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
