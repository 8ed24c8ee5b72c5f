"""Exercises of the chapter `4_code/training_recipes`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _floor(share, classes):
    other = share / classes
    right = 1 - share + other
    rest = (classes - 1) * other * np.log(other) if share else 0.0
    return -(right * np.log(right) + rest)


def _floor_without_its_part_of_the_share(share, classes):
    other = share / (classes - 1)
    rest = (classes - 1) * other * np.log(other) if share else 0.0
    return -((1 - share) * np.log(1 - share) + rest)


def _floor_of_the_right_class(share, classes):
    right = 1 - share + share / classes
    return -right * np.log(right)


def _whitened(points, power=0.5, falling=True):
    values, vectors = np.linalg.eigh(points.T @ points / len(points))
    turned = points @ vectors / values**power
    return np.abs(turned[:, ::-1] if falling else turned)


def _points(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3))
    return points - points.mean(axis=0)


EXERCISES = (
    Exercise(
        name="start_of_ignorance",
        solution=np.log,
        mistakes=(
            Mistake(
                lambda classes: 1 / classes,
                "That is the probability of a class; the loss is minus its logarithm.",
            ),
            Mistake(np.log2, "That is in bits. The loss here is in nats, with the natural logarithm."),
            Mistake(
                lambda classes: 1 - 1 / classes,
                "That is the share of wrong answers of a network that guesses.",
            ),
        ),
        cases=((2,), (10,), (1000,)),
        praise="A start far above it means that the network is sure of what it cannot know, or that the loss is another.",
        tolerance=1e-9,
    ),
    Exercise(
        name="floor_of_smoothing",
        solution=_floor,
        mistakes=(
            Mistake(
                lambda share, classes: 0.0,
                "That is the floor without smoothing: only there a loss of 0 is possible.",
            ),
            Mistake(
                _floor_without_its_part_of_the_share,
                "The share is spread over all classes, and the right one gets its part of it as well.",
            ),
            Mistake(
                _floor_of_the_right_class,
                "That is the part of the right class. The others are asked for with share / classes each, and add to it.",
            ),
        ),
        cases=((0.2, 10), (0.1, 10), (0.1, 1000), (0.5, 2), (0.0, 10)),
        praise="Two recipes with different smoothing cannot be compared by their loss.",
        tolerance=1e-9,
    ),
    Exercise(
        name="whiten",
        solution=_whitened,
        mistakes=(
            Mistake(
                lambda points: _whitened(points, power=0.0),
                "The axes are right, and the covariance is Λ: divide each column by the root of its eigenvalue.",
            ),
            Mistake(
                lambda points: _whitened(points, power=1.0),
                "Divided by the eigenvalue. Its root is the standard deviation, and that is what has to become 1.",
            ),
            Mistake(
                lambda points: _whitened(points, falling=False),
                "Whitened, but in rising order of the eigenvalues: eigh returns the smallest first.",
            ),
        ),
        cases=((_points(0),), (_points(1),)),
        praise="A convolution with these weights does the same at every place of a picture.",
        tolerance=1e-8,
    ),
)
