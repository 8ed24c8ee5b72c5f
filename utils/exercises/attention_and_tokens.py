"""Exercises of the chapter `2_concepts/attention_and_tokens`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_KEYS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.5], [0.5, 0.5, 0.0], [0.0, -1.0, 1.0]])
_VALUES = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0], [2.0, 2.0, 0.0], [4.0, 0.0, 1.0]])
_QUERIES = (np.array([2.0, 0.0, 0.0]), np.array([0.0, 1.5, -1.0]), np.array([1.0, 1.0, 1.0]))


def _attention_entries(image_size, patch_size, num_heads):
    return num_heads * (image_size // patch_size) ** 4


def _softmax(scores):
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def _attend(query, keys, values):
    return _softmax(keys @ query / np.sqrt(len(query))) @ values


def _grid(tokens, height, width):
    side = int(round(tokens.shape[1] ** 0.5))
    return tokens.reshape(height // side, width // side, side, side)


def _join_patches(tokens, height, width):
    return _grid(tokens, height, width).transpose(0, 2, 1, 3).reshape(height, width)


def _training_gigabytes(embed_dim, depth):
    return 16 * 12 * depth * embed_dim**2 / 1e9


EXERCISES = (
    Exercise(
        name="attention_entries",
        solution=_attention_entries,
        cases=((32, 4, 4), (224, 16, 12), (8, 2, 1)),
        mistakes=(
            Mistake(
                lambda s, p, a: a * (s // p) ** 2,
                "That is one number for each token. But each token weighs each token.",
            ),
            Mistake(
                lambda s, p, a: (s // p) ** 4,
                "That is one head; each head has a table of weights of its own.",
            ),
            Mistake(
                lambda s, p, a: a * s**4,
                "Pixels do not ask, patches do: how many patches are there?",
            ),
            Mistake(
                lambda s, p, a: a * (s // p**2) ** 2,
                "A side of the picture holds H / P patches, so the picture holds the square of that.",
            ),
        ),
        praise="Halve the side of the patches, and there are sixteen times as many.",
    ),
    Exercise(
        name="attend",
        solution=_attend,
        cases=tuple((query, _KEYS, _VALUES) for query in _QUERIES),
        mistakes=(
            Mistake(
                lambda q, k, v: _softmax(k @ q) @ v,
                "The scores are not yet divided by the square root of E.",
            ),
            Mistake(
                lambda q, k, v: _softmax(k @ q / len(q)) @ v,
                "The scores are divided by the square root of E, not by E.",
            ),
            Mistake(
                lambda q, k, v: np.exp(k @ q / np.sqrt(len(q))) @ v,
                "The weights do not sum to 1 yet.",
            ),
            Mistake(
                lambda q, k, v: v[np.argmax(k @ q)],
                "That is a dictionary: it takes the best key alone. Attention takes a mean of all values.",
            ),
            Mistake(
                lambda q, k, v: _softmax(k @ q / np.sqrt(len(q))) @ k,
                "The weights are right. They must be applied to the values, not to the keys.",
            ),
        ),
        praise="All else in a Transformer treats each token by itself; this is where tokens meet.",
    ),
    Exercise(
        name="join_patches",
        solution=_join_patches,
        cases=(
            (np.arange(24).reshape(6, 4), 4, 6),
            (np.arange(54).reshape(6, 9), 9, 6),
            (np.arange(64).reshape(16, 4), 8, 8),
        ),
        mistakes=(
            Mistake(
                lambda t, h, w: t.reshape(h, w),
                "The shape is right, but each patch now lies in one line: its rows must go below each other.",
            ),
            Mistake(
                lambda t, h, w: _grid(t, h, w).transpose(0, 3, 1, 2).reshape(h, w),
                "Inside each patch, rows and columns are exchanged.",
            ),
            Mistake(
                lambda t, h, w: _grid(t, w, h).transpose(1, 2, 0, 3).reshape(h, w),
                "The patches stand row by row, not column by column.",
            ),
        ),
        praise="With one more axis for the channels it is `unpatchify`.",
    ),
    Exercise(
        name="training_gigabytes",
        solution=_training_gigabytes,
        cases=((768, 12), (1280, 32), (6144, 48)),
        mistakes=(
            Mistake(
                lambda d, n: 4 * 12 * n * d**2 / 1e9,
                "That stores the model. Training keeps more than one number for each parameter.",
            ),
            Mistake(
                lambda d, n: 4 * 12 * n * d**2 / 1e9 * 2,
                "Parameters and gradients are two copies; Adam keeps two more.",
            ),
            Mistake(
                lambda d, n: 4 * 12 * n * d**2 / 1e9 * 3,
                "Three copies: besides parameters and gradients, Adam keeps two means, not one.",
            ),
            Mistake(lambda d, n: 16 * 12 * d**2 / 1e9, "That is one layer of `depth`."),
            Mistake(
                lambda d, n: 16 * 4 * n * d**2 / 1e9,
                "That is the attention alone. The two dense layers of each block have 8 D² more.",
            ),
            Mistake(
                lambda d, n: 4 * 12 * n * d**2 / 1e9 / 2,
                "Single precision takes four bytes a number, and training keeps four numbers a parameter.",
            ),
        ),
        praise="And the outputs of the layers, for each picture of a batch, come on top.",
    ),
)
