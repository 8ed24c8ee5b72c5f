"""What `5_trends_and_challenges/privacy` writes out is what `utils.membership` and `utils.privacy` have."""

import copy

import numpy as np
import pytest
import torch
from lessons import written_out
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.func import functional_call, grad, vmap
from torch.nn import functional
from torch.nn.utils import parameters_to_vector

from utils import membership, metrics, privacy, runs
from utils.torch_training import first_weights

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(40, 1, 8, 8, generator=GENERATOR)
LABELS = torch.arange(40) % 4
MEMBERS = membership.random_halves(6, 40, np.random.default_rng(0))
LOGITS = torch.randn(6, 40, 10, generator=GENERATOR) + 2 * functional.one_hot(LABELS, 10)


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "5_trends_and_challenges/privacy",
        np=np,
        torch=torch,
        functional=functional,
        functional_call=functional_call,
        grad=grad,
        vmap=vmap,
        LogisticRegression=LogisticRegression,
        StandardScaler=StandardScaler,
        make_pipeline=make_pipeline,
    )


def test_the_attacks_are_the_packages(lesson):
    sure = lesson["confidence"](LOGITS, LABELS)
    np.testing.assert_array_equal(sure, membership.confidence(LOGITS, LABELS))
    np.testing.assert_allclose(
        lesson["likelihood_ratio"](sure, MEMBERS, 2),
        membership.likelihood_ratio(sure, MEMBERS, 2),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        lesson["learned_attack"](LOGITS, LABELS, MEMBERS, 1),
        membership.learned_attack(LOGITS, LABELS, MEMBERS, 1),
        atol=1e-9,
    )


def test_the_area_is_the_packages(lesson):
    scores = np.random.default_rng(0).integers(0, 9, 40).astype(float)
    area = lesson["area_under"](*metrics.roc_curve(MEMBERS[0], scores))
    assert area == pytest.approx(metrics.roc_auc(MEMBERS[0], scores), abs=1e-12)


def test_the_bound_is_the_packages(lesson):
    rates = np.linspace(0, 1, 21)
    for epsilon in (0.0, 1.0, 8.0):
        np.testing.assert_allclose(
            lesson["largest_true_rate"](rates, epsilon, 1e-3),
            privacy.largest_true_rate(rates, epsilon, 1e-3),
            atol=1e-12,
        )


def test_the_private_training_is_the_packages(lesson):
    with first_weights(0):
        model = membership.small_mlp()
    one, other = (m.per_example_gradients(model, IMAGES, LABELS) for m in (lesson_of(lesson), privacy))
    for name in one:
        torch.testing.assert_close(one[name], other[name])
        torch.testing.assert_close(
            lesson["clipped_sum"](one, 0.7)[name], privacy.clipped_sum(other, 0.7)[name]
        )
    settings = {
        "steps": 4, "sampling_rate": 0.3, "lot_size": 12, "learning_rate": 0.2, "clip": 0.5,
        "noise_multiplier": 1.3,
    }  # fmt: skip
    one, other = (
        parameters_to_vector(
            train(
                copy.deepcopy(model), IMAGES, LABELS, generator=torch.Generator().manual_seed(5), **settings
            ).parameters()
        )
        for train in (lesson["train_private"], privacy.train_private)
    )
    torch.testing.assert_close(one, other)


def lesson_of(names):
    return type("Lesson", (), {name: staticmethod(value) for name, value in names.items() if callable(value)})


def test_the_record_is_of_what_the_page_says():
    record = runs.load_result("privacy")
    assert len(record["seeds"]) >= 3 and record["delta"] == 1e-5
    settings = record["private_settings"]
    for epsilon, noise in record["noise_multipliers"].items():
        spent = privacy.spent_epsilon(noise, 0.1, settings["steps"], record["delta"])
        assert 0.99 * float(epsilon) < spent <= 1.001 * float(epsilon)
        assert record["epsilon_prv"][epsilon] < float(epsilon)
    for run in record["private"]:
        for epsilon in ("1.0", "8.0"):
            bound = privacy.largest_true_rate(record["false_rates"], float(epsilon), record["delta"])
            assert len(run[epsilon]["ratio"]["curve"]) == len(bound)
