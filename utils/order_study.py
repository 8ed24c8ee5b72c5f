"""Patches without an order: the same patches of every picture at other places, and three networks that get to see them.

The chapter `6_faq/cnn_or_transformer` writes `shuffle_patches` and `without_positions` out; `scripts/record_order.py`
trains on such pictures, over seeds.
"""

import numpy as np
import torch
from torch import nn

from utils.data.checks import check_rng
from utils.torch_models import VisionTransformer, build_cnn


def shuffle_patches(images: np.ndarray, patch_size: int, rng: np.random.Generator) -> np.ndarray:
    """Put the patches of each image (B, H, W, C) into an order of its own; what is in a patch stays."""
    check_rng(rng)
    count, height, width, channels = images.shape
    if height % patch_size or width % patch_size:
        raise ValueError(f"patches of {patch_size} pixels do not fill images of {height} × {width}")
    rows, columns = height // patch_size, width // patch_size
    cut = images.reshape(count, rows, patch_size, columns, patch_size, channels)
    cut = cut.swapaxes(2, 3).reshape(count, rows * columns, -1)  # (B, N, P·P·C)
    mixed = rng.permuted(np.tile(np.arange(rows * columns), (count, 1)), axis=1)  # (B, N)
    cut = np.take_along_axis(cut, mixed[..., None], axis=1)
    cut = cut.reshape(count, rows, columns, patch_size, patch_size, channels)
    return cut.swapaxes(2, 3).reshape(images.shape)


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
