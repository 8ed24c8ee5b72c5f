"""Patches without an order: the same patches of every picture at other places, and three networks that get to see them.

The chapter `6_faq/cnn_or_transformer` writes `shuffle_patches` and `without_positions` out; `scripts/record_order.py`
trains on such pictures, over seeds.
"""

import numpy as np
import torch
from torch import nn

from utils.data.checks import check_rng
from utils.tokens import patchify, unpatchify
from utils.torch_models import VisionTransformer, build_cnn


def shuffle_patches(images: np.ndarray, patch_size: int, rng: np.random.Generator) -> np.ndarray:
    """Put the patches of each image (B, H, W, C) into an order of its own; what is in a patch stays."""
    check_rng(rng)
    cut = np.stack([patchify(image, patch_size) for image in images])  # (B, N, P²C)
    order = rng.permuted(np.tile(np.arange(cut.shape[1]), (len(cut), 1)), axis=1)  # (B, N)
    mixed = np.take_along_axis(cut, order[..., None], axis=1)
    return np.stack([unpatchify(tokens, *images.shape[1:3], patch_size) for tokens in mixed])


def without_positions(model: VisionTransformer) -> VisionTransformer:
    """Set the positions of a Vision Transformer to 0, for good, and return it."""
    with torch.no_grad():
        model.pos_embed.zero_()
    model.pos_embed.requires_grad_(False)
    return model


def build_network(name: str) -> nn.Module:
    """Build `CNN`, `ViT` or `ViT, no positions` for digits of 8 × 8 pixels; about 70,000 parameters each."""
    if name == "CNN":
        return build_cnn(8, 1, padding=1)
    model = VisionTransformer(image_size=8, patch_size=2, in_channels=1, embed_dim=64, depth=2)
    return without_positions(model) if name.endswith("no positions") else model
