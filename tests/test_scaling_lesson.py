"""What `5_trends_and_challenges/scaling` writes out is what `utils.scaling_laws` and `utils.scaling_study` have."""

import numpy as np
import pytest
import torch
from lessons import written_out
from scipy.optimize import least_squares
from torch import nn

from utils import runs, scaling_laws, scaling_study
from utils.torch_training import count_parameters, first_weights

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "5_trends_and_challenges/scaling",
        np=np,
        nn=nn,
        least_squares=least_squares,
        Law=scaling_laws.Law,
    )


def test_the_floor_and_the_expected_loss_are_the_packages(lesson):
    for share, classes in ((0.1, 40), (0.5, 3)):
        ours = lesson["floor_of_wrong_labels"](share, classes)
        assert ours == pytest.approx(scaling_laws.floor_of_wrong_labels(share, classes), rel=1e-12)
    logits, labels = RNG.normal(0, 5, (30, 7)), RNG.integers(0, 7, 30)
    ours = lesson["expected_loss"](logits, labels, 0.2)
    assert ours == pytest.approx(scaling_study.expected_loss(logits, labels, 0.2), rel=1e-12)


def test_the_network_is_the_packages(lesson):
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for width in (2, 5):
        networks = []
        for build in (lesson["build_network"], scaling_study.build_network):
            with first_weights(0):
                networks.append(build(width).eval())
        torch.testing.assert_close(networks[0](images), networks[1](images))
        assert lesson["multiply_adds"](width) == scaling_study.multiply_adds(width)


@pytest.mark.parametrize("floor", [None, 0.7, 0.0])
def test_the_fit_is_the_packages(lesson, floor):
    sizes, counts = (g.ravel() for g in np.meshgrid([2e3, 1e4, 5e4, 3e5], [4e3, 3e4, 1e5]))
    losses = scaling_laws.Law(0.7, 60.0, 0.45, 900.0, 0.6).loss(sizes, counts)
    losses = losses * np.exp(np.random.default_rng(1).normal(0, 0.01, len(losses)))
    ours = lesson["fit_law"](sizes, counts, losses, floor)
    package = scaling_laws.fit_law(sizes, counts, losses, floor=floor)
    for field in ("floor", "size_exponent", "data_exponent"):
        assert getattr(ours, field) == pytest.approx(getattr(package, field), rel=1e-3, abs=1e-4)


def test_the_record_is_of_what_the_page_says():
    record = runs.load_result("scaling")
    shape = len(record["widths"]), len(record["counts"]), len(record["seeds"])
    assert shape[0] >= 5 and shape[1] >= 4 and shape[2] >= 3
    for key in ("losses", "accuracies", "train_losses"):
        assert np.shape(record[key]) == shape
    assert record["wrong_share"] == scaling_study.WRONG_SHARE
    assert record["num_classes"] == scaling_study.NUM_CLASSES
    built = [count_parameters(scaling_study.build_network(width)) for width in record["widths"]]
    assert record["parameters"] == built
    for width, rate in record["learning_rates"].items():
        tried = [cell for cell in record["tried"] if cell["width"] == int(width)]
        assert not {cell["seed"] for cell in tried} & set(record["seeds"]), "another seed chose the rate"
        mean = {
            r: np.mean([np.log(c["loss"]) for c in tried if c["learning_rate"] == r])
            for r in record["tried_rates"]
        }
        assert mean[rate] == min(mean.values())
    floor = scaling_laws.floor_of_wrong_labels(record["wrong_share"], record["num_classes"])
    assert np.min(record["losses"]) > floor
    assert {r["count"] * r["passes"] for r in record["repeated"]} == {record["repeated"][0]["count"]}
