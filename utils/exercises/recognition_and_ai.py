"""Exercises of the chapter `6_faq/recognition_and_ai`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _variances(mask):
    return np.linalg.eigvalsh(np.cov(np.argwhere(mask).T))


def _longish(mask):
    smaller, larger = _variances(mask)
    return smaller / larger


def _extent(mask):
    rows, columns = np.argwhere(mask).T
    sides = np.ptp(rows) + 1, np.ptp(columns) + 1
    return min(sides) / max(sides)


def _overtakes_at(sizes, learned, ruled):
    best = None
    for size, accuracy in zip(sizes[::-1], learned[::-1], strict=True):
        if accuracy <= ruled:
            break
        best = size
    return best


def _first_ahead(sizes, learned, ruled):
    return next((s for s, a in zip(sizes, learned, strict=True) if a > ruled), None)


def _equal_counts(sizes, learned, ruled):
    return _overtakes_at(sizes, [a + 1e-12 for a in learned], ruled)


def _bar(turned):
    mask = np.zeros((9, 9), bool)
    if turned:
        for k in range(7):
            mask[k, k] = mask[k, k + 1] = True
    else:
        mask[3:5, 1:8] = True
    return mask


_SQUARE = np.pad(np.ones((4, 4), bool), 2)

EXERCISES = (
    Exercise(
        name="longish",
        solution=_longish,
        cases=((_bar(False),), (_bar(True),), (_SQUARE,)),
        mistakes=(
            Mistake(
                lambda m: 1 / _longish(m),
                "That is the larger divided by the smaller: turn the fraction over.",
            ),
            Mistake(
                lambda m: np.sqrt(_longish(m)),
                "That is the ratio of the lengths. The eigenvalues are variances; no root is asked for.",
            ),
            Mistake(
                _extent,
                "You measured the upright box. A bar that lies across the diagonal has a square box.",
            ),
            Mistake(
                lambda m: np.divide(*np.sort(np.var(np.argwhere(m), axis=0))),
                "You took the variances along rows and columns, and a turned bar changes these. Take the eigenvalues.",
            ),
        ),
        praise="A measure of your own, and nothing was trained.",
    ),
    Exercise(
        name="overtakes_at",
        solution=_overtakes_at,
        cases=(
            ([10, 50, 200, 1000], [0.2, 0.8, 0.6, 0.99], 0.7),
            ([10, 50, 200], [0.2, 0.3, 0.4], 0.9),
            ([10, 50, 200], [0.5, 0.7, 0.7], 0.7),
            ([10, 50], [0.8, 0.9], 0.7),
        ),
        mistakes=(
            Mistake(
                _first_ahead,
                "The first size at which it is ahead may be a lucky one. It has to stay ahead at all larger sizes.",
            ),
            Mistake(
                _equal_counts, "Equal is not ahead: then the rules, which need no pictures, are cheaper."
            ),
            Mistake(
                lambda s, a, r: max(a) if max(a) > r else None,
                "That is an accuracy. Return the number of training pictures.",
            ),
            Mistake(
                lambda s, a, r: s[-1] if a[-1] > r else None,
                "That is the largest size. Go down as long as it stays ahead.",
            ),
        ),
        praise="With your own pictures, this is the number to ask for before you have a thousand of them labelled.",
    ),
)
