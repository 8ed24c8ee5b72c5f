"""Exercises of the chapter `4_code/project`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_SOURCES = (
    (np.array([0, 0, 1, 1, 2]), np.array([2, 3, 3, 3])),
    (np.array([5, 6, 7, 8, 9]), np.array([1, 2, 3])),
    (np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 4, 4, 1, 1, 1])),
)
_CUT_OUT = np.array(
    [
        [[200, 10, 30, 255], [0, 0, 0, 0], [90, 200, 250, 128]],
        [[255, 255, 255, 40], [10, 20, 30, 0], [60, 70, 80, 200]],
    ],
    np.uint8,
)
_ANSWERS = (
    (np.array([0, 1, 2, 1]), np.array([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.5, 0.4]]), 0.6),
    (np.array([1, 1, 0, 0, 1]), np.array([[0.5, 0.5], [0.1, 0.9], [0.1, 0.9], [0.75, 0.25], [0.6, 0.4]]), 0.75),
)  # fmt: skip
_PICTURE = np.arange(2 * 3 * 2).reshape(2, 3, 2)
_QUARTERS = {1: 0, 3: 2, 6: 3, 8: 1}


def _on_white(rgba):
    opaque = rgba[..., 3:].astype(float) / 255
    return opaque * rgba[..., :3] + (1 - opaque) * 255


def _answered(y_true, probabilities, threshold, strictly=False, of_all=False, of_right=False):
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y_true
    sure = confidence > threshold if strictly else confidence >= threshold
    if of_right:
        sure = probabilities[np.arange(len(y_true)), y_true] >= threshold
    return np.array([sure.mean(), (right & sure).mean() if of_all else right[sure].mean()])


EXERCISES = (
    Exercise(
        name="share_met",
        solution=lambda train, test: np.isin(test, train).mean(),
        cases=_SOURCES,
        mistakes=(
            Mistake(
                lambda train, test: np.isin(np.unique(test), train).mean(),
                "That is the share of the sources. A source with many pictures spoils many answers: count pictures.",
            ),
            Mistake(
                lambda train, test: np.isin(train, test).mean(),
                "That is the share of the training pictures that have a sibling in the test; turn it round.",
            ),
            Mistake(
                lambda train, test: 1 - np.isin(test, train).mean(),
                "That is the share that is honest: the others were asked for.",
            ),
            Mistake(
                lambda train, test: np.isin(test, train).sum(),
                "That is how many there are. A share is between 0 and 1.",
            ),
        ),
        praise="Put it behind every split that you make, as an assertion that it is zero.",
    ),
    Exercise(
        name="on_white",
        solution=_on_white,
        cases=((_CUT_OUT,), (_CUT_OUT[:, 1:],), (_CUT_OUT[:1],)),
        mistakes=(
            Mistake(
                lambda rgba: rgba[..., :3].astype(float),
                "The fourth channel is not used: what lies behind the transparent places comes to light.",
            ),
            Mistake(
                lambda rgba: rgba[..., 3:].astype(float) / 255 * rgba[..., :3],
                "That is the picture on black: something is missing where it is transparent.",
            ),
            Mistake(
                lambda rgba: (
                    (1 - rgba[..., 3:].astype(float) / 255) * rgba[..., :3] + rgba[..., 3:].astype(float)
                ),
                "Opaque and transparent have changed places: 255 means that nothing shines through.",
            ),
            Mistake(
                lambda rgba: rgba[..., :3] + (1 - rgba[..., 3:].astype(float) / 255) * 255,
                "White was added, but the picture was not made weaker: the two weights must sum to 1.",
            ),
        ),
        praise="Write down which ground you choose: to a network it is part of the picture.",
    ),
    Exercise(
        name="coverage_and_accuracy",
        solution=_answered,
        cases=_ANSWERS,
        mistakes=(
            Mistake(
                lambda y, p, t: _answered(y, p, t, of_all=True),
                "The second number is a share of all pictures. Divide by those that got an answer.",
            ),
            Mistake(
                lambda y, p, t: _answered(y, p, t, strictly=True),
                "A confidence that equals the threshold is enough: at least, not more than.",
            ),
            Mistake(
                lambda y, p, t: _answered(y, p, t, of_right=True),
                "You looked at the probability of the true class, which nobody knows in use: take the largest.",
            ),
            Mistake(
                lambda y, p, t: _answered(y, p, t)[::-1],
                "The two have changed places: first the share that is answered.",
            ),
        ),
        praise="Draw it for all thresholds, and let whoever uses the model choose the point.",
    ),
    Exercise(
        name="upright",
        solution=lambda image, note: np.rot90(image, _QUARTERS[note]),
        cases=tuple((_PICTURE, note) for note in (1, 3, 6, 8)),
        mistakes=(
            Mistake(
                lambda image, note: np.rot90(image, {1: 0, 3: 2, 6: 1, 8: 3}[note]),
                "6 and 8 have changed places: rot90 goes counter-clockwise.",
            ),
            Mistake(
                lambda image, note: image if note < 6 else np.rot90(image, _QUARTERS[note]),
                "3 is a half turn: that picture is still upside down.",
            ),
            Mistake(
                lambda image, note: np.rot90(image, _QUARTERS[note], axes=(1, 2)),
                "The turn is in the plane of height and width, the first two axes.",
            ),
            Mistake(
                lambda image, note: image[::-1] if note == 3 else np.rot90(image, _QUARTERS[note]),
                "For 3 you mirrored the picture: a half turn reverses rows and columns.",
            ),
        ),
        praise="The width becomes the height: whoever reads the size from the file must know the note, too.",
    ),
)
