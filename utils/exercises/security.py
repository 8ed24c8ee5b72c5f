"""Exercises of the chapter `5_trends_and_challenges/security`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_LINEAR = (
    ([1.0, -2.0, 0.5], 0.2, [0.4, 0.1, 0.9], 1, 0.1),
    ([1.0, -2.0, 0.5], 0.2, [0.4, 0.1, 0.9], -1, 0.1),
    ([0.3, 0.3], -1.0, [0.5, 0.2], -1, 0.05),
    ([2.0, -1.0], 0.0, [0.5, 0.5], 1, 0.0),
)
_NAMES = np.array(["a", "a", "a", "a", "b", "b", "b", "c", "d", "d"])
_GROUPS = (
    (_NAMES, np.array([1, 1, 0, 1, 0, 1, 0, 0, 1, 0]), 2),
    (_NAMES, np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 0]), 3),
    (_NAMES, np.array([0, 1, 0, 1, 1, 1, 0, 1, 1, 1]), 1),
)


def _margin(w, b, x, y, epsilon, reach=lambda w: np.abs(w).sum(), sign=-1):
    w, x = np.asarray(w), np.asarray(x)
    return y * (w @ x + b) + sign * epsilon * reach(w)


def _shares(group, right, minimum, score=np.mean):
    group, right = np.asarray(group), np.asarray(right)
    return [score(right[group == g]) for g in np.unique(group) if (group == g).sum() >= minimum]


EXERCISES = (
    Exercise(
        name="worst_margin",
        solution=_margin,
        cases=_LINEAR,
        mistakes=(
            Mistake(
                lambda w, b, x, y, e: _margin(w, b, x, y, e, sign=1),
                "The attacker makes the margin smaller; this is the kindest change.",
            ),
            Mistake(
                lambda w, b, x, y, e: _margin(w, b, x, y, e, reach=np.linalg.norm),
                "That is for changes of a limited length. Here each number has its own limit: sum the |w|.",
            ),
            Mistake(
                lambda w, b, x, y, e: _margin(w, b, x, y, e, reach=np.sum),
                "Positive and negative weights do not cancel: each number moves against its own weight.",
            ),
            Mistake(
                lambda w, b, x, y, e: _margin(w, b, x, y, e, reach=lambda w: np.abs(w).max()),
                "Only one number has moved. All of them may, at once.",
            ),
            Mistake(
                lambda w, b, x, y, e: _margin(w, b, x, 1, e),
                "The label is missing: for y = -1 a positive sum is a wrong answer.",
            ),
        ),
        praise="With more pixels the sum gets longer, and the same tiny epsilon does more.",
    ),
    Exercise(
        name="share_poisoned",
        solution=1 / 12,
        mistakes=(
            Mistake(2 / 3, "That holds within the target class. The other seven lose pictures, too."),
            Mistake(1 / 8, "You would be right if n were thrown out of each class; it is half as many more."),
            Mistake(12, "Upside down: that is how many are thrown out for each poisoned one."),
            Mistake(11 / 12, "That is the share of honest pictures among those that go."),
        ),
        praise="This is the price of not knowing the target, and it is paid in honest pictures.",
        tolerance=1e-3,
    ),
    Exercise(
        name="worst_share",
        solution=lambda group, right, minimum: min(_shares(group, right, minimum)),
        cases=_GROUPS,
        mistakes=(
            Mistake(
                lambda group, right, minimum: min(_shares(group, right, 1)),
                "A group that is too small has slipped in: look at `minimum`.",
            ),
            Mistake(
                lambda group, right, minimum: min(_shares(group, right, minimum + 1)),
                "A group of exactly `minimum` pictures counts.",
            ),
            Mistake(
                lambda group, right, minimum: float(np.mean(right)),
                "That is the average over all pictures, the number that hides the groups.",
            ),
            Mistake(
                lambda group, right, minimum: float(np.mean(_shares(group, right, minimum))),
                "That is the mean of the groups. The worst one is asked for.",
            ),
            Mistake(
                lambda group, right, minimum: max(_shares(group, right, minimum)),
                "That is the best group.",
            ),
        ),
        praise="Say how the groups were chosen whenever you report one.",
    ),
)
