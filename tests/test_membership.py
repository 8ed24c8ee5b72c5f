"""The attacks against sums by hand and scikit-learn; many trainings at once against trainings one by one."""

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch.nn import functional

from utils import membership
from utils.membership import Stack, small_mlp
from utils.torch_training import count_parameters, first_weights

RNG = np.random.default_rng(0)
IMAGES = torch.rand(24, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(24) % 10


def models(count, width=6):
    with first_weights(1):
        return [small_mlp(width=width) for _ in range(count)]


def test_the_small_network():
    model = small_mlp()
    assert count_parameters(model) == 9610 and model(IMAGES).shape == (24, 10)


@pytest.mark.parametrize("choose", [membership.random_halves, membership.coin_halves])
def test_each_picture_is_in_half_of_the_models(choose):
    members = choose(6, 400, np.random.default_rng(3))
    assert members.shape == (6, 400) and (members.sum(axis=0) == 3).all()
    assert (members[::2] != members[1::2]).all() and (members[0] != members[2]).any()
    assert 150 < members[0].sum() < 250


def test_random_halves_are_halves_and_coins_are_not():
    assert (membership.random_halves(8, 100, np.random.default_rng(0)).sum(axis=1) == 50).all()
    assert len(set(membership.coin_halves(8, 100, np.random.default_rng(0)).sum(axis=1))) > 1


@pytest.mark.parametrize("models, count", [(3, 10), (0, 10), (4, 9)])
def test_odd_numbers_are_refused(models, count):
    with pytest.raises(ValueError, match="even number"):
        membership.random_halves(models, count, RNG)
    if models != 4:
        with pytest.raises(ValueError, match="even number"):
            membership.coin_halves(models, count, RNG)


def test_a_stack_answers_like_its_models():
    alone = models(3)
    stack = Stack(alone)
    with torch.no_grad():
        expected = torch.stack([model(IMAGES) for model in alone])
        torch.testing.assert_close(stack(IMAGES), expected, rtol=0, atol=1e-5)
        own = IMAGES.view(3, 8, 1, 8, 8)
        expected = torch.stack([model(images) for model, images in zip(alone, own, strict=True)])
        torch.testing.assert_close(stack(own, shared=False), expected, rtol=0, atol=1e-5)


def test_a_stack_has_no_buffers():
    with pytest.raises(ValueError, match="no buffers, got running_mean"):
        Stack([torch.nn.BatchNorm1d(3)])


def test_training_side_by_side_is_training_one_by_one():
    members = membership.random_halves(4, 24, np.random.default_rng(1))
    settings = {"epochs": 3, "learning_rate": 0.01, "batch_size": 5, "seed": 7}
    stack = membership.train_many(lambda: small_mlp(width=6), IMAGES, LABELS, members, **settings)[3]
    rows = torch.from_numpy(np.stack([np.flatnonzero(row) for row in members]))
    generator = torch.Generator().manual_seed(7)
    orders = [rows.gather(1, torch.rand(rows.shape, generator=generator).argsort(dim=1)) for _ in range(3)]
    with first_weights(7):
        alone = [small_mlp(width=6) for _ in range(4)]
    for k, model in enumerate(alone):
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        for order in orders:
            for batch in order[k].split(5):
                optimiser.zero_grad()
                functional.cross_entropy(model(IMAGES[batch]), LABELS[batch]).backward()
                optimiser.step()
    with torch.no_grad():
        expected = torch.stack([model(IMAGES) for model in alone])
        torch.testing.assert_close(stack(IMAGES), expected, rtol=0, atol=1e-4)


def test_what_was_kept_is_not_trained_on():
    members = membership.random_halves(2, 24, np.random.default_rng(1))
    settings = {"learning_rate": 0.01, "batch_size": 5, "seed": 7}
    kept = membership.train_many(small_mlp, IMAGES, LABELS, members, epochs=3, keep_at=(1,), **settings)
    short = membership.train_many(small_mlp, IMAGES, LABELS, members, epochs=1, **settings)
    assert list(kept) == [1, 3] and list(short) == [1]
    torch.testing.assert_close(kept[1](IMAGES), short[1](IMAGES))
    assert (kept[3](IMAGES) - kept[1](IMAGES)).abs().max() > 1e-3


def test_a_model_does_not_see_the_pictures_of_others():
    members = membership.random_halves(2, 24, np.random.default_rng(1))
    spoiled = IMAGES.clone()
    spoiled[torch.from_numpy(members[1])] = 0.5
    settings = {"epochs": 2, "seed": 7}
    one, other = (
        membership.train_many(small_mlp, images, LABELS, members, **settings)[2](IMAGES).detach()
        for images in (IMAGES, spoiled)
    )
    torch.testing.assert_close(one[0], other[0])
    assert (one[1] - other[1]).abs().max() > 1e-3


def test_pictures_are_changed_before_they_are_shown():
    members = membership.random_halves(2, 24, np.random.default_rng(1))
    dark = membership.train_many(
        small_mlp, IMAGES, LABELS, members, epochs=1, seed=0, augment=lambda images, generator: 0 * images
    )[1]
    plain = membership.train_many(small_mlp, 0 * IMAGES, LABELS, members, epochs=1, seed=0)[1]
    torch.testing.assert_close(dark(IMAGES), plain(IMAGES))


def test_training_refuses_what_it_cannot_do():
    members = membership.random_halves(2, 24, np.random.default_rng(1))
    with pytest.raises(ValueError, match="24 columns"):
        membership.train_many(small_mlp, IMAGES, LABELS, members[:, :10], epochs=1, seed=0)
    with pytest.raises(ValueError, match="equally many"):
        membership.train_many(small_mlp, IMAGES, LABELS, members & (np.arange(24) > 5), epochs=1, seed=0)
    with pytest.raises(ValueError, match=r"cannot keep epochs \[4\] of 3"):
        membership.train_many(small_mlp, IMAGES, LABELS, members, epochs=3, seed=0, keep_at=[4])


def test_confidence_is_the_logarithm_of_the_odds():
    logits = torch.randn(3, 24, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(dim=2)[:, torch.arange(24), LABELS]
    np.testing.assert_allclose(membership.confidence(logits, LABELS), torch.log(p / (1 - p)), atol=1e-12)
    assert np.isfinite(membership.confidence(1000 * logits, LABELS)).all()
    with pytest.raises(ValueError, match="logits"):
        membership.confidence(logits[0], LABELS)


def test_the_likelihood_ratio_is_that_of_two_normal_densities():
    members = membership.random_halves(6, 10, np.random.default_rng(5))
    scores = np.random.default_rng(6).normal(size=(6, 10)) + 2 * members
    others = [0, 1, 3, 4, 5]
    expected = np.empty(10)
    means = np.empty((2, 10))
    for i in range(10):
        means[0, i] = np.mean([scores[k, i] for k in others if members[k, i]])
        means[1, i] = np.mean([scores[k, i] for k in others if not members[k, i]])
    spreads = [
        np.sqrt(
            np.mean(
                [(scores[k, i] - means[s, i]) ** 2 for k in others for i in range(10) if members[k, i] != s]
            )
        )
        for s in (0, 1)
    ]
    from scipy.stats import norm

    expected = norm.logpdf(scores[2], means[0], spreads[0]) - norm.logpdf(scores[2], means[1], spreads[1])
    np.testing.assert_allclose(membership.likelihood_ratio(scores, members, 2), expected, atol=1e-12)
    hidden = members.copy()
    hidden[2] = ~hidden[2]
    np.testing.assert_array_equal(
        membership.likelihood_ratio(scores, members, 2), membership.likelihood_ratio(scores, hidden, 2)
    )


def test_the_likelihood_ratio_refuses_what_it_cannot_do():
    members = membership.random_halves(4, 10, np.random.default_rng(5))
    scores = np.zeros((4, 10))
    with pytest.raises(ValueError, match="below K"):
        membership.likelihood_ratio(scores, members, 4)
    with pytest.raises(ValueError, match="some shadow models"):
        membership.likelihood_ratio(scores[:2], members[:2], 0)


def test_the_learned_attack_finds_what_is_plain_and_does_not_look_at_the_target():
    rng = np.random.default_rng(2)
    members = membership.random_halves(6, 60, rng)
    labels = np.arange(60) % 3
    logits = rng.normal(size=(6, 60, 3))
    logits[:, np.arange(60), labels] += np.where(members, 6, 1)
    found = membership.learned_attack(logits, labels, members, 1)
    assert found.shape == (60,) and oracle.roc_auc_score(members[1], found) > 0.9
    hidden = members.copy()
    hidden[1] = ~hidden[1]
    np.testing.assert_array_equal(found, membership.learned_attack(logits, labels, hidden, 1))
