import dataclasses
import time

import numpy as np
import pytest

from utils.data.scene_shapes import COLOURS, SHAPES, TEXTURES, texture
from utils.data.scenes import CLASS_NAMES, SceneSettings, make_scenes

PLAIN = SceneSettings(size=(0.4, 0.4), shift=0, rotation=0, clutter=0, lighting=0, occlusion=0, noise=0)


def scenes(count=40, seed=0, image_size=32, **knobs):
    return make_scenes(count, np.random.default_rng(seed), image_size, dataclasses.replace(PLAIN, **knobs))


def test_types_and_balance():
    dataset = make_scenes(200, np.random.default_rng(3))
    assert dataset.images.shape == (200, 32, 32, 3) and dataset.images.dtype == np.uint8
    assert np.bincount(dataset.labels).tolist() == [20] * 10
    assert dataset.class_names == CLASS_NAMES == tuple(SHAPES)


def test_a_seed_fixes_every_pixel_and_another_seed_changes_them():
    first, again, other = (make_scenes(70, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.images, again.images) and first.captions == again.captions
    assert (first.images != other.images).mean() > 0.5


def test_a_longer_data_set_starts_like_a_shorter_one():
    short, long = (make_scenes(count, np.random.default_rng(5)) for count in (70, 200))
    assert np.array_equal(short.images, long.images[:70])
    assert np.array_equal(short.boxes, long.boxes[:70])


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_shapes_are_signed_distances_inside_their_frame(name):
    axis = np.linspace(-1.3, 1.3, 131, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    distance = SHAPES[name](u, v)
    assert distance.dtype == np.float32
    inside = distance < 0
    assert 0.5 < inside.sum() * (axis[1] - axis[0]) ** 2 < 3.0  # area in units of the radius squared
    assert not inside[np.hypot(u, v) > 1.12].any()
    assert np.array_equal(inside, inside[:, ::-1]) == (name != "crescent")
    slope = np.hypot(*np.gradient(distance, axis[1] - axis[0]))
    assert np.quantile(slope, 0.99) < 1.1  # one unit of distance a unit of length: edges are one pixel soft


@pytest.mark.parametrize("name", TEXTURES)
def test_textures_are_shades(name):
    axis = np.linspace(-1, 1, 64, dtype=np.float32)
    shade = texture(name, *np.meshgrid(axis, axis))
    assert shade.min() >= 0 and shade.max() <= 1 and shade.dtype == np.float32
    assert (shade.mean() == 0) == (name == "plain")


def test_unknown_texture():
    with pytest.raises(ValueError, match="unknown texture 'woven': choose one of plain, striped"):
        texture("woven", np.zeros(1), np.zeros(1))


def test_boxes_are_tight_around_masks():
    dataset = scenes(60, max_objects=3, size=(0.15, 0.2), shift=1, occlusion=1)
    for image in range(60):
        for slot in range(3):
            rows, columns = np.nonzero(dataset.masks[image] == slot + 1)
            if dataset.object_classes[image, slot] < 0:
                assert len(rows) == 0 and not dataset.boxes[image, slot].any()
            else:
                expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                assert dataset.boxes[image, slot].tolist() == expected


def test_mask_is_where_the_paint_is():
    dataset = scenes(30, image_size=64)
    plain = dataset.object_textures[:, 0] == TEXTURES.index("plain")
    corner = dataset.images[:, :1, :1].astype(int)
    painted = (np.abs(dataset.images - corner) > 3).any(-1)[plain]
    assert (painted & (dataset.masks[plain] == 0)).mean() < 0.06  # soft edges
    assert (~painted & (dataset.masks[plain] == 1)).mean() < 0.005


def test_the_label_is_the_class_of_object_0_which_is_in_front():
    dataset = scenes(100, max_objects=3, size=(0.3, 0.4), shift=0.4)
    assert np.array_equal(dataset.object_classes[:, 0], dataset.labels)
    alone = scenes(100, max_objects=1)
    assert (alone.masks == 1).any(axis=(1, 2)).all()
    number = (dataset.object_classes >= 0).sum(axis=1)
    assert set(number) <= {1, 2, 3} and len(set(number)) > 1


def test_captions_say_what_is_there():
    dataset = scenes(50, max_objects=2, size=(0.15, 0.25), shift=1)
    for image, caption in enumerate(dataset.captions):
        there = dataset.object_classes[image] >= 0
        assert caption.count("a ") >= there.sum() and caption.endswith(" ground")
        for slot in np.flatnonzero(there):
            assert TEXTURES[dataset.object_textures[image, slot]] in caption
            assert tuple(COLOURS)[dataset.object_colours[image, slot]] in caption
            assert CLASS_NAMES[dataset.object_classes[image, slot]] in caption


def test_rotation_turns_and_shift_moves():
    assert np.array_equal(scenes(rotation=0).masks, scenes(rotation=0, lighting=1, noise=1).masks)
    assert not np.array_equal(scenes().masks, scenes(rotation=90).masks)
    centre = lambda dataset: (dataset.boxes[:, 0, :2] + dataset.boxes[:, 0, 2:]) / 2  # noqa: E731
    small = {"size": (0.2, 0.2)}
    assert np.abs(centre(scenes(200, **small)) - 16).max() < 4
    assert np.abs(centre(scenes(200, shift=1, **small)) - 16).max() > 8


def test_each_knob_changes_only_what_it_names():
    still = scenes()
    for knob in ("clutter", "lighting", "noise"):
        changed = scenes(**{knob: 1})
        assert np.array_equal(changed.masks, still.masks), knob
        assert (changed.images != still.images).any(), knob
    assert scenes(lighting=1).images.mean() < still.images.mean()
    hidden = scenes(occlusion=1)
    share = (hidden.masks == 1).sum() / (still.masks == 1).sum()
    assert 0.6 < share < 0.95


def test_objects_keep_apart():
    dataset = make_scenes(
        300, np.random.default_rng(0), 64, SceneSettings(size=(0.12, 0.16), shift=1, max_objects=3)
    )
    assert ((dataset.object_classes >= 0).sum(1) == (dataset.boxes.sum(-1) > 0).sum(1)).all()
    assert (dataset.object_classes >= 0).sum() > 1.8 * 300


@pytest.mark.parametrize(
    "knobs, message",
    [
        ({"size": (0.4, 0.2)}, "size must be"),
        ({"size": (0.0, 0.2)}, "size must be"),
        ({"clutter": 1.5}, r"clutter must lie in \[0, 1\], got 1.5"),
        ({"rotation": -3}, "rotation must lie in"),
        ({"rotation": float("nan")}, r"rotation must lie in \[0, 180\] degrees, got nan"),
        ({"noise": float("nan")}, r"noise must lie in \[0, 1\], got nan"),
        ({"lighting": "dark"}, "lighting must be a number, got 'dark'"),
        ({"size": (float("nan"), 0.3)}, "size must be"),
        ({"size": 0.3}, "size must be"),
        ({"size": (0.1, 0.2, 0.3)}, "size must be"),
        ({"max_objects": 0}, "max_objects must be a whole number, from 1 to 255, got 0"),
        ({"max_objects": 256}, "max_objects must be a whole number, from 1 to 255, got 256"),
        ({"max_objects": 1.5}, "max_objects must be a whole number, .*got 1.5"),
        ({"max_objects": float("nan")}, "max_objects must be a whole number, .*got nan"),
    ],
)
def test_bad_knobs(knobs, message):
    with pytest.raises(ValueError, match=message):
        SceneSettings(**knobs)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((3, np.random.default_rng(0), 8), "image_size must be a whole number, at least 16, got 8"),
        ((3, np.random.default_rng(0), 32.0), "image_size must be a whole number, .*got 32.0"),
        ((-1, np.random.default_rng(0)), "count must be a whole number, at least 0, got -1"),
        ((2.5, np.random.default_rng(0)), "count must be a whole number, .*got 2.5"),
        ((True, np.random.default_rng(0)), "count must be a whole number, .*got True"),
        ((3, 0), r"rng must be a generator such as np.random.default_rng\(0\), got 0"),
        ((3, np.random.default_rng(0), 32, "hard"), "settings must be SceneSettings, got 'hard'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_scenes(*arguments)


def test_no_scenes_are_a_data_set_too():
    assert len(make_scenes(0, np.random.default_rng(0))) == 0


def test_fast_enough_to_be_drawn_live():
    """Not a benchmark (`make bench` is): a factor of ten below the goal, only to catch a loop over images."""
    start = time.process_time()
    make_scenes(400, np.random.default_rng(0))
    assert 400 / (time.process_time() - start) > 200
