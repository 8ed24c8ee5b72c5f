"""The task and its training against counts, sums by hand, and PyTorch's own losses and counters."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from utils import scaling_study
from utils.data.scene_shapes import TEXTURES
from utils.data.scenes import make_scenes
from utils.scaling_study import (
    NUM_CLASSES,
    build_network,
    draw,
    expected_loss,
    measure,
    multiply_adds,
    train_passes,
    with_wrong_labels,
)
from utils.torch_training import count_parameters, first_weights, make_repeatable, to_tensor


@pytest.fixture(autouse=True)
def small(monkeypatch):
    make_repeatable(0)
    monkeypatch.setattr(scaling_study, "VALIDATION_SCENES", 200)
    monkeypatch.setattr(scaling_study, "BLOCK", 50)
    scaling_study._block.cache_clear()
    yield
    scaling_study._block.cache_clear()


def test_the_class_is_shape_and_texture():
    images, labels = draw(60, 3)
    for part, number in ((slice(0, 50), 0), (slice(50, 60), 1)):
        scenes = make_scenes(50, np.random.default_rng([3, number]), 16, scaling_study.SETTINGS)
        scenes = scenes.subset(np.arange(len(labels[part])))
        np.testing.assert_array_equal(images[part], scenes.images)
        np.testing.assert_array_equal(labels[part] // len(TEXTURES), scenes.labels)
        np.testing.assert_array_equal(labels[part] % len(TEXTURES), scenes.object_textures[:, 0])
    assert images.shape == (60, 16, 16, 3) and labels.max() < NUM_CLASSES == 40
    np.testing.assert_array_equal(draw(80, 3)[0][:60], images)
    assert (draw(60, 4)[1] != labels).any()


def test_so_many_labels_are_wrong_and_each_other_class_is_as_likely():
    labels = np.arange(40_000) % 4
    given = with_wrong_labels(labels, 0.3, 4, np.random.default_rng(0))
    assert np.mean(given != labels) == pytest.approx(0.3, abs=0.01)
    shifts = np.bincount((given - labels) % 4, minlength=4)[1:] / len(labels)
    np.testing.assert_allclose(shifts, 0.1, atol=0.01)
    np.testing.assert_array_equal(with_wrong_labels(labels, 0.0, 4, np.random.default_rng(0)), labels)


def test_the_expected_loss_is_the_mean_over_all_labels():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (20, 5)), rng.integers(0, 5, 20)
    logs = torch.log_softmax(torch.from_numpy(logits), dim=1)
    total = 0.0
    for label in range(5):
        chance = torch.from_numpy(np.where(labels == label, 0.8, 0.05))
        total += float(-(chance * logs[:, label]).mean())
    assert expected_loss(logits, labels, 0.2) == pytest.approx(total, rel=1e-10)
    plain = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))
    assert expected_loss(logits, labels, 0.0) == pytest.approx(plain.item(), rel=1e-10)
    assert expected_loss(1000 * logits, labels, 0.2) < np.inf


@pytest.mark.parametrize("width", [2, 6, 7])
def test_parameters_and_multiply_adds(width):
    network = build_network(width)
    assert count_parameters(network) == 90 * width**2 + 27 * width + 14 * width + 160 * width + 40
    with FlopCounterMode(display=False) as counter:
        logits = network(torch.zeros(1, 3, 16, 16))
    assert counter.get_total_flops() == 2 * multiply_adds(width) and logits.shape == (1, 40)


def test_one_pass_shows_each_scene_once(monkeypatch):
    seen = []
    monkeypatch.setattr(scaling_study, "to_tensor", lambda images: seen.append(images) or to_tensor(images))
    images, labels = draw(70, 0)
    generator = torch.Generator().manual_seed(0)
    train_passes(build_network(2), images, labels, learning_rate=0.01, generator=generator, passes=2)
    assert [len(part) for part in seen] == [32, 32, 6] * 2
    for shown in (np.concatenate(seen[:3]), np.concatenate(seen[3:])):
        assert sorted(map(bytes, shown)) == sorted(map(bytes, images))
    assert (np.concatenate(seen[:3]) != np.concatenate(seen[3:])).any(), "another order"


def test_training_lowers_the_loss():
    images, labels = draw(64, 0)
    with first_weights(0):
        network = build_network(8)
    first = train_passes(
        network, images, labels, learning_rate=1e-9, generator=torch.Generator().manual_seed(0)
    )
    last = train_passes(
        network, images, labels, learning_rate=0.01, generator=torch.Generator().manual_seed(0), passes=30
    )
    assert first == pytest.approx(np.log(40), abs=0.3) and last < 0.5 * first


def test_a_cell_is_repeatable_and_its_seed_matters():
    first = measure(width=4, count=150, seed=0, learning_rate=0.01)
    again = measure(width=4, count=150, seed=0, learning_rate=0.01)
    other = measure(width=4, count=150, seed=1, learning_rate=0.01)
    assert {k: v for k, v in first.items() if k != "seconds"} == {
        k: v for k, v in again.items() if k != "seconds"
    }
    assert first["loss"] != other["loss"] and 0 <= first["accuracy"] <= 1
