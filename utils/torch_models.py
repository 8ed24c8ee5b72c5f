"""Networks in PyTorch: the course's first CNN, and a small Vision Transformer with the names that timm gives its parts.

Images come in as float32 (B, C, H, W), the order that PyTorch's layers want. The Vision Transformer is used from part 1
on as a black box, and taken apart in the parts on concepts, algorithms and code.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from utils.numpy_nn.cnn import last_map_size
from utils.numpy_nn.positions import POSITION_STD


def build_cnn(
    image_size: int = 32, in_channels: int = 3, num_classes: int = 10, padding: int = 0
) -> nn.Sequential:
    """Build the course's first convolutional network: 122,570 parameters for 32 × 32 × 3 images and 10 classes.

    Three convolutions of 32, 64 and 64 kernels, 3 × 3, ReLU; 2 × 2 max-pooling after the first two; a hidden layer
    of 64. The same layers as `utils.keras_models.build_cnn`, without its softmax, and as `utils.numpy_nn.build_cnn`.

    Parameters
    ----------
    image_size : int
        H = W; at least 18 without padding, at least 4 with a padding of 1.
    padding : 0 or 1
        Zeros around the maps before each convolution; 1 keeps their size, and makes room for small images.

    Returns
    -------
    Sequential
        float32 images (B, C, H, W) in [0, 1] to logits (B, Y).
    """
    side = last_map_size(image_size, padding)
    layers = {
        "convolution_1": nn.Conv2d(in_channels, 32, 3, padding=padding),
        "relu_1": nn.ReLU(),
        "pooling_1": nn.MaxPool2d(2),
        "convolution_2": nn.Conv2d(32, 64, 3, padding=padding),
        "relu_2": nn.ReLU(),
        "pooling_2": nn.MaxPool2d(2),
        "convolution_3": nn.Conv2d(64, 64, 3, padding=padding),
        "relu_3": nn.ReLU(),
        "flatten": nn.Flatten(),  # (B, 64, side, side) -> (B, 64·side·side)
        "hidden": nn.Linear(64 * side * side, 64),
        "relu_4": nn.ReLU(),
        "classes": nn.Linear(64, num_classes),
    }
    network = nn.Sequential()
    for name, layer in layers.items():
        network.add_module(name, layer)
    return network


class Standardise(nn.Module):
    """Shift and scale each channel of images (B, C, H, W): (images - mean) / std, with buffers, nothing to train."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images):
        return (images - self.mean) / self.std


