import numpy as np
import pytest
import torch

from utils.tokens import sine_positions
from utils.torch_heads import (
    attention_maps,
    distance_between_heads,
    distance_between_images,
    set_positions,
    without_heads,
)
from utils.torch_models import VisionTransformer


@pytest.fixture
def model():
    torch.manual_seed(0)
    return VisionTransformer(image_size=8, patch_size=2, embed_dim=12, depth=2, num_heads=3).eval()


@pytest.fixture
def images():
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_maps_are_those_of_the_forward_pass(model, images):
    maps = attention_maps(model, images)
    assert maps.shape == (2, 4, 3, 16, 16)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    seen = []
    for block in model.blocks:
        block.attn.register_forward_hook(lambda layer, given, _: seen.append(layer.weights(given[0])))
    with torch.no_grad():
        model(images)
    np.testing.assert_allclose(maps, torch.stack(seen), atol=1e-6)
    for bad in (images[0], images[:0]):
        with pytest.raises(ValueError, match=r"shape \(B, C, H, W\)"):
            attention_maps(model, bad)


def test_a_silent_head_passes_nothing_on_and_comes_back(model, images):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    attention = model.blocks[1].attn
    tokens = torch.rand(1, 16, 12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        full = attention(tokens)
        _, _, values = attention.split(tokens)
        said = attention.weights(tokens) @ values  # (1, A, N, E)
        part = said[:, 1] @ attention.proj.weight[:, 4:8].T  # what head 1 adds
        with without_heads(model, 1, [1]):
            np.testing.assert_allclose(attention(tokens), full - part, atol=1e-6)
        with without_heads(model, 1, range(3)):
            np.testing.assert_allclose(attention(tokens), attention.proj.bias.expand(1, 16, 12), atol=1e-6)
        with without_heads(model, 0, []):
            np.testing.assert_allclose(attention(tokens), full)
    with pytest.raises(RuntimeError), without_heads(model, 0, [2]):
        raise RuntimeError("the heads come back even then")
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_without_heads_wants_a_head_that_exists(model):
    with pytest.raises(ValueError, match="layers 0 to 1, got 2"), without_heads(model, 2, [0]):
        pass
    for heads in ([3], [-1]):
        with pytest.raises(ValueError, match="heads 0 to 2, got"), without_heads(model, 0, heads):
            pass


def test_distances_are_0_for_equal_and_1_for_disjoint_maps():
    one, other = np.eye(4), np.roll(np.eye(4), 1, axis=1)
    maps = np.stack([[one, other], [one, other]])  # (B, A, N, N)
    assert distance_between_heads(maps) == 1 and distance_between_images(maps) == 0
    assert distance_between_heads(maps.swapaxes(0, 1)) == 0
    assert distance_between_images(maps.swapaxes(0, 1)) == 1
    with pytest.raises(ValueError, match="at least two heads"):
        distance_between_heads(maps[:, :1])
    with pytest.raises(ValueError, match="at least two images"):
        distance_between_images(maps[:1])


def test_positions_start_as_told(model):
    assert 0.01 < model.pos_embed.std() < 0.03
    assert set_positions(model, "small") is model and model.pos_embed.requires_grad
    assert 0.7 < set_positions(model, "large").pos_embed.std() < 1.3 and model.pos_embed.requires_grad
    table = sine_positions(16, 12)
    set_positions(model, "fixed", table)
    np.testing.assert_allclose(model.pos_embed[0].detach(), table, atol=1e-6)
    assert not model.pos_embed.requires_grad
    assert set_positions(model, "none").pos_embed.abs().sum() == 0
    for start, wrong in (("big", None), ("fixed", None), ("none", table)):
        with pytest.raises(ValueError, match="start must be"):
            set_positions(model, start, wrong)
    with pytest.raises(ValueError, match=r"shape \(16, 12\), got \(12, 16\)"):
        set_positions(model, "fixed", table.T)
