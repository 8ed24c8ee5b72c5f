"""Look into the attention of the course's Vision Transformer, and take heads away.

Made for `utils.torch_models.VisionTransformer`; the chapter `2_concepts/attention_and_tokens` shows how.
"""

import contextlib
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from utils.tokens import jensen_shannon
from utils.torch_models import POSITION_STD, VisionTransformer


@torch.no_grad()
def attention_maps(model: VisionTransformer, images: torch.Tensor) -> np.ndarray:
    """Return what each head of each layer looks at, for images (B, C, H, W): float32 (L, B, A, N, N).

    Row i of the last two axes says how much token i takes from each token, and sums to 1.
    """
    if images.ndim != 4 or not len(images):
        raise ValueError(f"images must have the shape (B, C, H, W) with B > 0, got {tuple(images.shape)}")
    tokens, maps = model.patch_embed(images) + model.pos_embed, []
    for block in model.blocks:
        maps.append(block.attn.weights(block.norm1(tokens)))  # (B, A, N, N)
        tokens = block(tokens)
    return torch.stack(maps).numpy()


def distance_between_heads(maps: np.ndarray) -> float:
    """Return how differently the heads of one layer look, maps (B, A, N, N): the mean over tokens, images, pairs of heads.

    The Jensen-Shannon divergence, in bits: 0 if all heads look alike, 1 if no two share a token.
    """
    if maps.ndim != 4 or maps.shape[1] < 2:
        raise ValueError(f"need maps (B, A, N, N) of at least two heads, got {maps.shape}")
    one, other = np.triu_indices(maps.shape[1], 1)  # each pair of heads
    return float(jensen_shannon(maps[:, one], maps[:, other]).mean())


def distance_between_images(maps: np.ndarray) -> float:
    """Return how differently a head looks at an image and at the next one, maps (B, A, N, N), in bits, on average."""
    if maps.ndim != 4 or len(maps) < 2:
        raise ValueError(f"need maps (B, A, N, N) of at least two images, got {maps.shape}")
    return float(jensen_shannon(maps[:-1], maps[1:]).mean())


@contextlib.contextmanager
def without_heads(model: VisionTransformer, layer: int, heads: Iterable[int]) -> Iterator[VisionTransformer]:
    """Silence some heads of one layer while the `with` block runs, then put them back.

    What a head says passes through its own E columns of the projection; these are set to 0.
    """
    heads = list(heads)
    if not 0 <= layer < len(model.blocks):
        raise ValueError(f"there are layers 0 to {len(model.blocks) - 1}, got {layer}")
    attention = model.blocks[layer].attn
    if any(not 0 <= head < attention.num_heads for head in heads):
        raise ValueError(f"there are heads 0 to {attention.num_heads - 1}, got {heads}")
    weight = attention.proj.weight  # (D, A · E)
    kept, width = weight.detach().clone(), weight.shape[1] // attention.num_heads
    try:
        with torch.no_grad():
            for head in heads:
                weight[:, head * width : (head + 1) * width] = 0
        yield model
    finally:
        with torch.no_grad():
            weight.copy_(kept)


def set_positions(model: VisionTransformer, start: str, table: np.ndarray | None = None) -> VisionTransformer:
    """Choose how the model learns where a token stands, before it is trained.

    Parameters
    ----------
    start : {"none", "small", "large", "fixed"}
        No positions at all; learned ones that start at random, with the standard deviation `POSITION_STD` as they
        come, or 1; or `table`, shape (N, D), which training does not change.
    """
    if start not in ("none", "small", "large", "fixed") or (start == "fixed") != (table is not None):
        raise ValueError(f"start must be 'none', 'small', 'large', or 'fixed' with a table, got {start!r}")
    positions = model.pos_embed
    if table is not None and tuple(table.shape) != tuple(positions.shape[1:]):
        raise ValueError(f"the table must have the shape {tuple(positions.shape[1:])}, got {table.shape}")
    with torch.no_grad():
        if start == "none":
            positions.zero_()
        elif start == "large":
            positions.mul_(1 / POSITION_STD)
        elif start == "fixed":
            positions.copy_(torch.as_tensor(table, dtype=positions.dtype))
    positions.requires_grad_(start in ("small", "large"))
    return model
