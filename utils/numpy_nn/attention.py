"""Multi-head self-attention, forwards and backwards. Built in `3_algorithms/transformer_mathematics`."""

import numpy as np

from utils.checks import check_whole
from utils.numpy_nn.dense import Dense
from utils.numpy_nn.layer import Layer
from utils.numpy_nn.losses import softmax, softmax_backward
from utils.numpy_nn.positions import rotate


class Attention(Layer):
    """Let tokens take weighted means of each other's values, in A heads of E = D / A numbers: `eq-transformer-heads`.

    Parameters
    ----------
    embed_dim, num_heads : int
        D and A; A divides D.
    angles : array of shape (N, E / 2), optional
        Turns queries and keys by these angles before they meet: rotary positions, see `rotary_angles`.

    Attributes
    ----------
    qkv : Dense, D to 3D
        The projections of queries, keys and values side by side.
    proj : Dense, D to D
        Mixes what the heads have found.
    weights : array of shape (B, A, N, N)
        Of the last forward: how much token n (row) takes from each token (column); rows sum to 1.

    Source: A. Vaswani and others, Attention Is All You Need, 2017, equation 1 and section 3.2.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        rng: np.random.Generator,
        *,
        angles: np.ndarray | None = None,
        dtype: type = np.float32,
    ) -> None:
        super().__init__()
        if check_whole("embed_dim", embed_dim, 1) % check_whole("num_heads", num_heads, 1):
            raise ValueError(f"{embed_dim} numbers cannot be shared by {num_heads} heads")
        self.num_heads, self.embed_dim, self.angles = num_heads, embed_dim, angles
        self.scale = 1 / float(np.sqrt(embed_dim // num_heads))
        self.qkv = Dense(embed_dim, 3 * embed_dim, rng, dtype=dtype)
        self.proj = Dense(embed_dim, embed_dim, rng, dtype=dtype)
        self.weights: np.ndarray | None = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn tokens (B, N, D) into tokens (B, N, D), `eq-transformer-heads`."""
        x = self._check(x, "B", "N", self.embed_dim)
        queries, keys, values = self._split(self.qkv.forward(x))  # each (B, A, N, E)
        if self.angles is not None:
            queries, keys = rotate(queries, self.angles), rotate(keys, self.angles)
        scores = queries @ keys.swapaxes(-1, -2)  # (B, A, N, E) @ (B, A, E, N) -> (B, A, N, N)
        scores *= self.scale
        self.weights = softmax(scores)
        heads = self.weights @ values  # (B, A, N, N) @ (B, A, N, E) -> (B, A, N, E)
        z = self.proj.forward(self._join(heads))
        return self._remember(z, queries, keys, values, self.weights)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (B, N, D), `eq-transformer-attention-backward`; the projections then hold their gradients."""
        dz, queries, keys, values, weights = self._recall(dz)
        batch, count, width = dz.shape
        dheads = (
            self.proj.backward(dz).reshape(batch, count, self.num_heads, -1).swapaxes(1, 2)
        )  # (B, A, N, E)
        dvalues = weights.swapaxes(-1, -2) @ dheads
        dscores = softmax_backward(dheads @ values.swapaxes(-1, -2), weights)  # (B, A, N, N)
        dscores *= self.scale
        dqueries, dkeys = dscores @ keys, dscores.swapaxes(-1, -2) @ queries  # (B, A, N, N) @ (B, A, N, E)
        if self.angles is not None:
            dqueries, dkeys = rotate(dqueries, -self.angles), rotate(dkeys, -self.angles)
        dqkv = np.stack([dqueries, dkeys, dvalues])  # (3, B, A, N, E)
        return self.qkv.backward(dqkv.transpose(1, 3, 0, 2, 4).reshape(batch, count, 3 * width))

    def _split(self, qkv: np.ndarray) -> np.ndarray:
        """Give each head its part: (B, N, 3D) to (3, B, A, N, E)."""
        batch, count, _ = qkv.shape
        return qkv.reshape(batch, count, 3, self.num_heads, -1).transpose(2, 0, 3, 1, 4)

    def _join(self, heads: np.ndarray) -> np.ndarray:
        """Write the heads of a token side by side: (B, A, N, E) to (B, N, D)."""
        batch, _, count, _ = heads.shape
        return heads.swapaxes(1, 2).reshape(batch, count, self.embed_dim)
