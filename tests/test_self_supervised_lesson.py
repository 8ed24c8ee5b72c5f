"""What `5_trends_and_challenges/self_supervised` writes out is what `utils.self_supervised` has."""

import math

import numpy as np
import pytest
import torch
from lessons import written_out
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

from utils import runs, self_supervised
from utils.torch_models import Block


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "5_trends_and_challenges/self_supervised",
        math=math,
        np=np,
        torch=torch,
        nn=nn,
        functional=functional,
        Block=Block,
        make_pipeline=make_pipeline,
        StandardScaler=StandardScaler,
        RidgeClassifierCV=RidgeClassifierCV,
        RidgeCV=RidgeCV,
    )


@pytest.fixture
def images():
    return torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(1))


def both(lesson, name):
    return lesson[name], getattr(self_supervised, name)


def same(found):
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_masks_and_patches(lesson, images):
    same([cut(images, 4) for cut in both(lesson, "patchify")])
    masks = [mask(6, 36, 12, torch.Generator().manual_seed(2)) for mask in both(lesson, "random_mask")]
    same(masks)
    tokens = torch.rand(6, 36, 5)
    same([pick(tokens, masks[0][0]) for pick in both(lesson, "pick")])


def test_the_masked_autoencoder(lesson, images):
    seen, hidden = self_supervised.random_mask(6, 36, 12, torch.Generator().manual_seed(2))
    patches, losses, gradients = self_supervised.patchify(images, 4), [], []
    for kind, loss in zip(*(both(lesson, n) for n in ("MaskedAutoencoder", "masked_loss")), strict=True):
        torch.manual_seed(3)
        model = kind(self_supervised.new_encoder(0))
        same(
            [
                model(images, seen),
                self_supervised.pick(patches, seen).mean(1, keepdim=True).expand(-1, 36, -1),
            ]
        )
        nn.init.normal_(model.paint.weight, std=0.1)
        losses.append(loss(model(images, seen), patches, hidden))
        losses[-1].backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    same(losses)
    same(gradients)
    assert not any(name.startswith("encoder.head") for name in gradients[0]) and len(gradients[0]) > 40


def test_the_contrastive_loss(lesson, images):
    changed = [change(images, torch.Generator().manual_seed(4)) for change in both(lesson, "change_colour")]
    torch.testing.assert_close(*changed)
    losses = []
    for kind, loss in zip(*(both(lesson, n) for n in ("Projector", "nt_xent")), strict=True):
        torch.manual_seed(5)
        model = kind(self_supervised.new_encoder(0))
        losses.append(loss(model(images), model(changed[1]), 0.3))
    same(losses)


def test_the_probe(lesson):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    for truth in (features.argmax(axis=1), features @ rng.normal(size=(5, 2)) + rng.normal(size=(60, 2))):
        one, other = (probe(features, truth).score(features, truth) for probe in both(lesson, "linear_probe"))
        assert one == pytest.approx(other, abs=1e-12)


def test_the_record_is_of_what_the_page_says():
    record = runs.load_result("self_supervised")
    settings, choices = record["settings"], record["choices"]
    assert len(record["seeds"]) >= 3 and record["choice_seed"] not in record["seeds"]
    for kind, name in (("masked", "visible"), ("contrastive", "temperature")):
        by_value = choices[kind]["objective"]
        assert float(max(by_value, key=by_value.get)) == settings["options"][kind][name]
    assert settings["options"]["masked"]["visible"] == self_supervised.VISIBLE
    assert settings["options"]["contrastive"]["temperature"] == self_supervised.TEMPERATURE
    assert settings["network"] == self_supervised.NETWORK
    assert settings["pretraining"] == self_supervised.PRETRAINING
    assert (settings["steps"], settings["extra_steps"]) == (
        self_supervised.STEPS,
        self_supervised.EXTRA_STEPS,
    )
