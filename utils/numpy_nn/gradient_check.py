"""Is a gradient right? Ask the function itself, a little to the left and to the right. Built in `3_algorithms`."""

from collections.abc import Callable

import numpy as np

from utils.numpy_nn.activations import ReLU
from utils.numpy_nn.layer import Layer, Sequential
from utils.numpy_nn.pooling import MaxPool


def central_differences(function: Callable[[], float], array: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Return the slope of `function` for each number of `array`, in float64: equation `eq-backward-difference`.

    Parameters
    ----------
    function : callable
        Takes nothing and reads `array`, which is changed number by number and left as it was.
    array : float64 ndarray
    step : float
        h: smaller is truer, until rounding spoils the difference.
    """
    if array.dtype != np.float64:
        raise ValueError(f"differences this small need float64, got {array.dtype}")
    slopes = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        below = function()
        array[index] = kept
        slopes[index] = (above - below) / (2 * step)
    return slopes


def compare_gradients(layer: Layer, x: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Return how far `backward` is from central differences, for "x" and for each parameter by name.

    The loss is the sum of all outputs, each times a random number, so that no two errors hide each other.

    Parameters
    ----------
    layer : Layer with float64 parameters
    x : float64 array
        What the layer takes; small, since each of its numbers takes two forwards.

    Returns
    -------
    dict of str to float
        Largest difference, relative to the largest gradient.
    """
    x = x.copy()
    factors = rng.standard_normal(layer.forward(x).shape)
    given = {"x": layer.backward(factors), **layer.named_gradients()}
    arrays = {"x": x, **layer.named_parameters()}

    def loss() -> float:
        return float(np.sum(factors * layer.forward(x)))

    return {
        name: relative_difference(given[name], central_differences(loss, arrays[name])) for name in arrays
    }


def relative_difference(given: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest absolute difference of two arrays, divided by the largest absolute number expected."""
    given, expected = np.asarray(given), np.asarray(expected)
    if given.shape != expected.shape:
        raise ValueError(f"the arrays have different shapes, {given.shape} and {expected.shape}")
    largest = np.abs(expected).max()
    difference = np.abs(given - expected).max()
    return float(difference / largest) if largest else float(difference)


def far_from_kinks(network: Sequential, x: np.ndarray, margin: float = 2e-6) -> np.ndarray:
    """Say for which images no decision of a network is so close that rounding could turn it over.

    A ReLU decides by the sign of a number, max-pooling between the two largest of a window. Where such a decision is
    close, two right programs may take different sides, and then have different gradients. A tie is not close: equal
    numbers are mostly sums over equal patches, and then it does not matter which one the gradient goes to.

    Parameters
    ----------
    network : Sequential
    x : array of shape (B, H, W, C)
    margin : float
        How far apart is far, in units of the largest number that the layer gets.

    Returns
    -------
    array of shape (B,), bool
    """
    far = np.ones(len(x), bool)
    for layer in network.layers.values():
        gaps = None
        if isinstance(layer, ReLU):
            gaps = np.abs(x)
        elif isinstance(layer, MaxPool) and layer.size > 1:
            largest = np.sort(layer._windows(x), axis=-1)[..., -2:]  # (B, H', W', C, 2)
            gaps = largest[..., 1] - largest[..., 0]
            gaps = np.where(gaps == 0, np.inf, gaps)
        if gaps is not None:
            far &= gaps.reshape(len(x), -1).min(axis=1) > margin * np.abs(x).max()
        x = layer.forward(x)
    return far
