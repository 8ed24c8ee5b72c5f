"""Exercises of the chapter `5_trends_and_challenges/self_supervised`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _hidden_error(painted, patches, hidden):
    return ((painted - patches) ** 2)[hidden].mean()


def _loss_of_one(similar, i, temperature):
    partner = (i + len(similar) // 2) % len(similar)
    others = np.delete(similar[i], i) / temperature
    return np.log(np.exp(others).sum()) - similar[i, partner] / temperature


def _with_itself(similar, i, temperature):
    partner = (i + len(similar) // 2) % len(similar)
    return np.log(np.exp(similar[i] / temperature).sum()) - similar[i, partner] / temperature


def _neighbour_as_partner(similar, i, temperature):
    others = np.delete(similar[i], i) / temperature
    return np.log(np.exp(others).sum()) - similar[i, i ^ 1] / temperature


def _without_partner_below(similar, i, temperature):
    partner = (i + len(similar) // 2) % len(similar)
    others = np.delete(similar[i], [i, partner]) / temperature
    return np.log(np.exp(others).sum()) - similar[i, partner] / temperature


_RNG = np.random.default_rng(0)
_PAINTED, _PATCHES = _RNG.random((2, 3, 5, 4))
_HIDDEN = _RNG.random((3, 5)) < 0.6
_POINTS = _RNG.normal(size=(6, 3))
_DIRECTIONS = _POINTS / np.linalg.norm(_POINTS, axis=1, keepdims=True)
_SIMILAR = _DIRECTIONS @ _DIRECTIONS.T

EXERCISES = (
    Exercise(
        name="share_of_pairs",
        solution=lambda visible, count: (visible / count) ** 2,
        cases=((12, 36), (9, 36), (49, 196), (36, 36)),
        mistakes=(
            Mistake(
                lambda v, n: v / n,
                "That is the share of the tokens. They are compared in pairs: count those.",
            ),
            Mistake(
                lambda v, n: 1 - (v / n) ** 2,
                "That is the share that is saved. The share that is left is asked for.",
            ),
            Mistake(
                lambda v, n: (1 - v / n) ** 2,
                "Those are the pairs of hidden patches. Only visible ones go in.",
            ),
        ),
        praise="Hiding two of three patches leaves a ninth of the comparisons.",
    ),
    Exercise(
        name="hidden_error",
        solution=_hidden_error,
        cases=((_PAINTED, _PATCHES, _HIDDEN), (_PATCHES, 2 * _PAINTED, ~_HIDDEN)),
        mistakes=(
            Mistake(
                lambda a, b, h: ((a - b) ** 2).mean(),
                "That is over all patches. Whoever is praised for the visible ones learns to copy.",
            ),
            Mistake(
                lambda a, b, h: ((a - b) ** 2)[~h].mean(),
                "Those are the visible patches: `hidden` is True for the others.",
            ),
            Mistake(
                lambda a, b, h: ((a - b) ** 2 * h[:, :, None]).mean(),
                "The sum is right, but you divide by the numbers of all patches, the visible ones too.",
            ),
            Mistake(
                lambda a, b, h: ((a - b) ** 2).sum(axis=2)[h].mean(),
                "That is the sum over the numbers of a patch. Their mean is asked for.",
            ),
        ),
        praise="The visible patches say nothing about what was understood.",
    ),
    Exercise(
        name="loss_of_one",
        solution=_loss_of_one,
        cases=((_SIMILAR, 0, 0.5), (_SIMILAR, 4, 0.1), (_SIMILAR, 5, 1.0)),
        mistakes=(
            Mistake(
                _with_itself,
                "The view itself is among those below the line. Its product with itself is 1, and nothing beats it.",
            ),
            Mistake(
                _neighbour_as_partner,
                "The views of a picture are not neighbours here: the second ones come B rows later.",
            ),
            Mistake(
                _without_partner_below,
                "The partner is missing below the line: it is one of the 2B - 1 classes.",
            ),
            Mistake(
                lambda s, i, t: _loss_of_one(s, i, 1.0),
                "The temperature is missing: divide all products by it.",
            ),
            Mistake(lambda s, i, t: -_loss_of_one(s, i, t), "A loss is small if all is well: turn the sign."),
        ),
        praise="Cross-entropy again, with the other pictures of the batch as classes.",
    ),
    Exercise(
        name="fair_steps",
        solution=lambda pretraining, tasks, steps, seconds: steps + pretraining / (tasks * seconds),
        cases=((20.0, 1, 200, 0.02), (20.0, 10, 200, 0.02), (3600.0, 50, 1000, 0.5)),
        mistakes=(
            Mistake(
                lambda p, k, n, s: n + p / s,
                "Each task gets the whole pretraining here, but all of them share one.",
            ),
            Mistake(
                lambda p, k, n, s: p / (k * s),
                "The steps of the fine-tuning are missing: scratch gets those, too.",
            ),
            Mistake(
                lambda p, k, n, s: k * n + p / s,
                "Those are the steps for all tasks together. One task is asked for.",
            ),
        ),
        praise="With many tasks, the pretraining is nearly free; with one, it has to pay for itself.",
    ),
)
