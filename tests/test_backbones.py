"""The sizes of published backbones: two counts that know nothing of each other, and numbers that others have published."""

import pytest

from utils import model_sizes
from utils.backbones import image_layers, published_backbones, shapes_only
from utils.torch_training import count_parameters

BACKBONES = {backbone.name: backbone for backbone in published_backbones()}


@pytest.mark.parametrize("name", BACKBONES)
def test_the_counts_of_the_picture_side_agree(name):
    config = BACKBONES[name].config()
    model = shapes_only(config)
    picture_side = getattr(model, "vision_model", model)
    image_size = getattr(config, "vision_config", config).image_size  # positions are kept for this size
    counted = model_sizes.totals(image_layers(config, image_size))["parameters"]
    assert counted == pytest.approx(count_parameters(picture_side), rel=2e-3)
    assert next(model.parameters()).is_meta


def test_a_vit_is_counted_exactly():
    config = BACKBONES["google/vit-base-patch16-224-in21k"].config()
    counted = model_sizes.totals(image_layers(config, 224))["parameters"]
    assert counted == count_parameters(shapes_only(config)) == 85_798_656


@pytest.mark.parametrize(
    "name, millions",
    [
        ("facebook/dinov2-small", 21),
        ("facebook/dinov2-base", 86),
        ("facebook/dinov2-large", 300),
    ],
)
def test_dinov2_has_the_sizes_of_its_model_card(name, millions):
    assert count_parameters(shapes_only(BACKBONES[name].config())) == pytest.approx(millions * 1e6, rel=0.06)
