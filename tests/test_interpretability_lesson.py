"""What the chapter on interpretability writes out gives the same as the package's copies."""

import copy

import numpy as np
import pytest
import torch
from lessons import written_out

from utils import explanations
from utils.explanation_study import CNN, VIT, last_maps, stages
from utils.recipes import build_model
from utils.torch_training import first_weights, to_tensor

EXACT = {"rtol": 0, "atol": 1e-12}
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
LABELS = torch.tensor([4, 0, 9, 2])


@pytest.fixture(scope="module")
def lesson():
    return written_out("5_trends_and_challenges/interpretability", np=np, torch=torch, copy=copy)


@pytest.fixture(scope="module", params=[CNN, VIT], ids=["cnn", "vit"])
def model(request):
    with first_weights(5):
        return build_model(request.param, to_tensor(IMAGES)).double().eval()


def test_the_maps_of_a_network(lesson, model):
    x = to_tensor(IMAGES).double()
    for name, arguments in (
        ("input_gradients", (model, x, LABELS)),
        ("integrated_gradients", (model, x, LABELS, torch.full((1, 3, 1, 1), 0.4).double(), 5)),
        ("grad_cam", (model, last_maps(model), x, LABELS)),
    ):
        ours, theirs = lesson[name](*arguments), getattr(explanations, name)(*arguments)
        np.testing.assert_allclose(ours, theirs, **EXACT, err_msg=name)


def test_rollout(lesson):
    layers = [
        torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(k)).double().softmax(-1)
        for k in range(3)
    ]
    np.testing.assert_allclose(
        lesson["attention_rollout"](layers), explanations.attention_rollout(layers), **EXACT
    )
    for rollout in (lesson["attention_rollout"], explanations.attention_rollout):
        with pytest.raises(ValueError, match="at least one"):
            rollout([])
    for back in (lesson["tokens_to_maps"], explanations.tokens_to_maps):
        with pytest.raises(ValueError, match="5 tokens do not fill a square"):
            back(torch.zeros(1, 5, 2))


def test_the_blind_maps(lesson):
    np.testing.assert_allclose(lesson["centre_blob"](3, 7), explanations.centre_blob(3, 7), **EXACT)
    np.testing.assert_allclose(lesson["edges"](IMAGES), explanations.edges(IMAGES), **EXACT)
    usual = np.array([100.0, 90.5, 7.0])
    np.testing.assert_allclose(
        lesson["unusual_colour"](IMAGES, usual), explanations.unusual_colour(IMAGES, usual), **EXACT
    )


def test_deletion_and_insertion(lesson):
    heat = np.random.default_rng(1).random((32, 32))

    def brightness(images):
        return images[:, :9].mean(axis=(1, 2, 3)) / 255

    arguments = (brightness, IMAGES[0], np.array([10.0, 20.0, 30.0]), heat, 5)
    ours, theirs = (
        f(*arguments) for f in (lesson["deletion_and_insertion"], explanations.deletion_and_insertion)
    )
    np.testing.assert_allclose(ours, theirs, **EXACT)


def test_shuffled_weights(lesson, model):
    parts = [part for added in list(stages(model).values())[:2] for part in added]
    ours, theirs = (
        shuffle(model, parts, torch.Generator().manual_seed(3)).state_dict()
        for shuffle in (lesson["shuffle_weights"], explanations.shuffle_weights)
    )
    names = [name for name in ours if not torch.equal(ours[name], model.state_dict()[name])]
    assert names and all(name.startswith(tuple(parts)) for name in names)
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
