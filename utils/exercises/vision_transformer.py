"""Exercises of the chapter `4_code/vision_transformer`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_IMAGES = np.arange(2 * 3 * 4 * 6, dtype=np.float64).reshape(2, 3, 4, 6)
_QUERIES = np.array([[1.0, 0.0, 2.0, -1.0], [0.5, 1.5, 0.0, 1.0], [-1.0, 2.0, 1.0, 0.0]])
_KEYS = np.array([[0.0, 1.0, 1.0, 1.0], [2.0, 0.0, -1.0, 0.5], [1.0, 1.0, 0.0, 2.0]])


def _before_the_blocks(image_size, patch_size, in_channels, embed_dim):
    matrix = (patch_size**2 * in_channels + 1) * embed_dim
    return matrix + (image_size // patch_size) ** 2 * embed_dim


def _cut(images, patch_size, order=(0, 2, 4, 1, 3, 5)):
    batch, channels, height, width = images.shape
    rows, columns = height // patch_size, width // patch_size
    grid = images.reshape(batch, channels, rows, patch_size, columns, patch_size)
    return grid.transpose(order).reshape(batch, rows * columns, channels * patch_size**2)


def _weights(queries, keys, num_heads, *, by_width=False, scale=True, axis=-1, mixed=False):
    count, width = queries.shape
    head_dim = width // num_heads
    pieces = (count, head_dim, num_heads) if mixed else (count, num_heads, head_dim)
    order = (2, 0, 1) if mixed else (1, 0, 2)
    q, k = (a.reshape(pieces).transpose(order) for a in (queries, keys))
    scores = q @ k.transpose(0, 2, 1)
    if scale:
        scores = scores / np.sqrt(width if by_width else head_dim)
    weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


EXERCISES = (
    Exercise(
        name="before_the_blocks",
        solution=_before_the_blocks,
        cases=((32, 8, 3, 64), (32, 4, 3, 64), (224, 16, 3, 768), (28, 7, 1, 32)),
        mistakes=(
            Mistake(
                lambda s, p, c, d: (p**2 * c + 1) * d,
                "Those are the patches. The positions are learned, too: a vector for each place.",
            ),
            Mistake(
                lambda s, p, c, d: p**2 * c * d + (s // p) ** 2 * d,
                "The convolution has a bias for each of the D numbers that it makes.",
            ),
            Mistake(
                lambda s, p, c, d: (p**2 * c + 1) * d + (s // p) * d,
                "H / P patches stand along one side, so the picture holds the square of that.",
            ),
            Mistake(
                lambda s, p, c, d: (p**2 + 1) * d + (s // p) ** 2 * d,
                "A patch has all channels of its pixels.",
            ),
            Mistake(
                lambda s, p, c, d: (s // p) ** 2 * (p**2 * c + 1) * d + (s // p) ** 2 * d,
                "All patches share one matrix; only the positions differ from place to place.",
            ),
        ),
        praise="With patches of half the side the matrix has a quarter of the numbers, and there are four times the places.",
    ),
    Exercise(
        name="cut",
        solution=_cut,
        cases=((_IMAGES, 2), (_IMAGES[:1, :1], 2), (_IMAGES[:, :, :, :4], 4), (_IMAGES, 1)),
        mistakes=(
            Mistake(
                lambda images, p: images.reshape(len(images), -1, images.shape[1] * p**2),
                "A plain reshape cuts off pixels in the order of memory, so that a piece is part of one row. "
                "The two axes that say which patch have to move to the front.",
            ),
            Mistake(
                lambda images, p: _cut(images, p, (0, 2, 4, 3, 5, 1)),
                "The patches are right, but each lists pixel by pixel with all its channels. "
                "The weights of a convolution have the channels first.",
            ),
            Mistake(
                lambda images, p: _cut(images, p, (0, 4, 2, 1, 3, 5)),
                "The patches are right, but they come column by column.",
            ),
            Mistake(
                lambda images, p: _cut(images, p, (0, 2, 4, 1, 5, 3)),
                "The patches come in the right order, but each lies on its side: rows and columns in it are exchanged.",
            ),
        ),
        praise="Multiply by `proj.weight.flatten(1).T`, and it is the convolution.",
    ),
    Exercise(
        name="weights_of_heads",
        solution=_weights,
        cases=((_QUERIES, _KEYS, 2), (_QUERIES, _KEYS, 1), (_KEYS[:2], _QUERIES[:2], 4)),
        mistakes=(
            Mistake(
                lambda q, k, a: _weights(q, k, a, scale=False),
                "The scores are not divided by the root of the width of a head.",
            ),
            Mistake(
                lambda q, k, a: _weights(q, k, a, by_width=True),
                "A head adds up E = D / A terms, not D: divide by the root of E.",
            ),
            Mistake(
                lambda q, k, a: _weights(q, k, a, axis=1),
                "Here the columns sum to 1. The softmax goes over those who are listened to, the last axis.",
            ),
            Mistake(
                lambda q, k, a: _weights(q, k, a, mixed=True),
                "The numbers of head 0 come first, then those of head 1; here the heads take turns.",
            ),
            Mistake(
                lambda q, k, a: _weights(k, q, a),
                "Queries and keys have changed places: a row belongs to the token that asks.",
            ),
        ),
        praise="That is the line that costs N² of everything.",
    ),
    Exercise(
        name="factor_for_queries",
        solution=lambda d, a: (d // a) ** -0.5,
        cases=((64, 4), (64, 1), (768, 12), (96, 4)),
        mistakes=(
            Mistake(
                lambda d, a: d**-0.5,
                "A head compares E = D / A numbers, so the scale is that of E, not of D.",
            ),
            Mistake(
                lambda d, a: (d // a) ** 0.5,
                "The other way round: their scores are too large, so the queries have to become shorter.",
            ),
            Mistake(
                lambda d, a: (d // a) ** -0.25,
                "That is right if the keys are shortened as well. They stay as they are.",
            ),
            Mistake(lambda d, a: a / d, "The product is divided by the root of E, not by E."),
        ),
        praise="The shapes would never have told you; a comparison of outputs does.",
    ),
)
