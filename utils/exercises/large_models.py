"""Exercises of the chapter `4_code/large_models`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_SHAPES = (
    ({"weight": (4, 3), "bias": (4,)}, 2),
    ({"cls_token": (1, 1, 8), "scale": ()}, 4),
    ({"patch": (6, 3, 4, 4), "bias": (6,), "head": (10, 6)}, 4),
)
_RNG = np.random.default_rng(3)
_IMAGES, _TEXTS = _RNG.normal(size=(4, 5)), _RNG.normal(size=(3, 5)) * np.array([[1.0], [4.0], [0.5]])
_FEATURES = _RNG.normal(size=(6, 4)) * np.array([[1.0], [1.0], [1.0], [1.0], [30.0], [1.0]])
_MAPS = _RNG.dirichlet(np.ones(5), size=(3, 5))  # (A, 1 + N, 1 + N)


def _bytes(shapes, size, numbers=lambda shape: int(np.prod(shape))):
    return size * sum(numbers(shape) for shape in shapes.values())


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _softmax(logits, axis=1):
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _twin(features, unit=True, itself=False, sign=1):
    x = _unit(features) if unit else features
    likeness = sign * (x @ x.T)
    if not itself:
        np.fill_diagonal(likeness, -np.inf)
    return likeness.argmax(axis=1)


def _class_map(maps, column=False, scaled=True, head=None):
    taken = maps[:, 1:, 0] if column else maps[:, 0, 1:]
    taken = taken.mean(axis=0) if head is None else taken[head]
    side = int(round(np.sqrt(len(taken))))
    return (taken / taken.sum() if scaled else taken).reshape(side, side)


EXERCISES = (
    Exercise(
        name="bytes_of_weights",
        solution=_bytes,
        cases=_SHAPES,
        mistakes=(
            Mistake(
                lambda shapes, size: _bytes(shapes, 1),
                "That is how many numbers there are; each of them takes `size` bytes.",
            ),
            Mistake(
                lambda shapes, size: _bytes(shapes, size, sum),
                "The sides of an array are multiplied, not added.",
            ),
            Mistake(
                lambda shapes, size: _bytes(shapes, size, lambda s: int(np.prod(s)) if len(s) > 1 else 0),
                "Biases and single numbers are stored, too: a shape of one side, or of none.",
            ),
            Mistake(
                lambda shapes, size: 8 * _bytes(shapes, size),
                "Those are bits. A byte has eight of them, and `size` is in bytes already.",
            ),
        ),
        praise="With 304 million numbers and `size` 2 you know before a download how long it will take.",
    ),
    Exercise(
        name="zero_shot_by_hand",
        solution=lambda images, texts, scale: _softmax(scale * _unit(images) @ _unit(texts).T),
        cases=((_IMAGES, _TEXTS, 10.0), (_IMAGES[:2], _TEXTS, 100.0)),
        mistakes=(
            Mistake(
                lambda images, texts, scale: _softmax(scale * images @ texts.T),
                "A long vector wins whatever its direction: give all of them the length 1 first.",
            ),
            Mistake(
                lambda images, texts, scale: _softmax(_unit(images) @ _unit(texts).T),
                "A cosine is at most 1, so without `scale` no answer can be sure.",
            ),
            Mistake(
                lambda images, texts, scale: _softmax(scale * _unit(images) @ _unit(texts).T, axis=0),
                "The texts compete for an image, not the images for a text: the rows have to sum to 1.",
            ),
            Mistake(
                lambda images, texts, scale: scale * _unit(images) @ _unit(texts).T,
                "These are the logits. A softmax along each row turns them into probabilities.",
            ),
            Mistake(
                lambda images, texts, scale: _softmax(_unit(images) @ _unit(texts).T / scale),
                "`scale` multiplies: it is the inverse of a temperature.",
            ),
        ),
        praise="That is all that a CLIP does after its two networks have run.",
    ),
    Exercise(
        name="twin",
        solution=_twin,
        cases=((_FEATURES,), (_FEATURES[::-1].copy(),)),
        mistakes=(
            Mistake(
                lambda features: _twin(features, itself=True),
                "Each picture is most like itself: take that out before you look for the largest.",
            ),
            Mistake(
                lambda features: _twin(features, unit=False),
                "The longest vector attracts everybody. The cosine needs all lengths to be 1.",
            ),
            Mistake(
                lambda features: _twin(features, sign=-1),
                "That is the picture that is least like it: the largest cosine is the nearest.",
            ),
        ),
        praise="The same line finds copies of test pictures in a training set.",
    ),
    Exercise(
        name="class_map",
        solution=_class_map,
        cases=((_MAPS,), (_MAPS[::-1].copy(),)),
        mistakes=(
            Mistake(
                lambda maps: _class_map(maps, column=True),
                "That is how much the patches take from the class token. Row 0 is what the class token takes.",
            ),
            Mistake(
                lambda maps: _class_map(maps, scaled=False),
                "The class token keeps a part for itself. Divide, so that the patches sum to 1.",
            ),
            Mistake(
                lambda maps: _class_map(maps, head=0),
                "That is one head alone: take the mean of all of them.",
            ),
            Mistake(
                lambda maps: _class_map(maps).T,
                "The patches are counted row by row, so the first side of the map goes down the picture.",
            ),
        ),
        praise="With `np.kron` it becomes as large as the picture, and can be laid over it.",
    ),
)
