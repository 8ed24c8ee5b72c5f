"""Patches in an order of each picture's own, and a Transformer that does not notice."""

import numpy as np
import pytest
import torch
from lessons import written_out

from utils import order_study
from utils.tokens import patchify
from utils.torch_models import VisionTransformer
from utils.torch_training import count_parameters, first_weights, predict

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 12, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def lesson():
    return written_out("6_faq/cnn_or_transformer", np=np, torch=torch)


def test_the_lesson_writes_out_what_the_package_has(lesson):
    mixed = [of["shuffle_patches"](IMAGES, 4, np.random.default_rng(3)) for of in (lesson, vars(order_study))]
    np.testing.assert_array_equal(*mixed)
    answers = []
    for of in (lesson, vars(order_study)):
        with first_weights(0):
            model = of["without_positions"](VisionTransformer(image_size=8, patch_size=2, in_channels=1))
        assert not model.pos_embed.requires_grad and not model.pos_embed.any()
        answers.append(predict(model, torch.ones(1, 1, 8, 8)))
    np.testing.assert_array_equal(*answers)
    for of in (lesson, vars(order_study)):
        with pytest.raises(ValueError, match="do not fill"):
            of["shuffle_patches"](IMAGES, 5, np.random.default_rng(0))


def test_each_picture_keeps_its_patches_in_an_order_of_its_own():
    mixed = order_study.shuffle_patches(IMAGES, 4, np.random.default_rng(0))
    orders = set()
    for before, after in zip(IMAGES, mixed, strict=True):
        old = [patch.tobytes() for patch in patchify(before, 4)]
        new = [patch.tobytes() for patch in patchify(after, 4)]
        assert sorted(old) == sorted(new)
        orders.add(tuple(old.index(patch) for patch in new))
    assert len(orders) == len(IMAGES)


def test_only_the_transformer_without_positions_does_not_notice():
    digits = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    mixed = order_study.shuffle_patches(digits, 2, np.random.default_rng(2))
    pair = [torch.from_numpy(i).permute(0, 3, 1, 2).double() / 255 for i in (digits, mixed)]
    for name in ("CNN", "ViT", "ViT, no positions"):
        with first_weights(0):
            model = order_study.build_network(name).double()
        assert 60_000 < count_parameters(model) < 75_000
        moved = np.abs(predict(model, pair[0]) - predict(model, pair[1])).max()
        assert (moved < 1e-12) == (name == "ViT, no positions")
