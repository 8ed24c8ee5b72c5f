"""Exercises of the chapter `1_background/four_eras`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_STORED = np.array([[250, 10, 30], [12, 200, 90], [90, 90, 90]], np.uint8)
_ASKED = (
    np.array([240, 20, 40], np.uint8),
    np.array([100, 80, 95], np.uint8),
    np.array([0, 255, 0], np.uint8),
)

_VALIDATION = np.array([[0.61, 0.64, 0.62], [0.71, 0.70, 0.72], [0.66, 0.73, 0.70]])
_SAFE = np.array([[0.60, 0.63, 0.62], [0.71, 0.70, 0.69], [0.64, 0.68, 0.66]])
_UNSAFE = np.array([[0.60, 0.63, 0.62], [0.71, 0.70, 0.65], [0.64, 0.69, 0.66]])
_OTHER_WINS = np.array([[0.60, 0.63, 0.62], [0.66, 0.67, 0.65], [0.74, 0.75, 0.76]])


def _nearest(stored, x):
    return np.argmin(((stored.astype(float) - x.astype(float)) ** 2).sum(axis=1))


def _direction_bin(right, down):
    return int(np.rad2deg(np.arctan2(down, right)) % 180 // 20)


def _phi(x):
    return np.array([x[0] ** 2, x[1] ** 2, np.sqrt(2) * x[0] * x[1]])


def _is_safe(tests, best):
    return tests[best].min() > np.delete(tests, best, axis=0).max()


def _claimed_accuracy(validation, tests):
    best = np.argmax(validation.mean(axis=1))
    return tests[best].mean() if _is_safe(tests, best) else 0


def _chosen_on_test(validation, tests):
    best = np.argmax(tests.mean(axis=1))
    return tests[best].mean() if _is_safe(tests, best) else 0


def _compared_by_means(validation, tests):
    best = np.argmax(validation.mean(axis=1))
    means = tests.mean(axis=1)
    return means[best] if means[best] >= means.max() else 0


EXERCISES = (
    Exercise(
        name="nearest",
        solution=_nearest,
        cases=tuple((_STORED, x) for x in _ASKED),
        mistakes=(
            Mistake(
                lambda stored, x: np.argmin(((stored - x) ** 2).sum(axis=1)),
                "The numbers are uint8: 10 - 20 is 246 there. Turn them into floats first.",
            ),
            Mistake(
                lambda stored, x: np.argmax(((stored.astype(float) - x) ** 2).sum(axis=1)),
                "That is the farthest one.",
            ),
            Mistake(
                lambda stored, x: np.argmin((stored.astype(float) - x).sum(axis=1)),
                "Without the square, a gap below cancels a gap above.",
            ),
            Mistake(
                lambda stored, x: ((stored.astype(float) - x.astype(float)) ** 2).sum(axis=1).min(),
                "That is the distance; wanted is the index of the row that has it.",
            ),
        ),
        praise="This one line is a complete recogniser, the one of 1967.",
    ),
    Exercise(
        name="direction_bin",
        solution=_direction_bin,
        cases=((1.0, 0.1), (0.5, 2.0), (-1.0, 0.5), (-1.0, -0.1), (2.0, -2.0)),
        mistakes=(
            Mistake(
                lambda right, down: int(np.rad2deg(np.arctan2(down, right)) % 360 // 20),
                "Bright on dark and dark on bright are to count alike: the direction is taken modulo 180°.",
            ),
            Mistake(
                lambda right, down: int(np.rad2deg(np.arctan2(right, down)) % 180 // 20),
                "`arctan2` takes the vertical part first.",
            ),
            Mistake(
                lambda right, down: int(np.arctan2(down, right) % 180 // 20),
                "`arctan2` answers in radians.",
            ),
            Mistake(
                lambda right, down: int(round(np.rad2deg(np.arctan2(down, right)) % 180 / 20)),
                "The first range goes from 0° to 20°: round down, not to the nearest.",
            ),
        ),
        praise="Nine such ranges, counted in small cells, are most of what this feature is.",
    ),
    Exercise(
        name="phi",
        solution=_phi,
        cases=((np.array([1.0, 1.0]),), (np.array([2.0, -1.0]),), (np.array([0.0, 3.0]),)),
        mistakes=(
            Mistake(
                lambda x: np.array([x[0] ** 2, x[1] ** 2, x[0] * x[1]]),
                "Multiply out: the mixed term appears twice, and each of the two vectors must bring the root of 2.",
            ),
            Mistake(
                lambda x: np.array([x[0] ** 2, x[1] ** 2, 2 * x[0] * x[1]]),
                "With a 2 in both vectors the product has a 4; share the 2 between them.",
            ),
            Mistake(
                lambda x: np.array([x[0], x[1], np.sqrt(2) * x[0] * x[1]]),
                "The square of the kernel makes squares of the coordinates, too.",
            ),
        ),
        praise="Three numbers for two coordinates; the kernel of the chapter has infinitely many and never needs them.",
    ),
    Exercise(
        name="claimed_accuracy",
        solution=_claimed_accuracy,
        cases=((_VALIDATION, _SAFE), (_VALIDATION, _UNSAFE), (_VALIDATION, _OTHER_WINS)),
        mistakes=(
            Mistake(_chosen_on_test, "That lets the test set choose the method; validation has to."),
            Mistake(
                _compared_by_means, "A higher mean is not enough here: compare its worst run with their best."
            ),
            Mistake(
                lambda validation, tests: tests[np.argmax(validation.mean(axis=1))].mean(),
                "That claims the ranking without asking whether it is safe.",
            ),
            Mistake(
                lambda validation, tests: validation.max() if _claimed_accuracy(validation, tests) else 0,
                "Report the test accuracy; the validation accuracy has chosen and so flatters.",
            ),
        ),
        praise="Three seeds are few, and this rule is strict. It has saved many a claim from being withdrawn.",
    ),
)
