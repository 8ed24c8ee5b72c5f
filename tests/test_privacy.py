"""DP-SGD against opacus, its noise against the stated size, its guarantee against attacks on two normal distributions."""

import copy

import numpy as np
import pytest
import torch
from opacus import GradSampleModule
from opacus.accountants import RDPAccountant
from opacus.optimizers import DPOptimizer
from scipy.stats import norm
from torch import nn
from torch.nn import functional

from utils import privacy
from utils.membership import small_mlp
from utils.torch_training import first_weights

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(30, 1, 8, 8, generator=GENERATOR)
LABELS = torch.arange(30) % 10


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10)
    )


def fresh(build=small_mlp):
    with first_weights(3):
        return build()


@pytest.mark.parametrize("build", [small_mlp, cnn])
def test_per_example_gradients_are_those_of_one_picture_at_a_time(build):
    model = fresh(build)
    found = privacy.per_example_gradients(model, IMAGES, LABELS)
    for i in (0, 7, 29):
        model.zero_grad()
        functional.cross_entropy(model(IMAGES[i : i + 1]), LABELS[i : i + 1]).backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(found[name][i], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("build", [small_mlp, cnn])
@pytest.mark.parametrize("clip", [0.3, 2.5, 100.0])
@pytest.mark.filterwarnings("error")
def test_the_clipped_mean_gradient_is_that_of_opacus(build, clip):
    model = fresh(build)
    total = privacy.clipped_sum(privacy.per_example_gradients(model, IMAGES, LABELS), clip)
    wrapped = GradSampleModule(copy.deepcopy(model))
    optimiser = DPOptimizer(
        torch.optim.SGD(wrapped.parameters(), lr=1.0),
        noise_multiplier=0.0,
        max_grad_norm=clip,
        expected_batch_size=30,
    )
    functional.cross_entropy(wrapped(IMAGES.clone().requires_grad_()), LABELS).backward()
    assert optimiser.pre_step()
    for name, parameter in wrapped._module.named_parameters():
        torch.testing.assert_close(total[name] / 30, parameter.grad, rtol=1e-4, atol=1e-6)


def test_no_picture_weighs_more_than_clip_and_short_gradients_stay():
    gradients = {"a": torch.tensor([[3.0], [0.3], [0.0]]), "b": torch.tensor([[4.0], [0.4], [0.0]])}
    total = privacy.clipped_sum(gradients, 1.0)
    torch.testing.assert_close(total["a"], torch.tensor([0.6 + 0.3]))
    torch.testing.assert_close(total["b"], torch.tensor([0.8 + 0.4]))
    with pytest.raises(ValueError, match="above 0, got 0"):
        privacy.clipped_sum(gradients, 0)


def one_step(model, noise_multiplier=0.0, clip=0.5, lot_size=10, sampling_rate=1.0, images=IMAGES, seed=0):
    trained = privacy.train_private(
        copy.deepcopy(model), images, LABELS[: len(images)], steps=1, sampling_rate=sampling_rate,
        lot_size=lot_size, learning_rate=1.0, clip=clip, noise_multiplier=noise_multiplier,
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    old = nn.utils.parameters_to_vector(model.parameters())
    return (old - nn.utils.parameters_to_vector(trained.parameters())).detach()


def test_a_step_without_noise_is_the_clipped_sum_over_the_lot_size():
    model = fresh()
    total = privacy.clipped_sum(privacy.per_example_gradients(model, IMAGES, LABELS), 0.5)
    expected = torch.cat([value.flatten() for value in total.values()]) / 10
    torch.testing.assert_close(one_step(model), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("noise_multiplier, clip, lot_size", [(2.0, 0.5, 10), (0.7, 3.0, 40)])
def test_the_noise_has_the_stated_size(noise_multiplier, clip, lot_size):
    """9,610 draws: their spread is known to 0.7 %, so 3 % is four of its standard errors."""
    model = fresh()
    noise = one_step(model, noise_multiplier, clip, lot_size) - one_step(model, 0.0, clip, lot_size)
    stated = noise_multiplier * clip / lot_size
    assert noise.std().item() == pytest.approx(stated, rel=0.03)
    assert abs(noise.mean().item()) < 5 * stated / 9610**0.5


def test_the_noise_differs_from_step_to_step_and_from_layer_to_layer():
    model = fresh()
    one, other = (one_step(model, 1e4, seed=seed) for seed in (0, 1))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
    assert not torch.allclose(one[:128], one[8192 : 8192 + 128])


def test_each_picture_comes_with_the_stated_chance():
    """One picture and many steps: how often the model moves is how often the picture came."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    moves = sum(
        bool(one_step(model, sampling_rate=0.3, images=IMAGES[:1], seed=seed).any()) for seed in range(400)
    )
    assert moves / 400 == pytest.approx(0.3, abs=0.1)


def test_batch_norm_and_bad_settings_are_refused():
    with pytest.raises(ValueError, match="batch norm mixes"):
        privacy.per_example_gradients(nn.Sequential(nn.BatchNorm2d(1)), IMAGES, LABELS)
    for settings in ({"sampling_rate": 0.0}, {"lot_size": 0}, {"noise_multiplier": -1.0}):
        with pytest.raises(ValueError, match="need a sampling_rate"):
            one_step(fresh(), **settings)


@pytest.mark.filterwarnings("error")
def test_the_epsilon_is_that_of_opacus_step_by_step():
    accountant = RDPAccountant()
    for _ in range(50):
        accountant.step(noise_multiplier=1.1, sample_rate=0.1)
    spent = privacy.spent_epsilon(1.1, 0.1, 50, 1e-5)
    assert spent == pytest.approx(accountant.get_epsilon(1e-5), rel=1e-6)
    assert 0.8 * spent < privacy.spent_epsilon(1.1, 0.1, 50, 1e-5, "prv") < spent


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("epsilon", [0.5, 8.0, 40.0])
def test_the_noise_for_an_epsilon_spends_it(epsilon):
    noise = privacy.noise_for(epsilon, 0.1, 50, 1e-5)
    assert privacy.spent_epsilon(noise, 0.1, 50, 1e-5) <= epsilon
    assert privacy.spent_epsilon(noise - 0.002, 0.1, 50, 1e-5) > epsilon


def test_an_epsilon_out_of_reach_is_refused():
    with pytest.raises(ValueError, match="0.1 … 100, got 0.0001"):
        privacy.noise_for(1e-4, 0.1, 50, 1e-5)


def test_the_bound_at_its_corners():
    bound = privacy.largest_true_rate
    np.testing.assert_allclose(bound([0.0, 0.2, 1.0], 0.0, 0.0), [0.0, 0.2, 1.0])
    np.testing.assert_allclose(bound([0.0, 0.01], np.log(3), 0.001), [0.001, 0.031])
    assert bound(0.5, np.log(3), 0.0) == pytest.approx(1 - 0.5 / 3)
    assert bound(0.5, 50.0, 0.0) == pytest.approx(1)
    for wrong in ((0.1, -1.0, 0.0), (0.1, 1.0, 2.0), (1.1, 1.0, 0.0)):
        with pytest.raises(ValueError, match="need ε"):
            bound(*wrong)


def test_the_best_attack_on_the_gauss_mechanism_stays_below_the_bound():
    """One step on all pictures at once shifts a normal distribution by 1 / σ; the best attack on that is known."""
    false_rate = np.linspace(0, 1, 201)
    for noise_multiplier in (1.0, 3.0):
        best = norm.cdf(norm.ppf(false_rate) + 1 / noise_multiplier)
        spent = privacy.spent_epsilon(noise_multiplier, 1.0, 1, 1e-5)
        bound = privacy.largest_true_rate(false_rate, spent, 1e-5)
        assert (best <= bound + 1e-12).all() and (best > false_rate)[1:-1].all()
