"""Exercises of the chapter `4_code/three_implementations`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_rng = np.random.default_rng(0)
_QKV = (_rng.integers(-9, 10, (4, 12)).astype(float), _rng.integers(-9, 10, (6, 18)).astype(float))
_DENSE = (
    (np.arange(24.0).reshape(12, 2), 2, 3),  # maps of 2 × 3 pixels, 2 channels
    (np.arange(36.0).reshape(18, 2), 3, 2),  # maps of 3 × 2 pixels, 3 channels
)


def _keras_kernels(qkv, num_heads):
    return np.stack([part.reshape(len(qkv), num_heads, -1) for part in np.split(qkv, 3, axis=1)])


def _heads_last(qkv, num_heads):
    parts = np.split(qkv, 3, axis=1)
    return np.stack([p.reshape(len(qkv), -1, num_heads).transpose(0, 2, 1) for p in parts])


def _back(weight, height, width):
    maps = weight.reshape(len(weight), -1, height, width)  # (out, C, H, W)
    return maps.transpose(2, 3, 1, 0).reshape(-1, len(weight))


def _same(size, kernel_size, stride):
    total = max((-(-size // stride) - 1) * stride + kernel_size - size, 0)
    return np.array([total // 2, total - total // 2])


EXERCISES = (
    Exercise(
        name="same_padding_by_hand",
        solution=np.array([2, 3]),
        mistakes=(
            Mistake(np.array([3, 2]), "If one row is left over, Keras puts it below, not on top."),
            Mistake(
                np.array([3, 3]),
                "That is K // 2 on both sides, right for a stride of 1. Count how far the last window reaches.",
            ),
            Mistake(
                np.array([2, 2]),
                "With two rows on each side the picture has 228 rows, and a window of 7 fits only 111 times at steps of 2.",
            ),
            Mistake(np.array([5, 5]), "Five rows are needed in all, top and bottom together: divide them."),
        ),
        praise="It is the first layer of a ResNet, and the reason why ports of it pad by hand.",
    ),
    Exercise(
        name="attention_kernels",
        solution=_keras_kernels,
        cases=((_QKV[0], 2), (_QKV[1], 3)),
        mistakes=(
            Mistake(
                _heads_last,
                "Each head got a number of every other head: the head comes before the place in it, (D, A, E).",
            ),
            Mistake(
                lambda qkv, heads: qkv.reshape(len(qkv), heads, 3, -1).transpose(2, 0, 1, 3),
                "You took queries, keys and values out of each head. Here all queries stand first, then all keys.",
            ),
            Mistake(
                lambda qkv, heads: np.stack([p.T.reshape(len(qkv), heads, -1) for p in np.split(qkv, 3, 1)]),
                "These are transposed. Keras multiplies from the left as we do: what comes in is the first axis.",
            ),
            Mistake(
                lambda qkv, heads: _keras_kernels(qkv, heads).transpose(0, 2, 1, 3),
                "The heads stand in front of D. Keras wants (D, A, E), what comes in first.",
            ),
        ),
        praise="No number moved in memory: this carry is a reshape, and costs nothing.",
    ),
    Exercise(
        name="dense_from_torch",
        solution=_back,
        cases=tuple((_there, h, w) for _there, h, w in ((d.T.copy(), h, w) for d, h, w in _DENSE)),
        mistakes=(
            Mistake(
                lambda weight, h, w: weight.T,
                "That is transposed, and still counted map by map. Give the inputs their axes (C, H, W) first.",
            ),
            Mistake(
                lambda weight, h, w: (
                    weight.reshape(len(weight), h, w, -1).transpose(3, 1, 2, 0).reshape(-1, len(weight))
                ),
                "You read the inputs as (H, W, C), but PyTorch wrote them as (C, H, W).",
            ),
            Mistake(
                lambda weight, h, w: (
                    weight.reshape(len(weight), -1, h, w).transpose(3, 2, 1, 0).reshape(-1, len(weight))
                ),
                "Rows and columns have changed places: the order should be (H, W, C, out).",
            ),
            Mistake(
                lambda weight, h, w: _back(weight, h, w).T,
                "The order is right, and what comes out is still the first axis: NumPy wants (in, out).",
            ),
        ),
        praise="There and back again changes no number; test_convert.py demands just that.",
    ),
    Exercise(
        name="name_the_mistake",
        solution="rows and columns",
        mistakes=(
            Mistake("flatten", "The first convolution differs already, and there is no flatten before it."),
            Mistake("in and out", "Then the shapes (O, C, K, K) would not fit, for C is 1 and O is 32."),
            Mistake(
                "half a turn",
                "Then the picture turned by half a turn would give the right maps. Which change of it does?",
            ),
            Mistake("bias", "A forgotten bias moves a whole map by one number, whatever the picture."),
        ),
        praise="A symmetry of the input that undoes the mistake names the mistake.",
    ),
)
