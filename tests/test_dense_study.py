"""Windows that move, shuffled pixels, and a dense network that cannot notice."""

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn

from utils import dense_study
from utils.torch_training import count_parameters, first_weights, predict, to_tensor

ORDER = torch.randperm(64, generator=torch.Generator().manual_seed(0))
IMAGES = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def lesson():
    return written_out("6_faq/cnn_or_dense", torch=torch, nn=nn)


def test_the_lesson_writes_out_what_the_package_has(lesson):
    large = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    for place in ((0, 0), (3, -2), (-4, 4)):
        np.testing.assert_array_equal(lesson["window"](large, *place), dense_study.window(large, *place))
    shuffled = lesson["shuffle_pixels"](IMAGES, ORDER)
    assert shuffled.equal(dense_study.shuffle_pixels(IMAGES, ORDER))
    built = []
    for of in (lesson, vars(dense_study)):
        with first_weights(0):
            built.append(of["build_dense"]((7, 5), 192))
        of["carry_columns"](built[-1], ORDER)
    assert str(built[0]) == str(built[1])
    np.testing.assert_array_equal(predict(built[0], IMAGES), predict(built[1], IMAGES))
    for of in (lesson, vars(dense_study)):
        with pytest.raises(ValueError, match="can move by"):
            of["window"](large, 5)
        with pytest.raises(ValueError, match="pixels once"):
            of["shuffle_pixels"](IMAGES, torch.zeros(64, dtype=torch.int64))


def test_the_order_says_which_pixel_comes_to_a_place():
    shuffled = dense_study.shuffle_pixels(IMAGES, ORDER)
    assert shuffled[2, 1].flatten()[5] == IMAGES[2, 1].flatten()[ORDER[5]]


def test_carried_columns_give_the_same_answers():
    with first_weights(3):
        dense = dense_study.build_dense((6,), 192).double()
    before = predict(dense, IMAGES.double())
    dense_study.carry_columns(dense, ORDER)
    after = predict(dense, dense_study.shuffle_pixels(IMAGES.double(), ORDER))
    np.testing.assert_allclose(after, before, atol=1e-12)
    assert np.abs(predict(dense, IMAGES.double()) - before).max() > 1e-3


def test_a_window_to_the_right_moves_the_picture_to_the_left():
    large = np.arange(40, dtype=np.uint8).reshape(1, 1, 40, 1).repeat(40, axis=1)
    assert dense_study.window(large)[0, 0, 0, 0] == 4
    assert dense_study.window(large, right=3)[0, 0, 0, 0] == 7
    assert dense_study.window(large, down=3)[0, 0, 0, 0] == 4


def test_many_windows_stay_near_the_middle_and_in_order():
    large = np.arange(40, dtype=np.uint8).reshape(1, 1, 40, 1).repeat(40, axis=1)
    many = dense_study.many_windows(np.concatenate([large, large + 100]), 30, np.random.default_rng(0))
    assert many.shape == (60, 32, 32, 1)
    starts = many[:, 0, 0, 0].astype(int)
    assert set(starts[::2]) == set(range(1, 8)) and set(starts[1::2]) == set(range(101, 108))


def test_objects_fit_the_window_and_are_centred_if_told_to():
    scenes = dense_study.draw(40, np.random.default_rng(0), 0.0)
    rows, columns = np.nonzero(scenes.masks.sum(axis=0))
    assert min(rows.min(), columns.min()) >= 4 and max(rows.max(), columns.max()) < 36
    assert scenes.images.shape == (40, 40, 40, 3)


def test_both_networks_train_and_answer():
    scenes = dense_study.draw(60, np.random.default_rng(0), 0.3)
    images = dense_study.window(scenes.images)
    order = torch.randperm(1024, generator=torch.Generator().manual_seed(0))
    for kind, hidden in (("CNN", ()), ("dense", (40,))):
        model = dense_study.fit(
            lambda k=kind, h=hidden: dense_study.build(k, h),
            images,
            scenes.labels,
            rate=1e-3,
            epochs=1,
            seed=0,
            order=order,
        )
        assert abs(count_parameters(model) / 122_570 - 1) < 0.02
        by_hand = predict(model, dense_study.shuffle_pixels(to_tensor(images), order)).argmax(axis=1)
        found = dense_study.accuracy(model, images, scenes.labels, order)
        assert found == pytest.approx((by_hand == scenes.labels).mean())
        assert dense_study.accuracy_when_moved(model, scenes, 0) == dense_study.accuracy(
            model, images, scenes.labels
        )


def test_the_small_cnn_takes_digits():
    assert count_parameters(dense_study.build("CNN", image_size=8, in_channels=1)) == 72_842
