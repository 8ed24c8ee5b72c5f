"""Layer normalisation, forwards and backwards. Built in `3_algorithms/transformer_mathematics`."""

import numpy as np

from utils.checks import check_whole
from utils.numpy_nn.layer import Layer


class LayerNorm(Layer):
    """Give each token the mean 0 and the variance 1, then a learned gain and shift: equation `eq-transformer-layer-norm`.

    Attributes
    ----------
    parameters : weight (D), the gain γ, and bias (D), the shift β

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, 2016, equations 3 and 4.
    """

    def __init__(self, embed_dim: int, *, epsilon: float = 1e-5, dtype: type = np.float32) -> None:
        super().__init__()
        self.embed_dim, self.epsilon = check_whole("embed_dim", embed_dim, 1), epsilon
        if not epsilon > 0:
            raise ValueError(
                f"epsilon must be above 0, got {epsilon}: a token of equal numbers has the variance 0"
            )
        self.parameters = {"weight": np.ones(embed_dim, dtype), "bias": np.zeros(embed_dim, dtype)}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn tokens (..., D) into tokens (..., D), `eq-transformer-layer-norm`."""
        x = self._check(x, "...", self.embed_dim)
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)  # (..., 1)
        normal = centred / deviation
        z = normal * self.parameters["weight"] + self.parameters["bias"]
        return self._remember(z, normal, deviation)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (..., D), `eq-transformer-layer-norm-backward`; `gradients` then hold those of gain and shift."""
        dz, normal, deviation = self._recall(dz)
        tokens = tuple(range(dz.ndim - 1))
        self.gradients = {"weight": (dz * normal).sum(axis=tokens), "bias": dz.sum(axis=tokens)}
        dnormal = dz * self.parameters["weight"]
        through_mean = dnormal.mean(axis=-1, keepdims=True)
        through_variance = normal * (dnormal * normal).mean(axis=-1, keepdims=True)
        return (dnormal - through_mean - through_variance) / deviation
