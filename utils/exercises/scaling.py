"""Exercises of the chapter `5_trends_and_challenges/scaling`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _floor(share, num_classes):
    other = share / num_classes
    right = 1 - (num_classes - 1) * other
    return -right * np.log(right) - (num_classes - 1) * other * np.log(other)


def _floor_of_others(share, num_classes):
    with np.errstate(divide="ignore", invalid="ignore"):
        right = np.where(share < 1, (1 - share) * np.log(max(1 - share, 1e-300)), 0.0)
    return float(-right - share * np.log(share / (num_classes - 1)))


def _floor_of_two(share, num_classes):
    wrong = share * (num_classes - 1) / num_classes
    return -(1 - wrong) * np.log(1 - wrong) - wrong * np.log(wrong)


def _needed(target, N, E, A, alpha, B, beta):
    left = target - E - A / N**alpha
    return (B / left) ** (1 / beta) if left > 0 else np.inf


def _needed_without_floor(target, N, E, A, alpha, B, beta):
    left = target - A / N**alpha
    return (B / left) ** (1 / beta) if left > 0 else np.inf


def _needed_without_size(target, N, E, A, alpha, B, beta):
    left = target - E
    return (B / left) ** (1 / beta) if left > 0 else np.inf


def _needed_with_the_exponent(target, N, E, A, alpha, B, beta):
    left = target - E - A / N**alpha
    return (B / left) ** beta if left > 0 else np.inf


def _growth(more, alpha, beta):
    size = more ** (beta / (alpha + beta))
    return size, more / size


EXERCISES = (
    Exercise(
        name="floor_of_new_labels",
        solution=_floor,
        cases=((0.1, 40), (0.5, 2), (1.0, 10)),
        mistakes=(
            Mistake(
                _floor_of_others,
                "You took every new label for a wrong one. One in num_classes comes out right again.",
            ),
            Mistake(
                _floor_of_two,
                "That is the surprise about whether the label is wrong. Which wrong one it is surprises, too.",
            ),
            Mistake(
                lambda s, y: _floor(s, y) / np.log(2),
                "That is in bits. In nats the logarithm is the natural one.",
            ),
        ),
        praise="Whoever draws all labels anew is left with the logarithm of the number of classes.",
    ),
    Exercise(
        name="examples_needed",
        solution=_needed,
        cases=(
            (2.0, 1e4, 0.7, 60.0, 0.45, 900.0, 0.6),
            (0.8, 1e4, 0.7, 60.0, 0.45, 900.0, 0.6),
            (1.9, 1e3, 0.7, 60.0, 0.45, 900.0, 0.6),
        ),
        tolerance=1e-6,
        mistakes=(
            Mistake(
                _needed_without_floor,
                "The floor is missing: no data takes E away, so subtract it from the target first.",
            ),
            Mistake(
                _needed_without_size,
                "The size costs something too: A / N**alpha stays, whatever the data.",
            ),
            Mistake(
                _needed_with_the_exponent,
                "Solve B / D**beta = left for D: the exponent becomes 1 / beta.",
            ),
            Mistake(
                lambda t, n, e, a, al, b, be: np.abs(b / (t - e - a / n**al)) ** (1 / be),
                "If floor and size alone are above the target, no amount of data is enough: return np.inf.",
            ),
        ),
        praise="When the answer is infinite, a larger model is the only way.",
    ),
    Exercise(
        name="growth",
        solution=_growth,
        cases=((10.0, 0.34, 0.28), (10.0, 0.5, 0.5), (100.0, 0.2, 0.6)),
        mistakes=(
            Mistake(
                lambda m, a, b: _growth(m, a, b)[::-1],
                "The two are exchanged: the size grows with the exponent of the *data* over the sum.",
            ),
            Mistake(
                lambda m, a, b: (m**0.5, m**0.5),
                "Equal shares are right if both exponents are equal. In general they are not.",
            ),
            Mistake(
                lambda m, a, b: (m**b, m**a),
                "The product of both factors has to be the new budget: divide the exponents by their sum.",
            ),
        ),
        praise="With equal exponents, ten times the budget is about three times of each.",
    ),
)
