"""Exercises of the chapter `3_algorithms/optimisers`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_GRADIENTS = ([0.3], [1.0, 1.0], [2.0, -1.0, 0.5], [1e-3, 1e-3, -1e-3, 1e-3])
_MATRICES = (
    np.diag([0.2, 20.0]),
    np.array([[10.1, 9.9], [9.9, 10.1]]),
    np.array([[4.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 2.0]]),
)


def _adam(gradients, rate, first, second, correct_first=True, correct_second=True, root=True):
    theta = mean = square = 0.0
    for t, g in enumerate(gradients, start=1):
        mean = first * mean + (1 - first) * g
        square = second * square + (1 - second) * g**2
        mean_hat = mean / (1 - first**t) if correct_first else mean
        square_hat = square / (1 - second**t) if correct_second else square
        theta -= rate * mean_hat / (np.sqrt(square_hat) if root else square_hat)
    return theta


EXERCISES = (
    Exercise(
        name="two_momentum_steps",
        solution=-0.29,
        mistakes=(
            Mistake(-0.2, "Those are two steps without momentum: at the second, the velocity is 0.9 + 1."),
            Mistake(-0.19, "That is the second step alone. The first has already gone 0.1."),
            Mistake(0.29, "Downhill is against the gradient."),
            Mistake(-0.38, "The velocity starts at 0, so the first step is 0.1, not 0.19."),
            Mistake(
                -0.029,
                "Here the gradient enters the velocity whole. A running mean, with 1 - μ in front, is what Adam has.",
            ),
        ),
        praise="If the gradient stays, the steps grow until they are ten times as long.",
        tolerance=1e-9,
    ),
    Exercise(
        name="adam_by_hand",
        solution=_adam,
        cases=tuple((g, 0.1, 0.9, 0.999) for g in _GRADIENTS) + (([2.0, -1.0, 0.5], 0.01, 0.5, 0.8),),
        mistakes=(
            Mistake(
                lambda g, r, a, b: _adam(g, r, a, b, False, False),
                "The means start at 0 and are too small at first: divide each by 1 - β to the power t.",
            ),
            Mistake(
                lambda g, r, a, b: _adam(g, r, a, b, True, False),
                "The mean is corrected, its square is not yet.",
            ),
            Mistake(
                lambda g, r, a, b: _adam(g, r, a, b, False, True),
                "The square is corrected, the mean is not yet.",
            ),
            Mistake(
                lambda g, r, a, b: _adam(g, r, a, b, root=False),
                "The mean is divided by the root of the mean square: without the root the step has a unit.",
            ),
            Mistake(lambda g, r, a, b: -_adam(g, r, a, b), "Downhill is against the gradient."),
            Mistake(
                lambda g, r, a, b: _adam(g, r, b, a),
                "The two β have changed places: the first belongs to the mean.",
            ),
        ),
        praise="Multiply all gradients by a thousand and look: the answer stays the same.",
    ),
    Exercise(
        name="limit_of_descent",
        solution=lambda Q: 2 / np.linalg.eigvalsh(Q).max(),
        cases=tuple((matrix,) for matrix in _MATRICES),
        mistakes=(
            Mistake(
                lambda Q: 2 / np.diag(Q).max(),
                "The diagonal holds the curvatures along the axes. A valley that lies across them is steeper.",
            ),
            Mistake(
                lambda Q: 1 / np.linalg.eigvalsh(Q).max(),
                "With that rate the steepest direction is at the bottom after one step. Twice as much still shrinks.",
            ),
            Mistake(
                lambda Q: 2 / np.linalg.eigvalsh(Q).min(),
                "The flattest direction would allow that. The steepest one forbids it.",
            ),
            Mistake(
                lambda Q: 2 / (np.linalg.eigvalsh(Q).max() + np.linalg.eigvalsh(Q).min()),
                "That is the best rate. The question is for the one at which the walk stops to shrink.",
            ),
            Mistake(
                lambda Q: 2 / np.trace(Q), "The trace is the sum of all curvatures; the largest decides."
            ),
        ),
        praise="For a network the matrix is the Hessian, and its largest eigenvalue is found without writing it down.",
    ),
    Exercise(
        name="rate_factor",
        solution=lambda k: k,
        cases=((2,), (4,), (0.5,)),
        mistakes=(
            Mistake(
                lambda k: np.sqrt(k),
                "The error of the gradient falls with the root of k, its variance with k; the floor has the variance.",
            ),
            Mistake(
                lambda k: 1 / k,
                "A larger batch is less noisy, so it allows a larger step, not a smaller one.",
            ),
            Mistake(
                lambda k: k**2,
                "The variance falls by k, and the floor is proportional to rate times variance.",
            ),
            Mistake(lambda k: 1, "The noise has become smaller: with the same rate the floor sinks."),
        ),
        praise="Steps may grow like that until the steepest direction says no.",
    ),
)
