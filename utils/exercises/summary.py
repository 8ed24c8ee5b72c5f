"""Exercises of the chapter `7_summary/summary`."""

import math

import numpy as np

from utils.exercises import Exercise, Mistake


def _ahead(a, b):
    difference = np.asarray(a) - np.asarray(b)
    return bool((difference > 0).all() or (difference < 0).all())


def _needed(gap, spread):
    return max(2, math.ceil(8 * (spread / gap) ** 2))


EXERCISES = (
    Exercise(
        name="one_is_always_ahead",
        solution=_ahead,
        cases=(
            (np.array([0.9, 0.8, 0.7]), np.array([0.85, 0.75, 0.65])),
            (np.array([0.6, 0.5, 0.7]), np.array([0.65, 0.75, 0.71])),
            (np.array([0.9, 0.8, 0.7]), np.array([0.8, 0.85, 0.6])),
            (np.array([0.9, 0.8, 0.7]), np.array([0.85, 0.8, 0.65])),
            (np.array([0.7, 0.8]), np.array([0.5, 0.6])),
        ),
        mistakes=(
            Mistake(
                lambda a, b: bool((np.asarray(a) > np.asarray(b)).all()),
                "You ask only whether a is ahead. Either of the two may be.",
            ),
            Mistake(
                lambda a, b: bool(min(a) > max(b) or min(b) > max(a)),
                "You compare the worst run of one with the best of the other. Seeds are pairs: compare a[i] with b[i].",
            ),
            Mistake(
                lambda a, b: bool(
                    (np.asarray(a) >= np.asarray(b)).all() or (np.asarray(a) <= np.asarray(b)).all()
                ),
                "A tie in one seed is not ahead.",
            ),
            Mistake(
                lambda a, b: bool(np.mean(a) != np.mean(b)),
                "Means that differ say nothing about each seed.",
            ),
        ),
        praise="With three seeds that happens by chance one time in four, so it is a beginning and not a proof.",
    ),
    Exercise(
        name="seeds_needed",
        solution=_needed,
        cases=((0.01, 0.01), (0.02, 0.01), (0.005, 0.012), (0.1, 0.01), (0.003, 0.004)),
        mistakes=(
            Mistake(
                lambda gap, spread: max(2, math.ceil(4 * (spread / gap) ** 2)),
                "That is for a mean against a known number. Both means vary: the variances add, hence the 2 under the root.",
            ),
            Mistake(
                lambda gap, spread: max(2, math.ceil(2 * (spread / gap) ** 2)),
                "That is one standard error. Two are asked for, and squared they count four times.",
            ),
            Mistake(
                lambda gap, spread: max(2, math.floor(8 * (spread / gap) ** 2)),
                "You rounded down, and with that many seeds the difference falls short of two standard errors.",
            ),
            Mistake(
                lambda gap, spread: math.ceil(8 * (spread / gap) ** 2),
                "One seed has no spread: at least 2.",
            ),
        ),
        praise="Half the difference takes four times the seeds.",
    ),
)
