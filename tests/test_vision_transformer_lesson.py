"""What the lesson on the Vision Transformer writes out gives the same as the package's copies."""

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional

from utils import torch_models

TWINS = {
    "PatchEmbedding": (torch_models.PatchEmbed, (16, 8, 3, 12)),
    "Attention": (torch_models.Attention, (12, 3)),
    "Mlp": (torch_models.Mlp, (12, 20)),
    "EncoderBlock": (torch_models.Block, (12, 3, 2.0)),
    "ConvolutionalStem": (torch_models.ConvEmbed, (16, 8, 3, 12)),
}


@pytest.fixture(scope="module")
def lesson():
    return written_out("4_code/vision_transformer", torch=torch, nn=nn, functional=functional)


def randomised(module, seed):
    """Give all weights and statistics random numbers, so that none hides as a 0 or a 1."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.1 + torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype))
    return module


def assert_twins(ours, theirs, inputs):
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(randomised(theirs, 0).state_dict())
    for train in (True, False):
        with torch.no_grad():
            one, other = ours.train(train)(inputs), theirs.train(train)(inputs)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("seed", range(2))
def test_a_part(lesson, name, seed):
    twin, arguments = TWINS[name]
    pictures = name in ("PatchEmbedding", "ConvolutionalStem")
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn((2, 3, 16, 16) if pictures else (2, 7, 12), generator=generator).double()
    assert_twins(lesson[name](*arguments).double(), twin(*arguments).double(), inputs)


def test_the_weights_of_attention(lesson):
    ours, theirs = lesson["Attention"](12, 3).double(), torch_models.Attention(12, 3).double()
    ours.load_state_dict(theirs.state_dict())
    tokens = torch.randn(2, 7, 12, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        np.testing.assert_allclose(ours.weights(tokens), theirs.weights(tokens), rtol=0, atol=1e-12)


@pytest.mark.parametrize("stem", [False, True])
def test_the_whole(lesson, stem):
    sizes = {"image_size": 16, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 3, "num_classes": 5}
    ours = lesson["VisionTransformer"](
        **sizes, **({"embed": lesson["ConvolutionalStem"]} if stem else {})
    ).double()
    theirs = torch_models.VisionTransformer(**sizes, **({"embed": torch_models.ConvEmbed} if stem else {}))
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    assert_twins(ours, theirs.double(), images)
    with torch.no_grad():
        one, other = ours.forward_features(images), theirs.forward_features(images)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


def test_the_start_of_the_positions(lesson):
    torch.manual_seed(0)
    positions = lesson["VisionTransformer"](embed_dim=256, depth=1).pos_embed
    assert abs(positions.std().item() / torch_models.POSITION_STD - 1) < 0.05


def test_sizes_that_do_not_fit(lesson):
    with pytest.raises(ValueError, match="patches of 3 pixels do not fill an image of 8"):
        lesson["PatchEmbedding"](8, 3, 3, 12)
    with pytest.raises(ValueError, match="12 numbers cannot be shared by 5 heads"):
        lesson["Attention"](12, 5)
    with pytest.raises(ValueError, match="tokens of 8 pixels, got 4 of 32"):
        lesson["ConvolutionalStem"](32, 4, 3, 12)
