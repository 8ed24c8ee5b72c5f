import json

import numpy as np
import pytest
import torch

from utils import long_training
from utils.data import load
from utils.long_training import predict_averaged, train_recipe
from utils.recipes import RECIPES

DATASET = load("scenes", "train", count=300, seed=0)
CNN = RECIPES["cnn_higher"].changed(
    options={"kernel_size": 4, "stride": 2, "kernels": 8, "widths": (16, 16)}, batch_size=50, epochs=3
)
VIT = RECIPES["vit_short"].changed(
    options={"embed_dim": 16, "depth": 1, "num_heads": 2}, batch_size=50, epochs=3, cutmix=0.5
)
both = pytest.mark.parametrize("recipe", [CNN, VIT], ids=["cnn", "vit"])


def weights(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


@both
def test_one_seed_one_run(recipe):
    (one, progress), (other, _) = (train_recipe(recipe, DATASET, seed=1) for _ in range(2))
    assert_equal(weights(one), weights(other))
    assert len(progress.epochs) == 3 and progress.seconds > 0
    different, _ = train_recipe(recipe, DATASET, seed=2)
    assert not torch.equal(one.network.head.weight, different.network.head.weight)


@both
def test_a_killed_run_goes_on_as_if_nothing_had_happened(recipe, tmp_path):
    whole, _ = train_recipe(recipe, DATASET, seed=0)
    steps = []

    def kill_in_the_second_epoch(step, total, loss):
        steps.append(step)
        if step == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_recipe(recipe, DATASET, seed=0, folder=tmp_path, report=kill_in_the_second_epoch)
    steps.clear()
    resumed, progress = train_recipe(
        recipe, DATASET, seed=0, folder=tmp_path, report=lambda step, total, loss: steps.append(step)
    )
    assert steps[0] == 7, "the first epoch is not done again"
    assert len(progress.epochs) == 3
    assert_equal(weights(resumed), weights(whole))
    finished, again = train_recipe(recipe, DATASET, seed=0, folder=tmp_path)
    assert_equal(weights(finished), weights(whole))
    assert again.epochs == progress.epochs, "a run that is over is only read"
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


@both
def test_a_start_gives_all_weights_but_the_head(recipe):
    first, _ = train_recipe(recipe.changed(epochs=1), DATASET, seed=5)
    still = recipe.changed(epochs=0.01, optimiser="sgd", learning_rate=1e-12)
    moved, _ = train_recipe(still, DATASET, seed=6, start=first)
    plain, _ = train_recipe(still, DATASET, seed=6)
    torch.testing.assert_close(list(moved.network.parameters())[2], list(first.network.parameters())[2])
    torch.testing.assert_close(moved.network.head.weight, plain.network.head.weight)
    other = recipe.changed(
        options={**recipe.options, **({"widths": (16, 24)} if recipe is CNN else {"depth": 2})}
    )
    with pytest.raises(ValueError, match="start is no model of this recipe"):
        train_recipe(recipe, DATASET, seed=0, start=train_recipe(other, DATASET, seed=0)[0])


def test_the_state_of_another_run_is_not_taken_up(tmp_path):
    train_recipe(CNN.changed(epochs=1), DATASET, seed=0, folder=tmp_path)
    for recipe, seed in ((CNN.changed(epochs=1), 1), (CNN.changed(epochs=2), 0)):
        with pytest.raises(ValueError, match="holds the state of another run"):
            train_recipe(recipe, DATASET, seed=seed, folder=tmp_path)


def test_half_an_epoch_and_what_is_reported():
    seen = []
    _, progress = train_recipe(
        CNN.changed(epochs=0.5),
        DATASET,
        seed=0,
        evaluate=lambda model: {"accuracy": 0.25},
        report=lambda step, total, loss: seen.append((step, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert progress.epochs[0]["accuracy"] == 0.25 and json.dumps(progress.epochs)


def test_the_shares_of_the_processes_make_the_batch(monkeypatch):
    images, labels = torch.from_numpy(DATASET.images[:12]), torch.from_numpy(DATASET.labels[:12])
    mirrored = torch.arange(12) % 3 == 0
    recipe = VIT.changed(cutmix=1.0)

    def draw(rank, size):
        monkeypatch.setattr(long_training, "_rank", lambda: rank)
        monkeypatch.setattr(long_training, "_size", lambda: size)
        return long_training._draw(recipe, images, labels, mirrored, torch.Generator().manual_seed(4))

    whole, parts = draw(0, 1), [draw(rank, 3) for rank in range(3)]
    for i in range(2):  # images, then targets
        together = torch.stack([part[i] for part in parts], dim=1).flatten(0, 1)
        assert torch.equal(together, whole[i])


def test_it_learns_and_bfloat16_does_too():
    for options in ({}, {"bfloat16": True}):
        recipe = CNN.changed(label_smoothing=0.0, epochs=15)
        _, progress = train_recipe(recipe, DATASET, seed=0, **options)
        assert progress.epochs[-1]["loss"] < 0.8 * progress.epochs[0]["loss"]


def test_a_loss_that_is_no_number_is_an_error():
    recipe = CNN.changed(optimiser="sgd", learning_rate=1e30)
    with pytest.raises(FloatingPointError, match="try a smaller learning rate"):
        train_recipe(recipe, DATASET, seed=0)


def test_answers_are_averaged_over_views():
    model, _ = train_recipe(CNN.changed(epochs=1), DATASET, seed=0)
    images = DATASET.images[:7]
    one, flip, many = (predict_averaged(model, images, views=v) for v in ("one", "flip", "flip_and_shift"))
    mirrored = predict_averaged(model, np.ascontiguousarray(images[:, :, ::-1]))
    np.testing.assert_allclose(flip, (one + mirrored) / 2, atol=1e-5)
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    corners = [wide[:, i : i + 32, i : i + 32] for i in (0, 2)]
    views = [predict_averaged(model, np.ascontiguousarray(v)) for c in corners for v in (c, c[:, :, ::-1])]
    np.testing.assert_allclose(many, (flip + np.mean(views, axis=0)) / 2, atol=1e-5)
    with pytest.raises(ValueError, match="unknown views"):
        predict_averaged(model, images, views="ten")


def test_another_loss_sees_what_the_model_sees():
    """With the recipe's own cross-entropy it is the same run; each batch comes as it is shown, with its targets."""
    seen = []

    def loss(logits, batch, targets):
        seen.append((logits.shape, batch.shape, targets.sum(dim=1)))
        return torch.nn.functional.cross_entropy(logits, targets, label_smoothing=CNN.label_smoothing)

    usual, _ = train_recipe(CNN, DATASET, seed=0)
    own, _ = train_recipe(CNN, DATASET, seed=0, loss=loss)
    assert_equal(weights(own), weights(usual))
    assert len(seen) == 18 and seen[0][:2] == ((50, 10), (50, 3, 32, 32))
    torch.testing.assert_close(seen[0][2], torch.ones(50))
    other, _ = train_recipe(CNN, DATASET, seed=0, loss=lambda logits, batch, targets: logits.square().mean())
    assert not torch.equal(other.network.head.weight, usual.network.head.weight)
