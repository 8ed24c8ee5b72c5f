"""The dense layer, forwards and backwards: each output is a weighted sum of all inputs. Built in `3_algorithms`."""

import numpy as np

from utils.checks import check_whole
from utils.numpy_nn.layer import Layer, random_weights


class Dense(Layer):
    """Multiply by a matrix and add a bias: equation `eq-forward-dense`, back with `eq-backward-dense`.

    Attributes
    ----------
    parameters : weight (in_features, out_features) and bias (out_features)
    """

    def __init__(
        self, in_features: int, out_features: int, rng: np.random.Generator, *, dtype: type = np.float32
    ) -> None:
        super().__init__()
        self.in_features = check_whole("in_features", in_features, 1)
        shape = (in_features, check_whole("out_features", out_features, 1))
        self.parameters = {
            "weight": random_weights(rng, shape, in_features, 1.0, dtype),
            "bias": np.zeros(out_features, dtype),
        }

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Turn rows (..., in_features) into rows (..., out_features), `eq-forward-dense`."""
        x = self._check(x, "...", self.in_features)
        z = x @ self.parameters["weight"] + self.parameters["bias"]  # (..., in) @ (in, out) -> (..., out)
        return self._remember(z, x)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Return dx (..., in_features); `gradients` then hold those of weight and bias: `eq-backward-dense`."""
        dz, x = self._recall(dz)
        rows, drows = x.reshape(-1, x.shape[-1]), dz.reshape(-1, dz.shape[-1])  # tokens are rows like images
        self.gradients = {
            "weight": rows.T @ drows,  # (in, rows) @ (rows, out) -> (in, out)
            "bias": drows.sum(axis=0),
        }
        return dz @ self.parameters["weight"].T  # (..., out) @ (out, in) -> (..., in)
