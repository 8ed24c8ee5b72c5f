"""Exercises of the chapter `6_faq/recognition_or_generation`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _softmax(logs):
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _bayes(losses, shares):
    return _softmax(np.log(shares) - losses)


def _too_large(losses, shares):
    with np.errstate(invalid="ignore", over="ignore", under="ignore", divide="ignore"):
        odds = np.exp(-losses) * shares
        return odds / odds.sum(axis=1, keepdims=True)


def _guess(mixtures, velocities, times):
    return mixtures + (1 - times)[:, None] * velocities


_MIXTURES = np.array([[0.0, 1.0, -2.0], [0.5, 0.5, 0.5]])
_VELOCITIES = np.array([[1.0, -1.0, 0.25], [2.0, 0.0, -4.0]])

EXERCISES = (
    Exercise(
        name="class_probabilities",
        solution=_bayes,
        cases=(
            (np.array([[1.0, 2.0], [0.5, 0.25]]), np.array([0.5, 0.5])),
            (np.array([[3.0, 1.0, 2.0]]), np.array([0.7, 0.1, 0.2])),
            (np.array([[5000.0, 5001.0, 5003.0], [-4000.0, -4001.0, -3999.0]]), np.array([0.2, 0.3, 0.5])),
        ),
        mistakes=(
            Mistake(
                lambda losses, shares: _softmax(-losses),
                "The shares of the classes are missing. A rare class needs a better explanation.",
            ),
            Mistake(
                lambda losses, shares: _softmax(np.log(shares) + losses),
                "The sign: a large loss means that the class explains the picture badly.",
            ),
            Mistake(
                _too_large,
                "Right on paper. But e to the power -5000 is 0 for a computer: subtract each row's smallest "
                "loss first.",
            ),
            Mistake(
                lambda losses, shares: shares - losses,
                "The shares are probabilities and the losses are logarithms. Bring both to the same side.",
            ),
        ),
        praise="That is Bayes' rule: from how well each class explains a picture to how likely each class is.",
    ),
    Exercise(
        name="guessed_pictures",
        solution=_guess,
        cases=(
            (_MIXTURES, _VELOCITIES, np.array([0.0, 0.75])),
            (_MIXTURES, _VELOCITIES, np.array([0.5, 0.9])),
        ),
        mistakes=(
            Mistake(
                lambda x, v, t: x + v,
                "That goes on for a whole unit of time. At time t only a part of the way is left.",
            ),
            Mistake(
                lambda x, v, t: x + t[:, None] * v,
                "That is the time that has passed. How much is left?",
            ),
            Mistake(
                lambda x, v, t: x - t[:, None] * v,
                "That goes back, to t = 0: it is the noise that the network has in mind.",
            ),
        ),
        praise="Velocity, noise and picture are three names for one guess: any of them gives the other two.",
    ),
)
