"""Softmax and cross-entropy, with their gradients. Built in `3_algorithms/cnn_forward` and `3_algorithms/cnn_backward`."""

import numpy as np

from utils.numpy_nn.layer import check_finite


def softmax(z: np.ndarray) -> np.ndarray:
    """Turn the numbers of the last axis into shares that are above 0 and sum to 1: equation `eq-forward-softmax`."""
    p = np.exp(z - z.max(axis=-1, keepdims=True))  # the largest becomes 1: nothing can overflow
    p /= p.sum(axis=-1, keepdims=True)
    return p


def softmax_backward(dp: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the gradient of the numbers that `softmax` turned into `p`: equation `eq-transformer-softmax-backward`."""
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


def cross_entropy(z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean cross-entropy of softmax(z), in nats, and its gradient: `eq-forward-cross-entropy`.

    Parameters
    ----------
    z : array of shape (B, Y), finite
        Logits.
    y : array of shape (B,), integers from 0 to Y - 1
        The true classes.

    Returns
    -------
    loss : float
    dz : array of shape (B, Y), dtype of `z`
        Equation `eq-backward-cross-entropy`: (p - 1 at the true class) / B.
    """
    z, y = check_finite("z", z), np.asarray(y)
    if z.ndim != 2 or not z.size or y.shape != z.shape[:1]:
        raise ValueError(f"need logits z (B, Y) and classes y (B), got {z.shape} and {y.shape}")
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= z.shape[1]:
        raise ValueError(
            f"y must hold whole numbers from 0 to {z.shape[1] - 1}, got {y.dtype} from {y.min()} to {y.max()}"
        )
    rows = np.arange(len(y))
    above = z - z.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(above).sum(axis=1)) - above[rows, y])
    dz = softmax(z)
    dz[rows, y] -= 1
    return float(loss), dz / len(y)
