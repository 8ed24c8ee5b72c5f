import pytest
import torch
from torch.nn import functional

from utils.data import load
from utils.torch_models import Standardise
from utils.torch_training import to_tensor
from utils.whitened_cnn import WhitenedCnn, whitening_kernels


@pytest.fixture(scope="module")
def images():
    raw = to_tensor(load("scenes", "train", count=400, seed=0).images)
    return Standardise(raw.mean((0, 2, 3)).tolist(), raw.std((0, 2, 3)).tolist())(raw)


@pytest.mark.parametrize("kernel_size", [2, 3])
def test_whitened_patches_are_uncorrelated_and_of_variance_one(images, kernel_size):
    kernels = whitening_kernels(images, kernel_size, epsilon=0.0)
    answers = (
        functional.conv2d(images, kernels, stride=kernel_size).transpose(0, 1).flatten(1)
    )  # (kernels, places)
    assert torch.allclose(torch.cov(answers), torch.eye(3 * kernel_size**2), atol=0.02)


def test_the_strongest_kernel_comes_first_and_epsilon_tames_the_weakest(images):
    tamed, free = (whitening_kernels(images, 2, epsilon=e).flatten(1).norm(dim=1) for e in (5e-4, 0.0))
    assert (free.diff() > 0).all(), "a strong direction needs little amplification"
    assert tamed[-1] < free[-1]


def test_the_first_layer_is_measured_and_never_trained(images):
    model = WhitenedCnn(widths=(8, 16), kernel_size=4, stride=2, kernels=6, convolutions=(1, 2))
    model.measure(images)
    kernels = model.whiten.weight.detach().clone()
    assert kernels.shape == (12, 3, 4, 4)
    assert torch.equal(kernels[:6], -kernels[6:])
    assert torch.equal(kernels[:6], whitening_kernels(images, 4)[:6])
    model(images[:4]).square().sum().backward()
    assert model.whiten.weight.grad is None and model.whiten.bias.grad is not None


def test_a_group_hands_its_input_on_at_first(images):
    model = WhitenedCnn(widths=(30, 40))
    model.measure(images)
    kernel = model.groups[0].convs[0].weight.detach()
    assert kernel.shape == (30, 24, 3, 3)
    assert torch.allclose(
        functional.conv2d(torch.ones(1, 24, 5, 5), kernel, padding=1)[:, :24], torch.ones(1)
    )
    assert model.forward_features(images[:2]).shape == (2, 40, 7, 7)
    assert model(images[:2]).shape == (2, 10)


def test_the_answer_is_the_largest_of_each_map_through_the_head(images):
    model = WhitenedCnn(widths=(8,), convolutions=(1,), num_classes=5).eval()
    model.measure(images)
    maps = model.forward_features(images[:3])
    assert torch.allclose(model(images[:3]), maps.flatten(2).max(2).values @ model.head.weight.T / 9)


def test_without_whitening_the_first_layer_is_trained(images):
    model = WhitenedCnn(widths=(8,), whitened=False)
    before = model.whiten.weight.detach().clone()
    model.measure(images)
    assert torch.equal(model.whiten.weight, before)
    model(images[:4]).square().sum().backward()
    assert model.whiten.weight.grad.abs().max() > 0
