"""What `4_code/training_recipes` writes out is what `utils` has."""

import copy
import inspect

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional

from utils import diagnosis, muon, training_faults, whitened_cnn
from utils.data import load
from utils.torch_training import first_weights, to_tensor

DIGITS = load("digits", "train", count=300, seed=0)
IMAGES, LABELS = to_tensor(DIGITS.images), torch.from_numpy(DIGITS.labels)


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "4_code/training_recipes",
        np=np,
        torch=torch,
        nn=nn,
        functional=functional,
        copy=copy,
        first_weights=first_weights,
    )


@pytest.mark.parametrize(
    "kind", [training_faults.Pipeline, *training_faults.FAULTS], ids=lambda k: k.__name__
)
def test_each_pipeline_is_the_packages(lesson, kind):
    ours, package = (k(IMAGES, LABELS, 10, 3) for k in (lesson[kind.__name__], kind))
    assert diagnosis.loss_at_start(ours) == diagnosis.loss_at_start(package)
    assert ours.train(1) == package.train(1)
    assert ours.accuracy(IMAGES[:50], LABELS[:50]) == package.accuracy(IMAGES[:50], LABELS[:50])
    for own, other in zip(ours.model.parameters(), package.model.parameters(), strict=True):
        assert torch.equal(own, other) or kind is training_faults.StepsTooLarge


@pytest.mark.parametrize(
    "name", ["loss_at_start", "overfit_one_batch", "step_sizes", "same_answers_alone_and_together"]
)
def test_each_check_is_the_packages(lesson, name):
    pipeline = training_faults.Pipeline(IMAGES, LABELS, 10, 0)
    ours, package = lesson[name](pipeline), getattr(diagnosis, name)(pipeline)
    assert ours == package
    assert (
        inspect.signature(lesson[name]).parameters.keys()
        == inspect.signature(getattr(diagnosis, name)).parameters.keys()
    )


def test_kernels_and_steps_are_the_packages(lesson):
    images = torch.rand(20, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for size in (2, 4):
        ours, package = (
            f(images, size) for f in (lesson["whitening_kernels"], whitened_cnn.whitening_kernels)
        )
        assert torch.equal(ours, package)
    for shape in ((5, 9), (9, 5)):
        matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
        assert torch.equal(lesson["orthogonalise"](matrix), muon.orthogonalise(matrix))


def test_the_smoothed_loss_is_pytorchs(lesson):
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(7, 4, generator=generator), torch.tensor([0, 1, 2, 3, 0, 1, 2])
    for share in (0.0, 0.1, 0.9):
        np.testing.assert_allclose(
            lesson["smoothed_cross_entropy"](logits, labels, share),
            functional.cross_entropy(logits, labels, label_smoothing=share),
            rtol=1e-5,
        )
