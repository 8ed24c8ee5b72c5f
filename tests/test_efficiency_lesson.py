"""What `5_trends_and_challenges/efficiency` writes out is what `utils.costs` and `utils.compression` have."""

import copy
import time
from itertools import pairwise

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from utils import compression, costs
from utils.model_sizes import Layer
from utils.torch_models import Attention, VisionTransformer
from utils.whitened_cnn import WhitenedCnn

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(6, 3, 24, 24, generator=GENERATOR)


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "5_trends_and_challenges/efficiency",
        np=np,
        torch=torch,
        nn=nn,
        functional=functional,
        copy=copy,
        time=time,
        pairwise=pairwise,
        fuse_conv_bn_eval=fuse_conv_bn_eval,
        Layer=Layer,
        Attention=Attention,
    )


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = WhitenedCnn(widths=(8, 12), kernel_size=4, stride=2, kernels=8, convolutions=(1, 2))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    return network.eval()


def test_costs_are_the_packages(lesson, network):
    for model in (network, VisionTransformer(image_size=24, embed_dim=16, depth=1, num_heads=2)):
        layers = lesson["layer_costs"](model, IMAGES)
        assert layers == costs.layer_costs(model, IMAGES)
        assert lesson["working_numbers"](layers) == costs.working_numbers(layers)


def test_times_are_the_packages(lesson):
    for clock in (lesson["time_side_by_side"], costs.time_side_by_side):
        now = iter(np.arange(100.0) ** 2)
        found = clock({"a": int, "b": int}, rounds=2, warm_up=1, clock=lambda now=now: next(now))
        np.testing.assert_array_equal([found["a"], found["b"]], [[5, 13], [9, 17]])


def test_bits_and_pruning_are_the_packages(lesson):
    weights = torch.randn(6, 4, 3, 3, generator=GENERATOR)
    for bits, per_channel in ((8, False), (3, True)):
        ours, theirs = (
            lesson["quantise"](weights, bits, per_channel),
            compression.quantise(weights, bits, per_channel),
        )
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])
    assert torch.equal(lesson["prune_smallest"](weights, 0.7), compression.prune_smallest(weights, 0.7))


def test_networks_that_are_folded_or_thinned_are_the_packages(lesson, network):
    for ours, theirs in (
        (lesson["fold_norms"](network), compression.fold_norms(network)),
        (lesson["keep_loudest"](network, (5, 6, 7)), compression.keep_loudest(network, (5, 6, 7))),
    ):
        with torch.no_grad():
            assert torch.equal(ours(IMAGES), theirs(IMAGES))
    with torch.no_grad():
        torch.testing.assert_close(
            lesson["fold_norms"](network)(IMAGES), network(IMAGES), rtol=1e-4, atol=1e-5
        )


def test_the_loss_of_a_student_is_the_packages(lesson):
    z, v = torch.randn(2, 8, 5, generator=GENERATOR)
    targets = functional.one_hot(torch.arange(8) % 5, 5).float()
    for options in ({}, {"temperature": 4.0, "share": 0.3}):
        ours = lesson["distillation_loss"](z, v, targets, **options)
        assert ours == compression.distillation_loss(z, v, targets, **options)


def test_the_front_and_the_choice_are_the_packages(lesson):
    rng = np.random.default_rng(0)
    accuracy, cost = rng.integers(0, 20, 30) / 20, rng.integers(1, 20, 30)
    np.testing.assert_array_equal(lesson["not_beaten"](accuracy, cost), costs.not_beaten(accuracy, cost))
    for points in (0, 0.1, 0.5):
        ours = lesson["cheapest_within"](accuracy, cost, points)
        assert ours == costs.cheapest_within(accuracy, cost, points)
        assert cost[ours] == cost[accuracy >= accuracy.max() - points - 1e-9].min()
