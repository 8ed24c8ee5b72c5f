"""Counts against hand counts and PyTorch's own counter; times with a clock that we turn by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils import costs, model_sizes
from utils.torch_models import ConvEmbed, VisionTransformer, build_cnn
from utils.torch_training import count_parameters
from utils.whitened_cnn import WhitenedCnn

MODELS = {
    "cnn": build_cnn(24, 3, 5),
    "whitened": WhitenedCnn(widths=(8, 12), kernel_size=4, stride=2, convolutions=(1, 2)),
    "vit": VisionTransformer(image_size=24, num_classes=5, embed_dim=16, depth=2, num_heads=2),
    "conv_vit": VisionTransformer(image_size=24, embed_dim=16, depth=1, num_heads=2, embed=ConvEmbed),
    "grouped": nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.ReLU(), nn.Conv2d(6, 4, 1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_count_is_that_of_pytorch_whatever_the_batch(name):
    model = MODELS[name]
    for batch in (1, 3):
        images = torch.rand(batch, 3, 24, 24)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.eval()(images)
        total = model_sizes.totals(costs.layer_costs(model, images))
        assert 2 * batch * total["multiply_adds"] == counter.get_total_flops()
        assert total["parameters"] == sum(p.numel() for p in model.parameters())


def test_the_count_is_that_by_hand_layer_by_layer():
    layers = {layer.name: layer for layer in costs.layer_costs(build_cnn(), torch.rand(1, 3, 32, 32))}
    by_hand = [
        model_sizes.convolution("convolution_1", 30, 3, 32, 3),
        model_sizes.convolution("convolution_2", 13, 32, 64, 3),
        model_sizes.convolution("convolution_3", 4, 64, 64, 3),
        model_sizes.dense("hidden", 1024, 64),
        model_sizes.dense("classes", 64, 10),
    ]
    for layer in by_hand:
        assert layers[layer.name] == layer
    assert layers["pooling_1"] == model_sizes.Layer("pooling_1", 0, 0, 32 * 15 * 15)


def test_the_vision_transformer_is_that_of_the_table():
    model = MODELS["vit"]
    ours = model_sizes.totals(costs.layer_costs(model, torch.rand(1, 3, 24, 24)))
    table = model_sizes.totals(
        model_sizes.vision_transformer(24, 4, 16, 2, 32, 2, num_classes=5, class_token=False)
    )
    assert ours["multiply_adds"] == table["multiply_adds"]
    assert ours["parameters"] == table["parameters"] == count_parameters(model)


def test_hooks_are_gone_afterwards_even_if_the_model_fails():
    model = build_cnn(24)
    costs.layer_costs(model, torch.rand(1, 3, 24, 24))
    with pytest.raises(RuntimeError):
        costs.layer_costs(model, torch.rand(1, 4, 24, 24))
    assert not any(module._forward_hooks for module in model.modules())


def test_working_numbers_is_the_largest_pair_of_neighbours():
    layers = [model_sizes.Layer("", 0, 0, outputs) for outputs in (5, 9, 2, 8, 4)]
    assert costs.working_numbers(layers) == 14
    with pytest.raises(ValueError, match="at least two layers, got 1"):
        costs.working_numbers(layers[:1])


def test_actions_take_turns_and_the_warm_up_is_not_timed():
    now, order = [0.0], []

    def action(name, lengths):
        def run():
            order.append(name)
            now[0] += lengths.pop(0)

        return run

    actions = {"a": action("a", [50.0, 1.0, 2.0]), "b": action("b", [60.0, 3.0, 4.0])}
    seconds = costs.time_side_by_side(actions, rounds=2, warm_up=1, clock=lambda: now[0])
    assert order == ["a", "b"] * 3
    np.testing.assert_array_equal(seconds["a"], [1, 2])
    np.testing.assert_array_equal(seconds["b"], [3, 4])
    with pytest.raises(ValueError, match="rounds must be"):
        costs.time_side_by_side(actions, rounds=0)


def test_quartiles():
    found = costs.median_and_quartiles([4.0, 1.0, 2.0, 3.0, 100.0])
    assert found == {"median": 3.0, "low": 2.0, "high": 4.0}
    for bad in ([], [[1.0]]):
        with pytest.raises(ValueError, match="a list of at least one time, got an array of shape"):
            costs.median_and_quartiles(bad)


def test_fewer_bits_cost_less_energy():
    assert costs.PICOJOULES["float32"] == pytest.approx(4.6)
    assert costs.PICOJOULES["float32"] > costs.PICOJOULES["float16"] > costs.PICOJOULES["int8"]


def test_who_is_not_beaten_and_who_is_cheapest():
    accuracy, cost = [0.90, 0.895, 0.80, 0.85, 0.85, 0.90], [9, 5, 1, 5, 2, 10]
    np.testing.assert_array_equal(costs.not_beaten(accuracy, cost), [1, 1, 1, 0, 1, 0])
    assert costs.cheapest_within(accuracy, cost) == 1
    assert costs.cheapest_within(accuracy, cost, points=0) == 0
    assert costs.cheapest_within(accuracy, cost, points=0.05) == 4
    assert costs.cheapest_within([0.9, 0.91, 0.91], [3, 3, 3]) == 1, "equal cost: the more accurate"
    assert costs.cheapest_within([0.5, 0.9], [0, 7]) == 1, "cheap and bad does not count"
    np.testing.assert_array_equal(costs.not_beaten([0.5, 0.5], [1, 1]), [True, True])
    for bad in ([0.5], [[0.5, 0.6]]):
        with pytest.raises(ValueError, match="one accuracy and one cost for each model"):
            costs.cheapest_within(bad, [1, 2])
    with pytest.raises(ValueError, match="one accuracy and one cost for each model"):
        costs.not_beaten([0.5], [1, 2])
