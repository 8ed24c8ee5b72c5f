import numpy as np
import pytest
import torch
from torch import nn

from utils.keras_models import build_cnn as build_keras_cnn
from utils.torch_models import Attention, Block, ConvEmbed, PatchEmbed, VisionTransformer, build_cnn
from utils.torch_training import count_parameters


def seeded(make):
    torch.manual_seed(0)
    return make()


def test_cnn_has_the_parameters_and_shapes_of_its_keras_twin():
    network, twin = build_cnn(), build_keras_cnn()
    assert count_parameters(network) == twin.count_params() == 122_570
    images = torch.zeros(2, 3, 32, 32)
    for name, layer in network.named_children():
        images = layer(images)
        if not name.startswith("relu"):
            shape = twin.get_layer(name).output.shape[1:]
            assert images.shape[1:] == (torch.Size([shape[-1], *shape[:-1]])), name
    assert build_cnn(image_size=18, in_channels=1, num_classes=4)(torch.zeros(1, 1, 18, 18)).shape == (1, 4)
    with pytest.raises(ValueError, match="image_size must be at least 18, got 17"):
        build_cnn(image_size=17)


def test_patch_embedding_is_a_dense_layer_on_each_patch_row_by_row():
    embed = seeded(lambda: PatchEmbed(image_size=8, patch_size=4, in_channels=3, embed_dim=5))
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    patch = images[:, :, 0:4, 4:8].flatten(1)  # the second in the first row
    expected = patch @ embed.proj.weight.flatten(1).T + embed.proj.bias
    np.testing.assert_allclose(embed(images)[:, 1].detach(), expected.detach(), atol=1e-6)
    with pytest.raises(ValueError, match="patches of 3 pixels do not fill an image of 8"):
        PatchEmbed(image_size=8, patch_size=3, in_channels=3, embed_dim=5)


@pytest.mark.parametrize(("patch_size", "reach"), [(4, 4 + 1 + 2 + 4), (8, 8 + 1 + 2 + 4)])
def test_convolutions_make_as_many_tokens_as_patches_and_row_by_row(patch_size, reach):
    embed = seeded(lambda: ConvEmbed(image_size=32, patch_size=patch_size, in_channels=3, embed_dim=8)).eval()
    side = 32 // patch_size
    images = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    tokens = embed(images)
    assert tokens.shape == (20, embed.num_patches, 8) and embed.num_patches == side**2
    middle = {"row": side // 2, "column": side // 2 - 1}
    tokens[:, side * middle["row"] + middle["column"]].sum().backward()
    rows, columns = (images.grad.abs().sum(dim=(0, 1, axis)).nonzero().flatten() for axis in (3, 2))
    for seen, place in zip((rows, columns), middle.values(), strict=True):
        assert len(seen) == reach and seen[len(seen) // 2] == place * patch_size
    for wrong in (
        {"image_size": 32, "patch_size": 2},
        {"image_size": 30, "patch_size": patch_size},
    ):
        with pytest.raises(ValueError, match="tokens of 4 or 8 pixels"):
            ConvEmbed(**wrong, in_channels=3, embed_dim=8)


def test_attention_equals_pytorch():
    ours = seeded(lambda: Attention(embed_dim=12, num_heads=3)).double()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.proj.weight.data, ours.proj.bias.data
    tokens = torch.randn(2, 7, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected, weights = theirs(tokens, tokens, tokens, average_attn_weights=False)
    np.testing.assert_allclose(ours(tokens).detach(), expected.detach(), atol=1e-12)
    np.testing.assert_allclose(ours.weights(tokens).detach(), weights.detach(), atol=1e-12)
    with pytest.raises(ValueError, match="12 numbers cannot be shared by 5 heads"):
        Attention(embed_dim=12, num_heads=5)


def test_block_equals_pytorchs_encoder_layer():
    ours = seeded(lambda: Block(embed_dim=12, num_heads=3, mlp_ratio=2)).double().eval()
    theirs = (
        nn.TransformerEncoderLayer(12, 3, 24, 0.0, "gelu", batch_first=True, norm_first=True).double().eval()
    )
    names = {
        "self_attn.in_proj_weight": "attn.qkv.weight",
        "self_attn.in_proj_bias": "attn.qkv.bias",
        "self_attn.out_proj": "attn.proj",
        "linear": "mlp.fc",
        "norm": "norm",
    }
    state = ours.state_dict()
    for name, parameter in theirs.named_parameters():
        prefix = next(p for p in names if name.startswith(p))
        parameter.data = state[names[prefix] + name.removeprefix(prefix)].clone()
    tokens = torch.randn(2, 7, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    np.testing.assert_allclose(ours(tokens).detach(), theirs(tokens).detach(), atol=1e-12)


def test_vision_transformer_is_blind_to_order_without_positions_and_not_with():
    model = seeded(
        lambda: VisionTransformer(image_size=8, patch_size=4, embed_dim=8, depth=2, num_heads=2)
    ).eval()
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    swapped = torch.cat([images[:, :, 4:], images[:, :, :4]], dim=2)  # the two rows of patches change places
    with torch.no_grad():
        assert (model(images) - model(swapped)).abs().max() > 1e-4
        model.pos_embed.zero_()
        np.testing.assert_allclose(model(images), model(swapped), atol=1e-6)
    assert model.forward_features(images).shape == (3, 4, 8)


def test_every_parameter_of_the_vision_transformer_matters():
    model = seeded(lambda: VisionTransformer(image_size=8, patch_size=4, embed_dim=8, depth=2, num_heads=2))
    nn.functional.cross_entropy(model(torch.rand(4, 3, 8, 8)), torch.arange(4)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