class PatchEmbed(nn.Module):
    """Cut images (B, C, H, W) into P × P patches and map each to a token: (B, N, D), N = HW / P², row by row."""

    def __init__(self, image_size: int, patch_size: int, in_channels: int, embed_dim: int):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"patches of {patch_size} pixels do not fill an image of {image_size}")
        self.num_patches = (image_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_channels, embed_dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.proj(images).flatten(2).transpose(1, 2)  # (B, D, H/P, W/P) -> (B, D, N) -> (B, N, D)


class ConvEmbed(nn.Module):
    """Three small convolutions in place of one large: images (B, C, H, W) to tokens (B, N, D) of P × P pixels, P 4 or 8.

    Neighbouring tokens share pixels here, and a token is made in several steps; small Vision Transformers learn faster so.

    Source: T. Xiao and others, Early Convolutions Help Transformers See Better, 2021.
    """

    def __init__(self, image_size: int, patch_size: int, in_channels: int, embed_dim: int):
        super().__init__()
        if patch_size not in _STRIDES or image_size % patch_size:
            raise ValueError(
                f"the convolutions make tokens of 4 or 8 pixels, of images whose side is a multiple of that; "
                f"got {patch_size} and {image_size}"
            )
        self.num_patches = (image_size // patch_size) ** 2
        widths = (in_channels, embed_dim // 4, embed_dim // 2, embed_dim)
        self.convs = nn.ModuleList(
            nn.Conv2d(widths[i], widths[i + 1], 3, stride=stride, padding=1, bias=False)
            for i, stride in enumerate(_STRIDES[patch_size])
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])

    def forward(self, images):
        maps = images
        for i, (convolution, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            maps = norm(convolution(maps))
            if i < 2:
                maps = functional.relu(maps)
        return maps.flatten(2).transpose(1, 2)  # (B, D, H/P, W/P) -> (B, D, N) -> (B, N, D)


_STRIDES = {4: (2, 1, 2), 8: (2, 2, 2)}
"""The strides of the three convolutions by the size of a token: their product."""


class Attention(nn.Module):
    """Self-attention with A heads of E = D / A numbers, tokens (B, N, D) to tokens (B, N, D).

    Source: A. Vaswani and others, Attention Is All You Need, 2017, equation 1 and section 3.2.2.
    """

    def __init__(self, embed_dim: int, num_heads: int):
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"{embed_dim} numbers cannot be shared by {num_heads} heads")
        self.num_heads = num_heads
        self.scale = (embed_dim // num_heads) ** -0.5
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def split(self, tokens):
        """Return queries, keys and values, each (B, A, N, E)."""
        batch, count, width = tokens.shape
        heads = self.qkv(tokens).view(batch, count, 3, self.num_heads, width // self.num_heads)
        return heads.permute(2, 0, 3, 1, 4)  # (B, N, 3, A, E) -> (3, B, A, N, E)

    def weights(self, tokens):
        """Return how much each token takes from each other, (B, A, N, N); the last axis sums to 1."""
        queries, keys, _ = self.split(tokens)
        return self.compare(queries, keys)

    def compare(self, queries, keys):
        """Turn queries and keys, each (B, A, N, E), into weights (B, A, N, N)."""
        return (queries @ keys.transpose(-2, -1) * self.scale).softmax(dim=-1)

    def forward(self, tokens):
        queries, keys, values = self.split(tokens)
        weights = self.compare(queries, keys)  # (B, A, N, N)
        return self.proj((weights @ values).transpose(1, 2).flatten(2))  # (B, A, N, E) -> (B, N, D)


class Mlp(nn.Module):
    """Two dense layers with a GELU between, for each token by itself."""

    def __init__(self, embed_dim: int, hidden_dim: int):
        super().__init__()
        self.fc1 = nn.Linear(embed_dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, embed_dim)

    def forward(self, tokens):
        return self.fc2(functional.gelu(self.fc1(tokens)))


class Block(nn.Module):
    """One layer of the encoder: attention, then an MLP, each on normalised tokens and added to what came in."""

    def __init__(self, embed_dim: int, num_heads: int, mlp_ratio: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim)
        self.attn = Attention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.mlp = Mlp(embed_dim, int(mlp_ratio * embed_dim))

    def forward(self, tokens):
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class VisionTransformer(nn.Module):
    """A Vision Transformer: patches become tokens, L blocks let them talk, their mean is classified.

    Source: A. Dosovitskiy and others, An Image Is Worth 16x16 Words, 2021; the mean in place of a class token as in
    L. Beyer and others, Better Plain ViT Baselines for ImageNet-1k, 2022.

    Parameters
    ----------
    image_size, patch_size : int
        H = W and P, in pixels; P divides H.
    embed_dim, depth, num_heads : int
        D, L and A; A divides D.
    mlp_ratio : float
        Width of the hidden layer of each block's MLP, in units of D.
    embed : class
        What turns images into tokens: `PatchEmbed` or `ConvEmbed`.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        patch_size: int = 4,
        in_channels: int = 3,
        num_classes: int = 10,
        embed_dim: int = 64,
        depth: int = 4,
        num_heads: int = 4,
        mlp_ratio: float = 2.0,
        embed: type[nn.Module] = PatchEmbed,
    ):
        super().__init__()
        self.patch_embed = embed(image_size, patch_size, in_channels, embed_dim)
        self.pos_embed = nn.Parameter(POSITION_STD * torch.randn(1, self.patch_embed.num_patches, embed_dim))
        self.blocks = nn.ModuleList([Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth)])
        self.norm = nn.LayerNorm(embed_dim)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward_features(self, images):
        """Turn images (B, C, H, W) into the tokens after the last block, normalised, (B, N, D)."""
        tokens = self.patch_embed(images) + self.pos_embed  # (B, N, D)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)

    def forward(self, images):
        """Turn images (B, C, H, W) into logits (B, Y)."""
        return self.head(self.forward_features(images).mean(dim=1))  # (B, N, D) -> (B, D) -> (B, Y)
