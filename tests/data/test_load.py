import numpy as np
import pytest

from utils import data
from utils.data import SceneSettings, bundled

LOCAL = ("scenes", "digits", "photos")
SHAPES = {"scenes": (32, 32, 3), "digits": (8, 8, 1), "photos": (32, 32, 1)}


@pytest.mark.parametrize("name", LOCAL)
def test_splits_are_disjoint_and_balanced(name):
    splits = {split: data.load(name, split) for split in ("train", "validation", "test")}
    for dataset in splits.values():
        assert dataset.images.shape[1:] == SHAPES[name]
        counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
        assert counts.min() > 0.8 * counts.max()
    data.assert_disjoint(**splits)


def test_sizes():
    assert [len(data.load("digits", s)) for s in ("train", "validation", "test")] == pytest.approx(
        [1078, 359, 360], abs=9
    )
    assert [len(data.load("photos", s)) for s in ("train", "validation", "test")] == [960, 288, 288]
    assert sum(len(data.load("digits", s)) for s in ("train", "validation", "test")) == 1797


@pytest.mark.parametrize("name", ("scenes", "digits"))
def test_one_seed_one_split(name):
    one, same, other = (data.load(name, "test", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.images, same.images)
    assert not np.array_equal(one.images, other.images[: len(one)])


@pytest.mark.parametrize("name", LOCAL)
def test_count_takes_the_classes_in_proportion(name):
    dataset = data.load(name, "train", count=60)
    counts = np.bincount(dataset.labels)
    assert len(dataset) == 60 and counts.max() - counts.min() <= 1


def test_digits_keep_their_seventeen_levels():
    levels = np.unique(data.load("digits", "train").images)
    assert len(levels) == 17 and levels[0] == 0 and levels[-1] == 255


def test_photo_crops_come_from_where_they_should(monkeypatch):
    """A picture whose every crop carries its own row number shows that the regions of the splits do not mix."""
    rows = np.repeat(np.arange(16, dtype=np.uint8), 32)[:, None] * np.ones((1, 512), np.uint8)
    for function in bundled.PHOTO_NAMES.values():
        monkeypatch.setattr(f"skimage.data.{function}", lambda: rows)
    seen = {s: set(np.unique(bundled.load_photos(s).images)) for s in ("train", "validation", "test")}
    assert seen == {"train": set(range(10)), "validation": {10, 11, 12}, "test": {13, 14, 15}}


def test_the_default_scenes_are_the_documented_setting():
    expected = SceneSettings(
        size=(0.26, 0.40),
        shift=0.6,
        rotation=45.0,
        clutter=0.5,
        lighting=0.5,
        occlusion=0.2,
        noise=0.3,
        max_objects=1,
    )
    assert SceneSettings() == expected, (
        "results/scenes_ladder.json was recorded at this setting: record it again"
    )


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown data set 'imagenet': choose one of 'scenes', 'digits'"):
        data.load("imagenet", "train")
    with pytest.raises(ValueError, match="unknown split 'val'"):
        data.load("scenes", "val")
    with pytest.raises(ValueError, match="asked for 5000 of 960 images"):
        data.load("photos", "train", count=5000)
    with pytest.raises(ValueError, match="unknown data set 7"):
        data.load(7, "train")


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize(
    "value, message", [(-1, "a whole number, at least 0, got -1"), (0.5, "a whole number, .*got 0.5")]
)
def test_numbers_are_whole_and_not_negative(name, value, message):
    with pytest.raises(ValueError, match=f"count must be {message}"):
        data.load(name, "train", count=value)
    with pytest.raises(ValueError, match=f"seed must be {message}"):
        data.load(name, "train", seed=value)
