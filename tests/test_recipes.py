import json

import pytest
import torch

from utils.recipes import MODELS, RECIPES, build_model, build_optimisers, rate_at
from utils.torch_training import count_parameters

IMAGES = torch.rand(50, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_builds_and_trains_each_parameter_once(name):
    recipe = RECIPES[name]
    json.dumps(recipe.as_dict())
    model = build_model(recipe, IMAGES)
    assert model(IMAGES[:2]).shape == (2, 10)
    held = [p for o in build_optimisers(recipe, model) for g in o.param_groups for p in g["params"]]
    wanted = [p for p in model.parameters() if p.requires_grad]
    assert sorted(map(id, held)) == sorted(map(id, wanted))
    if name != "cnn_gpu_sooner":  # its weights are not kept
        assert count_parameters(model) * 2 < 3_000_000, "in float16 a checkpoint must stay below 3 MB"


@pytest.mark.parametrize("optimiser", ["adam", "sgd", "adamw", "muon"])
@pytest.mark.parametrize("model", ["whitened_cnn", "vit", "conv_vit"])
def test_each_optimiser_holds_each_parameter_once(model, optimiser):
    options = {"widths": (8, 8)} if model == "whitened_cnn" else {"embed_dim": 16, "depth": 1, "num_heads": 2}
    recipe = RECIPES["cnn_higher"].changed(model=model, options=options, optimiser=optimiser)
    network = build_model(recipe, IMAGES)
    held = [p for o in build_optimisers(recipe, network) for g in o.param_groups for p in g["params"]]
    assert len(held) == len(set(map(id, held))) == sum(p.requires_grad for p in network.parameters())


def test_the_rate_rises_in_the_warm_up_and_falls_after():
    recipe = RECIPES["vit_short"].changed(warm_up=0.1, schedule="cosine")
    assert rate_at(recipe, 0.05) == pytest.approx(0.5)
    assert rate_at(recipe, 0.1) == pytest.approx(1.0)
    assert rate_at(recipe, 0.55) == pytest.approx(0.5)
    assert 0 < rate_at(recipe, 0.999) < 1e-4
    linear = recipe.changed(warm_up=0.0, schedule="linear")
    assert [rate_at(linear, p) for p in (0, 0.25, 0.75)] == pytest.approx([1, 0.75, 0.25])
    assert rate_at(recipe.changed(warm_up=0.0, schedule="constant"), 0.9) == 1


def test_standardise_is_measured_or_left_out():
    model = build_model(RECIPES["cnn_sooner"], IMAGES)
    assert torch.allclose(model.standardise(IMAGES).mean((0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(model.standardise(IMAGES).std((0, 2, 3)), torch.ones(3), atol=1e-4)
    plain = build_model(RECIPES["first_cnn"], IMAGES)
    assert torch.equal(plain.standardise(IMAGES), IMAGES)


def test_a_recipe_refuses_what_does_not_exist():
    recipe = RECIPES["cnn_higher"]
    with pytest.raises(ValueError, match=f"unknown model 'resnet': choose one of {', '.join(MODELS)}"):
        recipe.changed(model="resnet")
    with pytest.raises(ValueError, match="unknown optimiser 'lion'"):
        recipe.changed(optimiser="lion")
    with pytest.raises(ValueError, match="unknown schedule"):
        recipe.changed(schedule="steps")
    with pytest.raises(ValueError, match="got 0 and 500"):
        recipe.changed(epochs=0)
