"""The parts of a Vision Transformer and the whole of it, forwards and backwards. Built in `3_algorithms`.

Parts have the names that timm gives them, as in `utils.torch_models`.
"""

import numpy as np

from utils.checks import check_whole
from utils.numpy_nn.activations import GELU
from utils.numpy_nn.attention import Attention
from utils.numpy_nn.convolution import Convolution
from utils.numpy_nn.dense import Dense
from utils.numpy_nn.layer import Layer
from utils.numpy_nn.normalisation import LayerNorm
from utils.numpy_nn.positions import POSITION_STD, rotary_angles
from utils.tokens import sine_positions

POSITIONS = ("learned", "sine", "rotary", "none")


class PatchEmbed(Layer):
    """Cut images into P × P patches and map each to a token: `eq-transformer-patches`, a convolution of stride P.

    Attributes
    ----------
    proj : Convolution with weight (P, P, C, D) and bias (D)
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        in_channels: int,
        embed_dim: int,
        rng: np.random.Generator,
        *,
        dtype: type = np.float32,
    ) -> None:
        super().__init__()
        if check_whole("image_size", image_size, 1) % check_whole("patch_size", patch_size, 1):
            raise ValueError(f"patches of {patch_size} pixels do not fill an image of {image_size}")
        self.image_size = image_size
        self.proj = Convolution(in_channels, embed_dim, patch_size, rng, stride=patch_size, dtype=dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn images (B, H, W, C) into tokens (B, N, D), N = HW / P², row by row: `eq-transformer-patches`."""
        x = self._check(x, "B", self.image_size, self.image_size, self.proj.in_channels)
        maps = self.proj.forward(x)  # (B, H/P, W/P, D)
        return self._remember(maps.reshape(len(x), -1, maps.shape[3]), maps.shape)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (B, H, W, C)."""
        dz, shape = self._recall(dz)
        return self.proj.backward(dz.reshape(shape))


class Mlp(Layer):
    """Two dense layers with a GELU between, for each token by itself: equation `eq-transformer-mlp`."""

    def __init__(
        self, embed_dim: int, hidden_dim: int, rng: np.random.Generator, *, dtype: type = np.float32
    ) -> None:
        super().__init__()
        self.fc1 = Dense(embed_dim, hidden_dim, rng, dtype=dtype)
        self.act = GELU()
        self.fc2 = Dense(hidden_dim, embed_dim, rng, dtype=dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn tokens (..., D) into tokens (..., D), `eq-transformer-mlp`."""
        return self.fc2.forward(self.act.forward(self.fc1.forward(x)))

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (..., D)."""
        return self.fc1.backward(self.act.backward(self.fc2.backward(dz)))


class Block(Layer):
    """One layer of the encoder: attention, then an MLP, each on normalised tokens and added to what came in.

    Equations `eq-transformer-block` and, backwards, `eq-transformer-block-backward`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_ratio: float,
        rng: np.random.Generator,
        *,
        angles: np.ndarray | None = None,
        dtype: type = np.float32,
    ) -> None:
        super().__init__()
        self.norm1 = LayerNorm(embed_dim, dtype=dtype)
        self.attn = Attention(embed_dim, num_heads, rng, angles=angles, dtype=dtype)
        self.norm2 = LayerNorm(embed_dim, dtype=dtype)
        self.mlp = Mlp(embed_dim, int(mlp_ratio * embed_dim), rng, dtype=dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn tokens (B, N, D) into tokens (B, N, D), `eq-transformer-block`."""
        x = self._check(x, "B", "N", self.norm1.embed_dim)
        x = x + self.attn.forward(self.norm1.forward(x))
        return x + self.mlp.forward(self.norm2.forward(x))

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (B, N, D): each gradient goes past the layer and through it, `eq-transformer-block-backward`."""
        dz = dz + self.norm2.backward(self.mlp.backward(dz))
        return dz + self.norm1.backward(self.attn.backward(dz))


class VisionTransformer(Layer):
    """A Vision Transformer: patches become tokens, L blocks let them talk, their mean is classified: `eq-transformer-vit`.

    Parameters
    ----------
    image_size, patch_size : int
        H = W and P, in pixels; P divides H.
    embed_dim, depth, num_heads : int
        D, L and A; A divides D.
    mlp_ratio : float
        Width of the hidden layer of each block's MLP, in units of D.
    positions : "learned", "sine", "rotary" or "none"
        How tokens learn where they stand: a learned vector or one of sines (`utils.tokens.sine_positions`) is added to
        each token before the first block; or queries and keys are turned (`rotary_angles`), then 4 divides E = D / A.

    Source: A. Dosovitskiy and others, An Image Is Worth 16x16 Words, 2021; the mean in place of a class token as in
    L. Beyer and others, Better Plain ViT Baselines for ImageNet-1k, 2022.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        image_size: int = 32,
        patch_size: int = 4,
        in_channels: int = 3,
        num_classes: int = 10,
        embed_dim: int = 64,
        depth: int = 4,
        num_heads: int = 4,
        mlp_ratio: float = 2.0,
        positions: str = "learned",
        dtype: type = np.float32,
    ) -> None:
        super().__init__()
        if positions not in POSITIONS:
            raise ValueError(
                f"unknown positions {positions!r}: choose one of {', '.join(map(repr, POSITIONS))}"
            )
        check_whole("depth", depth, 1)
        self.patch_embed = PatchEmbed(image_size, patch_size, in_channels, embed_dim, rng, dtype=dtype)
        side = image_size // patch_size
        self.fixed_positions = None
        if positions == "learned":
            start = POSITION_STD * rng.standard_normal((1, side**2, embed_dim))
            self.parameters = {"pos_embed": start.astype(dtype)}
        elif positions == "sine":
            self.fixed_positions = sine_positions(side**2, embed_dim).astype(dtype)
        angles = rotary_angles(side, side, embed_dim // num_heads) if positions == "rotary" else None
        self.blocks = [
            Block(embed_dim, num_heads, mlp_ratio, rng, angles=angles, dtype=dtype) for _ in range(depth)
        ]
        self.norm = LayerNorm(embed_dim, dtype=dtype)
        self.head = Dense(embed_dim, num_classes, rng, dtype=dtype)

    def forward_features(self, x: np.ndarray) -> np.ndarray:
        """Turn images (B, H, W, C) into the tokens after the last block, normalised, (B, N, D)."""
        x = self.patch_embed.forward(x)  # (B, N, D)
        if self.parameters:
            x = x + self.parameters["pos_embed"]
        elif self.fixed_positions is not None:
            x = x + self.fixed_positions
        for block in self.blocks:
            x = block.forward(x)
        return self.norm.forward(x)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn images (B, H, W, C) into logits (B, Y), `eq-transformer-vit`."""
        tokens = self.forward_features(x)
        z = self.head.forward(tokens.mean(axis=1))  # (B, N, D) -> (B, D) -> (B, Y)
        return self._remember(z, tokens.shape)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (B, H, W, C); all parts then hold their gradients."""
        dz, shape = self._recall(dz)
        dmean = self.head.backward(dz)[:, None] / shape[1]  # (B, 1, D): each of N tokens has a share of 1 / N
        dtokens = self.norm.backward(np.broadcast_to(dmean, shape))
        for block in reversed(self.blocks):
            dtokens = block.backward(dtokens)
        if self.parameters:
            self.gradients = {"pos_embed": dtokens.sum(axis=0, keepdims=True)}
        return self.patch_embed.backward(dtokens)
