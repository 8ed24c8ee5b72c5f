"""Exercises of the chapter `5_trends_and_challenges/interpretability`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_INPUTS = (([1.0, 2.0], [1.0, 0.5]), ([0.2, 0.3], [1.0, 1.0]), ([3.0, 1.0], [2.0, 4.0]))
_SIZES = ((100, 1024), (512, 1024), (7, 64))


def _bill(x, u):
    return np.asarray(x) * np.asarray(u) * max(0.0, 1 - 1 / np.dot(u, x))


def _chance(k, n):
    return (k * k / n) / (2 * k - k * k / n)


EXERCISES = (
    Exercise(
        name="rollout_by_hand",
        solution=0.5,
        mistakes=(
            Mistake(1.0, "Half of a token goes past the attention, unchanged: the identity in the formula."),
            Mistake(0.25, "The second block attends to itself, so both of its halves are the same token."),
            Mistake(
                0.0, "The first block does bring the other token in, and the second keeps what is there."
            ),
        ),
        praise="Averaging tokens in each block, even without looking at their contents, gives such a map as well.",
    ),
    Exercise(
        name="bill_of_a_relu",
        solution=_bill,
        cases=_INPUTS,
        mistakes=(
            Mistake(
                lambda x, u: np.asarray(x) * np.asarray(u) * (np.dot(u, x) > 1),
                "That is the gradient at x, times x. On the first part of the way the gradient is 0.",
            ),
            Mistake(
                lambda x, u: np.asarray(u) * max(0.0, 1 - 1 / np.dot(u, x)),
                "That is the mean gradient on the way. Multiply with how far each number has come.",
            ),
            Mistake(
                lambda x, u: np.asarray(x) * np.asarray(u) * (1 - 1 / np.dot(u, x)),
                "If u · x is below 1, the network sleeps all the way, and nothing is due.",
            ),
            Mistake(
                lambda x, u: np.asarray(x) * np.asarray(u) / max(1.0, np.dot(u, x)),
                "1 / (u · x) is the share of the way on which the network sleeps; the rest counts.",
            ),
        ),
        praise="Both lines add up to the logit, to the last digit: completeness.",
    ),
    Exercise(
        name="iou_by_chance",
        solution=_chance,
        cases=_SIZES,
        mistakes=(
            Mistake(
                lambda k, n: k / n,
                "That is the share of the bright pixels that hit. The IoU divides by the union of both areas.",
            ),
            Mistake(
                lambda k, n: (k * k / n) / (2 * k),
                "The shared pixels stand in both areas; in the union they count once.",
            ),
            Mistake(
                lambda k, n: k / (2 * n - 2 * k),
                "The union has 2 k pixels less the shared ones, k² / n: write both with k and n first.",
            ),
        ),
        praise="An object that fills half of the image gives a third for nothing.",
    ),
)
