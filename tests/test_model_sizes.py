"""Counts against PyTorch, which counts the same networks on the device `meta`, and against the papers."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils import model_sizes as sizes
from utils.torch_models import VisionTransformer
from utils.torch_training import count_parameters

MODELS = {model.name: model for model in sizes.published_models()}


def counted_by_torch(network, channels=3, size=224):
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, channels, size, size, device="meta"))
    return count_parameters(network), counter.get_total_flops() // 2


def counted_here(layers):
    total = sizes.totals(layers)
    return total["parameters"], total["multiply_adds"]


@pytest.mark.parametrize("name", MODELS)
def test_counts_meet_the_papers(name):
    model = MODELS[name]
    total = sizes.totals(model.layers())
    assert total["parameters"] == pytest.approx(model.published_parameters, rel=model.rounding)
    if model.published_multiply_adds is not None:
        assert total["multiply_adds"] == pytest.approx(model.published_multiply_adds, rel=model.rounding)


def test_lenet_has_the_parameters_and_connections_of_its_paper():
    layers = {layer.name: layer for layer in sizes.lenet_5()}
    parameters = {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48_120, "F6": 10_164, "output": 0}
    assert {name: layer.parameters for name, layer in layers.items()} == parameters
    connections = {name: layer.multiply_adds + layer.outputs for name, layer in layers.items()}
    assert connections["C1"] == 122_304 and connections["S2"] == 5_880 and connections["C3"] == 151_600
    assert sum(connections.values()) - layers["output"].outputs == 340_908


def separable(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        layers = []
        for i, o, k, s in ((inputs, width, 1, stride), (width, width, 3, 1), (width, 4 * width, 1, 1)):
            layers += [nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o)]
        self.main = nn.Sequential(*layers)
        changed = stride > 1 or inputs != 4 * width
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
        )
        if not changed:
            self.shortcut = nn.Identity()

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


def vgg_16():
    layers, channels = [], 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers.append(nn.Conv2d(channels, width, 3, padding=1))
            channels = width
        layers.append(nn.MaxPool2d(2))
    dense = [nn.Linear(25_088, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers, nn.Flatten(), *dense)


def resnet_50():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(count):
            layers.append(Bottleneck(channels, width, stride if block == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def mobilenet():
    shape = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + 5 * [(512, 1)]
    layers, channels = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32)], 32
    for width, stride in [*shape, (1024, 2), (1024, 1)]:
        layers.append(separable(channels, width, stride))
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))


@pytest.mark.parametrize("make", [vgg_16, resnet_50, mobilenet])
def test_convolutional_networks_equal_pytorch(make):
    with torch.device("meta"):
        network = make()
    assert counted_by_torch(network) == counted_here(getattr(sizes, make.__name__)())


@pytest.mark.parametrize(
    "patch_size, width, depth, heads, classes", [(16, 768, 12, 12, 1000), (14, 64, 2, 4, 7)]
)
def test_vision_transformers_equal_pytorch(patch_size, width, depth, heads, classes):
    with torch.device("meta"):
        network = VisionTransformer(
            image_size=224,
            patch_size=patch_size,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            mlp_ratio=4,
            num_classes=classes,
        )
    shape = (224, patch_size, width, depth, 4 * width, heads)
    layers = sizes.vision_transformer(*shape, num_classes=classes, class_token=False)
    assert counted_by_torch(network) == counted_here(layers)
    outputs = []
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.LayerNorm):
            module.register_forward_hook(lambda _, __, result: outputs.append(result.numel()))
    network(torch.empty(1, 3, 224, 224, device="meta"))
    n = (224 // patch_size) ** 2
    beside = n * width + depth * (heads * n * n + n * width)  # positions; weights and means of attention
    assert sizes.totals(layers)["outputs"] == sum(outputs) + beside
    with_token = sizes.vision_transformer(*shape, num_classes=classes)
    more = sizes.totals(with_token)["parameters"] - sizes.totals(layers)["parameters"]
    assert more == 2 * width  # the token, and its position


def test_memory_counts_copies():
    assert sizes.memory_bytes(10) == 40 and sizes.memory_bytes(10, 2) == 20
    assert sizes.memory_bytes(10, copies=4) == 160


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: sizes.convolution("c", 8, 3, 6, 0),
            "kernel_size must be a whole number of at least 1, got 0",
        ),
        (lambda: sizes.convolution("c", 8, 3, 6, 3, groups=2), "2 groups cannot share 3 and 6"),
        (lambda: sizes.dense("d", 1.5, 3), "inputs must be a whole number of at least 1, got 1.5"),
        (lambda: sizes.dense("d", float("nan"), 3), "inputs must be a whole number"),
        (lambda: sizes.normalisation("n", 3, -1), "places must be"),
        (lambda: sizes.attention_products("a", 4, 10, 3), "10 numbers cannot be shared by 3 heads"),
        (lambda: sizes.vision_transformer(224, 15, 8, 1, 8, 2), "patches of 15 pixels do not fill"),
        (lambda: sizes.vision_transformer(224, 16, 8, 0, 8, 2), "depth must be"),
        (lambda: sizes.vision_transformer(224, 16, 8, 1, 8, 2, num_classes=-1), "num_classes must be"),
        (lambda: sizes.totals([]), "the list of layers is empty"),
        (lambda: sizes.memory_bytes(0), "parameters must be"),
    ],
)
def test_wrong_sizes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
