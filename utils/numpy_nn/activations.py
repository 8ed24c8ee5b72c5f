"""Activation functions and their derivatives, number by number. Built in `3_algorithms`."""

import math

import numpy as np
from scipy.special import erf, expit

from utils.numpy_nn.layer import Layer


class ReLU(Layer):
    """Keep what is above 0: equation `eq-forward-relu`, back with `eq-backward-relu`."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return max(x, 0), any shape, `eq-forward-relu`."""
        x = self._check(x, "...")
        return self._remember(np.maximum(x, 0), x > 0)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Let the gradient through where x was above 0, `eq-backward-relu`; at 0 itself it is 0."""
        dz, above = self._recall(dz)
        return dz * above


class Sigmoid(Layer):
    """Press any number between 0 and 1: equation `eq-forward-sigmoid`, back with `eq-backward-sigmoid`."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return 1 / (1 + exp(-x)), any shape, `eq-forward-sigmoid`."""
        z = expit(self._check(x, "..."))
        return self._remember(z, z)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Multiply with the slope z (1 - z), at most a quarter: `eq-backward-sigmoid`."""
        dz, z = self._recall(dz)
        return dz * z * (1 - z)


class Tanh(Layer):
    """Press any number between -1 and 1: equation `eq-forward-tanh`, back with `eq-backward-tanh`."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return tanh(x), any shape, `eq-forward-tanh`."""
        z = np.tanh(self._check(x, "..."))
        return self._remember(z, z)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Multiply with the slope 1 - z², `eq-backward-tanh`."""
        dz, z = self._recall(dz)
        return dz * (1 - z**2)


class GELU(Layer):
    """Weigh each number with the share of a normal distribution below it: `eq-transformer-gelu`, exact, not by tanh.

    Source: D. Hendrycks and K. Gimpel, Gaussian Error Linear Units, 2016, section 2.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return x Φ(x), any shape, `eq-transformer-gelu`."""
        x = self._check(x, "...")
        share = (1 + erf(x * math.sqrt(0.5))) / 2  # Φ(x)
        return self._remember(x * share, x, share)

    def backward(self, dz: np.ndarray) -> np.ndarray:
        """Multiply with the slope Φ(x) + x φ(x), `eq-transformer-gelu-backward`."""
        dz, x, share = self._recall(dz)
        density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)  # φ(x)
        return dz * (share + x * density)
