"""Exercises of the chapter `3_algorithms/cnn_backward`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_RNG = np.random.default_rng(0)
_DZ, _X = _RNG.normal(size=(3, 4)).round(2), _RNG.normal(size=(3, 4)).round(2)
_X[0, 0] = 0.0
_PICTURES = (
    (np.array([[5.0]]), np.array([[1.0, 2.0], [4.0, 3.0]])),
    (np.array([[1.0, 2.0], [3.0, -4.0]]), np.arange(16.0).reshape(4, 4)),
    (_RNG.normal(size=(2, 3)).round(2), _RNG.permutation(24).reshape(4, 6) * 1.0),
)
_KERNEL = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0], [-1.0, 0.0, 2.0]])


def _leaky(dz, x, a):
    return dz * np.where(x > 0, 1, a)


def _winners(x):
    windows = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2)
    return windows == windows.max(axis=(1, 3), keepdims=True)


def _route(dz, x):
    return (_winners(x) * dz[:, None, :, None]).reshape(x.shape)


def _enlarge(dz, w, stride):
    size = len(w)
    dx = np.zeros([stride * (count - 1) + size for count in dz.shape])
    for i, j in np.ndindex(dz.shape):
        dx[i * stride : i * stride + size, j * stride : j * stride + size] += dz[i, j] * w
    return dx


def _overwrite(dz, w, stride):
    size = len(w)
    dx = np.zeros([stride * (count - 1) + size for count in dz.shape])
    for i, j in np.ndindex(dz.shape):
        dx[i * stride : i * stride + size, j * stride : j * stride + size] = dz[i, j] * w
    return dx


EXERCISES = (
    Exercise(
        name="square_layer",
        solution=np.array([-1.0, -1.0]),
        mistakes=(
            Mistake(
                np.array([-2.0, -2.0]),
                "That is dz @ W. Forwards goes from the rows of W to its columns; backwards needs the transpose.",
            ),
            Mistake(
                np.array([[-1.0], [-1.0]]),
                "The numbers are right. dx has the shape of x, one row of two numbers: give a flat array.",
            ),
            Mistake(
                np.array([1.0, 1.0]),
                "The sign is turned: dz is (1, -1), and it is the second product that is subtracted.",
            ),
        ),
        praise="With any other W than a square one, the wrong product would not even have fitted.",
    ),
    Exercise(
        name="leaky_relu_backward",
        solution=_leaky,
        cases=((_DZ, _X, 0.1), (_DZ, -_X, 0.01), (np.ones(3), np.array([-2.0, 0.0, 2.0]), 0.2)),
        mistakes=(
            Mistake(
                lambda dz, x, a: dz * (x > 0), "That is the ReLU without its leak: below 0 the slope is a."
            ),
            Mistake(
                lambda dz, x, a: np.where(x > 0, x, a * x),
                "That is the way forwards. Backwards the slope, 1 or a, is multiplied with dz.",
            ),
            Mistake(
                lambda dz, x, a: np.where(x > 0, 1, a) + 0 * dz, "That is the slope. Multiply it with dz."
            ),
            Mistake(
                lambda dz, x, a: dz * np.where(dz > 0, 1, a),
                "The slope depends on what came in, x, not on the gradient.",
            ),
            Mistake(lambda dz, x, a: dz * np.where(x >= 0, 1, a), "At 0 itself the slope shall be a."),
        ),
        praise="With a = 0 it is ReLU; with a = 1 there is no activation function left.",
    ),
    Exercise(
        name="route",
        solution=_route,
        cases=_PICTURES,
        mistakes=(
            Mistake(
                lambda dz, x: np.kron(dz, np.full((2, 2), 0.25)),
                "That shares each gradient out to the whole window, as mean-pooling does. Here the winner gets all.",
            ),
            Mistake(
                lambda dz, x: np.kron(dz, np.ones((2, 2))),
                "Each pixel of a window gets the whole gradient. Only the winner moves the output.",
            ),
            Mistake(
                lambda dz, x: (_winners(x) * 1.0).reshape(x.shape),
                "Those are the winners. Each must get the gradient of its window.",
            ),
            Mistake(
                lambda dz, x: _route(dz, -x),
                "That goes to the smallest pixel of each window.",
            ),
        ),
        praise="Three quarters of the pixels learn nothing from this step, however large the gradient.",
    ),
    Exercise(
        name="enlarge_by_convolution",
        solution=_enlarge,
        cases=(
            (np.array([[2.0]]), _KERNEL, 1),
            (np.array([[1.0, 2.0], [3.0, 4.0]]), _KERNEL, 2),
            (_DZ, np.array([[1.0, -1.0], [2.0, 0.5]]), 1),
            (_DZ, np.array([[1.0, -1.0], [2.0, 0.5]]), 2),
        ),
        mistakes=(
            Mistake(_overwrite, "Where stamps overlap, the later one has replaced the earlier: add them up."),
            Mistake(
                lambda dz, w, stride: _enlarge(dz, w[::-1, ::-1], stride),
                "The kernel is turned. The stamp is the kernel as it is; turning comes in only if one writes it as a sum.",
            ),
            Mistake(
                lambda dz, w, stride: _enlarge(dz, w.T, stride),
                "Rows and columns of the kernel are exchanged.",
            ),
            Mistake(
                lambda dz, w, stride: _enlarge(dz, w, 1),
                "The stamps stand next to each other: neighbours in dz are `stride` pixels apart in dx.",
            ),
        ),
        praise="Libraries call it a transposed convolution, and you know what is transposed.",
    ),
)
