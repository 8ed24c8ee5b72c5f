"""The attacks: what they may change, what they must equal, and the case in which the optimum is known."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from utils import attacks
from utils.data import load
from utils.long_training import train_recipe
from utils.recipes import RECIPES
from utils.torch_training import first_weights


def network(seed=0):
    with first_weights(seed):
        layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)]
        return nn.Sequential(*layers).eval()


def pictures(count=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 8, 8, generator=generator)
    images[0], images[1, :, :4] = 0, 1  # at both ends of the range
    return images, torch.randint(0, 5, (count,), generator=generator)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


ATTACKS = {
    "fgsm": lambda m, x, y, e: attacks.fgsm(m, x, y, e),
    "pgd": lambda m, x, y, e: attacks.pgd(m, x, y, e, step_size=e / 2 + 0.01, steps=4, generator=draws()),
    "random": lambda m, x, y, e: attacks.random_signs(x, e, draws()),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.1, 1.0])
def test_the_change_stays_in_the_ball_and_in_the_range(name, epsilon):
    images, labels = pictures()
    changed = ATTACKS[name](network(), images, labels, epsilon)
    assert changed.shape == images.shape and not changed.requires_grad
    assert (changed - images).abs().max() <= epsilon + 1e-6
    assert changed.min() >= 0 and changed.max() <= 1
    assert epsilon == 0 or not torch.equal(changed, images)


def test_projection_is_the_nearest_allowed_picture():
    generator = draws(3)
    far, images = torch.rand(50, generator=generator) * 4 - 2, torch.rand(50, generator=generator)
    ours = attacks.project(far, images, 0.1)
    grid = torch.linspace(0, 1, 2001)
    for value, original, nearest in zip(far, images, ours, strict=True):
        allowed = grid[(grid - original).abs() <= 0.1]
        best = allowed[(allowed - value).abs().argmin()]
        assert abs(best - nearest) < 1e-3
    torch.testing.assert_close(attacks.project(ours, images, 0.1), ours)


def test_the_gradient_is_a_central_difference_for_each_picture_by_itself():
    images, labels = pictures(3)
    model, images = network().double(), images.double().clamp(0.1, 0.9)
    gradient = attacks.input_gradient(model, images, labels)
    for place in ((0, 0, 0, 0), (1, 2, 3, 4), (2, 1, 7, 7)):
        moved = torch.zeros_like(images)
        moved[place] = 1e-5
        with torch.no_grad():
            high, low = (
                functional.cross_entropy(model(images + s * moved), labels, reduction="sum") for s in (1, -1)
            )
        assert gradient[place].item() == pytest.approx(((high - low) / 2e-5).item(), abs=1e-7)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_one_step_of_pgd_is_fgsm():
    images, labels = pictures()
    one = attacks.pgd(network(), images, labels, 0.03, step_size=0.03, steps=1)
    assert torch.equal(one, attacks.fgsm(network(), images, labels, 0.03))


@pytest.mark.parametrize("label", [0, 1])
def test_on_a_linear_model_fgsm_is_the_exact_optimum(label):
    with first_weights(1):
        model = nn.Sequential(nn.Flatten(), nn.Linear(8, 2)).eval()
    image, labels = torch.full((1, 2, 2, 2), 0.5), torch.tensor([label])
    corners = torch.tensor(list(itertools.product([-0.1, 0.1], repeat=8))).view(-1, 2, 2, 2) + image
    attacked = attacks.fgsm(model, image, labels, 0.1)
    with torch.no_grad():
        every = functional.cross_entropy(model(corners), labels.expand(256), reduction="none")
        ours = functional.cross_entropy(model(attacked), labels)
    assert ours.item() == pytest.approx(every.max().item(), abs=1e-6)


def test_the_loss_grows_and_noise_is_weaker():
    images, labels = pictures(40, seed=2)
    model = network()
    loss = lambda x: functional.cross_entropy(model(x), labels).item()  # noqa: E731
    fast = loss(attacks.fgsm(model, images, labels, 0.02))
    steps = loss(attacks.pgd(model, images, labels, 0.02, step_size=0.005, steps=10))
    assert loss(images) < fast <= steps + 1e-6
    assert loss(attacks.random_signs(images, 0.02, draws())) < fast


def test_a_start_is_drawn_and_repeatable():
    images, labels = pictures()
    run = lambda s: attacks.pgd(  # noqa: E731
        network(), images, labels, 0.05, step_size=1e-6, steps=1, generator=draws(s)
    )
    assert torch.equal(run(0), run(0)) and not torch.equal(run(0), run(1))
    inner = (run(0) - images)[2:]
    assert inner.abs().median() == pytest.approx(0.025, abs=0.005)


def test_hardening_leaves_running_means_alone_and_the_model_in_training():
    images, labels = pictures()
    model = network().train()
    before = model[1].running_mean.clone()
    attack = attacks.hardened_by(0.03, step_size=0.04, steps=2, generator=draws())
    changed = attack(model, images, functional.one_hot(labels, 5).float())
    assert model.training and torch.equal(model[1].running_mean, before)
    assert 0 < (changed - images).abs().max() <= 0.03 + 1e-6


def test_answers_are_those_of_all_batches():
    images, labels = pictures(7)
    attack = lambda m, x, y: attacks.fgsm(m, x, y, 0.05)  # noqa: E731
    whole = attacks.attacked_answers(network(), images, labels, attack)
    parts = attacks.attacked_answers(network().train(), images, labels, attack, batch_size=3)
    assert torch.equal(whole, parts) and whole.shape == (7,)


def test_a_recipe_learns_from_what_the_attack_returns(tmp_path):
    dataset = load("scenes", "train", count=60, seed=0)
    recipe = RECIPES["cnn_sooner"].changed(epochs=1, batch_size=30)
    seen = []

    def attack(model, images, targets):
        seen.append((model.training, tuple(images.shape), tuple(targets.shape)))
        return images * 0

    weights = [train_recipe(recipe, dataset, seed=0, attack=a)[0].network.head.weight for a in (None, attack)]
    assert seen == [(True, (30, 3, 32, 32), (30, 10))] * 2
    assert not torch.equal(*weights)
    same = train_recipe(recipe, dataset, seed=0, attack=lambda m, x, y: x)[0].network.head.weight
    assert torch.equal(weights[0], same)
    with pytest.raises(ValueError, match="leave out the folder or the attack"):
        train_recipe(recipe, dataset, seed=0, attack=attack, folder=tmp_path)


@pytest.mark.parametrize("epsilon", [-0.1, 8, np.nan])
def test_an_epsilon_of_255ths_is_refused(epsilon):
    images, labels = pictures(2)
    with pytest.raises(ValueError, match=r"epsilon must lie in \[0, 1\].* 8 of 255 is 8 / 255"):
        attacks.fgsm(network(), images, labels, epsilon)


@pytest.mark.parametrize("steps, step_size", [(0, 0.1), (3, 0.0)])
def test_pgd_needs_steps(steps, step_size):
    images, labels = pictures(2)
    with pytest.raises(ValueError, match="at least one step and a size above 0"):
        attacks.pgd(network(), images, labels, 0.1, step_size=step_size, steps=steps)


@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
def test_both_attacks_are_those_of_captum():
    from captum import robust

    images, labels = pictures(8, seed=4)
    model = network().double()
    images = images.double()
    loss = lambda logits, y: functional.cross_entropy(logits, y, reduction="none")  # noqa: E731
    theirs = robust.FGSM(model, loss, lower_bound=0, upper_bound=1)
    theirs.zero_thresh = 0  # move a number however small its gradient is
    expected = theirs.perturb(images.clone(), 0.03, labels)
    torch.testing.assert_close(
        attacks.fgsm(model, images, labels, 0.03), expected.detach(), rtol=0, atol=1e-9
    )
    theirs = robust.PGD(model, loss, lower_bound=0, upper_bound=1)
    theirs.fgsm.zero_thresh = 0
    expected = theirs.perturb(images.clone(), 0.03, 0.01, 6, labels)
    ours = attacks.pgd(model, images, labels, 0.03, step_size=0.01, steps=6)
    torch.testing.assert_close(ours, expected.detach(), rtol=0, atol=1e-9)
