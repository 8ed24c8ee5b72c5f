"""What the lesson on transfer writes out gives the same as the package's copies."""

import copy

import pytest
import torch
from lessons import written_out
from torch import nn

from utils import lora, transfer
from utils.torch_models import ConvEmbed, VisionTransformer

SCOPE = {
    "copy": copy,
    "nn": nn,
    "torch": torch,
    "ConvEmbed": ConvEmbed,
    "VisionTransformer": VisionTransformer,
    "NETWORK": transfer.NETWORK,
    "fold_batch_norm": transfer.fold_batch_norm,
}


@pytest.fixture(scope="module")
def lesson():
    return written_out("4_code/transfer_and_lora", **SCOPE)


@pytest.fixture(scope="module")
def pretrained():
    torch.manual_seed(0)
    return transfer.prepare("scratch", None, 6).eval()


@pytest.fixture
def images():
    return torch.rand(5, 3, 24, 24, generator=torch.Generator().manual_seed(1))


def trainable(model):
    return {name: p.shape for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("way", transfer.WAYS)
def test_the_four_ways(lesson, pretrained, images, way):
    torch.manual_seed(2)
    one = lesson["prepare"](way, pretrained, 4, rank=3, alpha=5.0).eval()
    torch.manual_seed(2)
    other = transfer.prepare(way, pretrained, 4, rank=3, alpha=5.0).eval()
    assert trainable(one) == trainable(other)
    assert lesson["training_bytes"](one) == transfer.training_bytes(other)
    torch.testing.assert_close(one(images), other(images), rtol=0, atol=0)


@pytest.mark.parametrize("last", ["merge_lora", "take_off_lora"])
def test_lora(lesson, pretrained, images, last):
    folded = transfer.fold_batch_norm(pretrained)
    found = []
    for module, kind in ((lesson, lesson["LoRALinear"]), (vars(lora), lora.LoRALinear)):
        torch.manual_seed(3)
        model = module["add_lora"](copy.deepcopy(folded), 2, 6.0)
        for layer in model.modules():
            if isinstance(layer, kind):
                nn.init.normal_(layer.lora_B)
        found.append((model(images), module[last](model)(images)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_shares(lesson, pretrained):
    torch.manual_seed(4)
    moved = {"a": torch.randn(6, 4), "b": torch.randn(3, 5)}
    for rank in (0, 1, 3):
        assert lesson["share_of_rank"](moved, rank) == pytest.approx(transfer.share_of_rank(moved, rank))
