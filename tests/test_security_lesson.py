"""What `5_trends_and_challenges/security` writes out is what `utils` has."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional

from utils import attacks, metrics, poisoning
from utils.data import load
from utils.torch_training import first_weights

SCENES = load("scenes", "train", count=100, seed=0)


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "5_trends_and_challenges/security",
        np=np,
        pd=pd,
        torch=torch,
        functional=functional,
        replace=replace,
        metrics=metrics,
    )


def model():
    with first_weights(0):
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()


def draws():
    return torch.Generator().manual_seed(0)


IMAGES, LABELS = torch.rand(6, 3, 8, 8, generator=draws()), torch.tensor([0, 1, 2, 3, 4, 0])
STEPS = {"step_size": 0.02, "steps": 3}
ATTACKS = {
    "input_gradient": lambda f: f(model(), IMAGES, LABELS),
    "project": lambda f: f(IMAGES.flip(0), IMAGES, 0.1),
    "fgsm": lambda f: f(model(), IMAGES, LABELS, 0.05),
    "pgd": lambda f: torch.cat(
        [f(model(), IMAGES, LABELS, 0.05, **STEPS, generator=g) for g in (None, draws())]
    ),
    "random_signs": lambda f: f(IMAGES, 0.05, draws()),
    "hardened_by": lambda f: f(0.05, **STEPS, generator=draws())(model(), IMAGES, LABELS),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_is_the_packages(lesson, name):
    ours, package = (ATTACKS[name](f) for f in (lesson[name], getattr(attacks, name)))
    assert torch.equal(ours, package)


def test_the_poison_is_the_packages(lesson):
    for arguments in ({}, {"side": 3, "margin": 5}):
        ours, package = (
            f(SCENES.images, **arguments) for f in (lesson["add_trigger"], poisoning.add_trigger)
        )
        np.testing.assert_array_equal(ours, package)
    ours, package = (f(SCENES, 20, 2, np.random.default_rng(4)) for f in (lesson["poison"], poisoning.poison))
    np.testing.assert_array_equal(ours[1], package[1])
    np.testing.assert_array_equal(ours[0].images, package[0].images)
    np.testing.assert_array_equal(ours[0].labels, package[0].labels)


def test_the_signature_is_the_packages(lesson):
    features, labels = np.random.default_rng(0).normal(size=(60, 7)), np.arange(60) % 4
    for name in ("spectral_scores", "first_direction"):
        ours, package = (f(features, labels) for f in (lesson[name], getattr(poisoning, name)))
        np.testing.assert_array_equal(ours, package)


def test_groups_add_up_to_the_whole(lesson):
    rng = np.random.default_rng(0)
    group, right = rng.choice(["a", "b", "c"], 200), rng.random(200) < 0.7
    table = lesson["accuracy_by_group"](group, right)
    assert np.average(table["share"], weights=table["count"]) == pytest.approx(right.mean())
    assert (table["low"] <= table["share"]).all() and (table["share"] <= table["high"]).all()
    assert table["share"].is_monotonic_increasing and table["count"].sum() == 200
