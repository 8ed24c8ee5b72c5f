"""Exercises of the chapter `5_trends_and_challenges/privacy`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _clip(gradients, clip):
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients * np.minimum(1, clip / np.maximum(lengths, 1e-12))).sum(axis=0)


def _clip_the_sum(gradients, clip):
    total = gradients.sum(axis=0)
    return total * min(1, clip / max(np.linalg.norm(total), 1e-12))


def _normalise(gradients, clip):
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients * clip / np.maximum(lengths, 1e-12)).sum(axis=0)


def _audit(true_rate, false_rate, delta):
    return max(0.0, np.log(max(true_rate - delta, 1e-300) / false_rate))


def _right(true_rate, false_rate, prior):
    return true_rate * prior / (true_rate * prior + false_rate * (1 - prior))


EXERCISES = (
    Exercise(
        name="clip_and_add",
        solution=_clip,
        cases=(
            (np.array([[3.0, 4.0], [0.3, 0.4], [-6.0, 8.0]]), 1.0),
            (np.array([[3.0, 4.0], [0.0, 0.0]]), 2.0),
            (np.array([[0.1, -0.2, 0.2], [1.0, 2.0, -2.0]]), 0.5),
        ),
        mistakes=(
            Mistake(
                _clip_the_sum,
                "You cut the sum. One loud picture can then still drown all others: cut each row.",
            ),
            Mistake(
                _normalise,
                "You brought every row to the length clip. Rows that are shorter stay as they are.",
            ),
            Mistake(
                lambda g, c: np.clip(g, -c, c).sum(axis=0),
                "You cut each number. It is the length of a row, over all its numbers, that is limited.",
            ),
            Mistake(
                lambda g, c: _clip(g, c) / len(g),
                "That is the mean of the cut rows. The sum is asked for; the noise is added to it.",
            ),
            Mistake(lambda g, c: g.sum(axis=0), "Nothing has been cut yet."),
        ),
        praise="Whatever one picture says, the sum changes by no more than clip.",
    ),
    Exercise(
        name="epsilon_at_least",
        solution=_audit,
        cases=((0.5, 0.01, 1e-5), (0.085, 0.01, 1e-5), (0.01, 0.02, 1e-5), (0.3, 0.1, 0.1)),
        mistakes=(
            Mistake(
                lambda t, f, d: (t - d) / f,
                "That is how large e to the power ε must be. Take the logarithm.",
            ),
            Mistake(
                lambda t, f, d: max(0.0, np.log(t / f)),
                "δ is missing: it is added on the right, so it is subtracted on the left first.",
            ),
            Mistake(
                lambda t, f, d: np.log((t - d) / f),
                "For an attack that is worse than chance this is below 0. ε never is.",
            ),
            Mistake(
                lambda t, f, d: max(0.0, np.log((1 - f - d) / (1 - t))),
                "That is the second inequality, about silence. It holds too, but here the first is asked for.",
            ),
        ),
        praise="That is an audit: it can show that a claim is false, never that it is true.",
    ),
    Exercise(
        name="share_of_right_alarms",
        solution=_right,
        cases=((0.08, 0.01, 0.5), (0.08, 0.01, 0.001), (0.9, 0.001, 0.01)),
        mistakes=(
            Mistake(
                lambda t, f, p: t / (t + f),
                "That is right if members and strangers are equally many. Weight both with their shares.",
            ),
            Mistake(
                lambda t, f, p: t * p,
                "That is the share of all pictures that are members with an alarm. Divide by all alarms.",
            ),
            Mistake(
                lambda t, f, p: t * p / (t * p + f),
                "The false alarms come from the strangers, and their share is 1 - prior.",
            ),
            Mistake(
                lambda t, f, p: f * (1 - p) / (t * p + f * (1 - p)), "That is the share of the false alarms."
            ),
        ),
        praise="This is the precision of the attack; it depends on how rare members are.",
    ),
)
