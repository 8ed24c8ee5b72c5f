"""Low-rank adaptation against sums by hand, against its own merge, and against the library peft."""

import copy

import numpy as np
import peft
import pytest
import torch
from torch import nn

from utils.lora import TARGETS, LoRALinear, add_lora, merge_lora, take_off_lora
from utils.torch_models import ConvEmbed, VisionTransformer

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def network():
    torch.manual_seed(0)
    model = VisionTransformer(
        image_size=16, embed_dim=16, depth=2, num_heads=2, num_classes=5, embed=ConvEmbed
    )
    return model.eval()


def filled(model, seed=1):
    """Give the matrices B numbers, as training would."""
    generator = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, LoRALinear):
            nn.init.normal_(layer.lora_B, generator=generator)
    return model


@pytest.fixture
def images():
    return torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("rank, alpha", [(1, 1.0), (2, 8.0), (3, 0.5)])
def test_a_layer_is_its_formula(rank, alpha):
    torch.manual_seed(0)
    linear = nn.Linear(5, 3).double()
    layer = filled(LoRALinear(linear, rank, alpha).double())
    assert layer.lora_A.shape == (rank, 5) and layer.lora_B.shape == (3, rank)
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    W, b, A, B = (t.detach().numpy() for t in (linear.weight, linear.bias, layer.lora_A, layer.lora_B))
    by_hand = np.array([[W @ v + b + alpha / rank * (B @ (A @ v)) for v in row] for row in x.numpy()])
    np.testing.assert_allclose(layer(x).detach(), by_hand, rtol=0, atol=1e-12)


def test_it_starts_as_the_old_model_and_a_learns_only_after_b(images):
    model, adapted = network(), add_lora(network(), 2, 8.0)
    assert torch.equal(model(images), adapted(images))
    adapted(images).square().sum().backward()
    for name, parameter in adapted.named_parameters():
        assert parameter.requires_grad == ("lora" in name)
        if "lora_A" in name:
            assert not parameter.grad.any()
        elif "lora_B" in name:
            assert parameter.grad.abs().max() > 0
        else:
            assert parameter.grad is None


@pytest.mark.parametrize("names, layers", [(TARGETS, 8), (("qkv",), 2), (("fc1", "fc2"), 4)])
def test_the_named_layers_are_adapted_and_no_others(names, layers):
    model = add_lora(network(), 3, 8.0, names)
    found = [name for name, module in model.named_modules() if isinstance(module, LoRALinear)]
    assert len(found) == layers and {name.rsplit(".", 1)[1] for name in found} == set(names)


def test_merged_is_the_same_function_and_taken_off_is_the_old_one(images):
    adapted = filled(add_lora(network(), 2, 8.0))
    expected, old = adapted(images), network()(images)
    assert (expected - old).abs().max() > 0.01
    merged = merge_lora(copy.deepcopy(adapted))
    torch.testing.assert_close(merged(images), expected, **CLOSE)
    assert {k: v.shape for k, v in merged.state_dict().items()} == {
        k: v.shape for k, v in network().state_dict().items()
    }
    assert torch.equal(take_off_lora(adapted)(images), old)


def test_a_layer_without_bias_can_be_merged():
    layer = filled(LoRALinear(nn.Linear(4, 3, bias=False), 2, 2.0))
    x = torch.randn(5, 4)
    assert layer.merged().bias is None
    torch.testing.assert_close(layer.merged()(x), layer(x), **CLOSE)


@pytest.mark.parametrize("rank, alpha", [(1, 8.0), (4, 8.0), (4, 3.0)])
def test_outputs_gradients_and_merge_are_those_of_peft(images, rank, alpha):
    ours = filled(add_lora(network(), rank, alpha))
    config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(TARGETS), lora_dropout=0.0)
    theirs = peft.inject_adapter_in_model(config, network())
    pairs = {
        name: (module, theirs.get_submodule(name))
        for name, module in ours.named_modules()
        if isinstance(module, LoRALinear)
    }
    with torch.no_grad():
        for layer, other in pairs.values():
            other.lora_A["default"].weight.copy_(layer.lora_A)
            other.lora_B["default"].weight.copy_(layer.lora_B)
    for model in (ours, theirs):
        nn.functional.cross_entropy(model(images), torch.arange(6) % 5).backward()
    torch.testing.assert_close(ours(images), theirs(images), **CLOSE)
    for layer, other in pairs.values():
        torch.testing.assert_close(layer.lora_A.grad, other.lora_A["default"].weight.grad, **CLOSE)
        torch.testing.assert_close(layer.lora_B.grad, other.lora_B["default"].weight.grad, **CLOSE)
        other.merge()
        torch.testing.assert_close(layer.merged().weight, other.get_base_layer().weight, **CLOSE)


def test_wrong_input_gets_a_sentence():
    for rank in (0, 4):
        with pytest.raises(ValueError, match=f"1 … 3 for this layer, got {rank}"):
            LoRALinear(nn.Linear(5, 3), rank, 8.0)
    with pytest.raises(ValueError, match="no dense layer called query or key"):
        add_lora(network(), 2, 8.0, ("query", "key"))
