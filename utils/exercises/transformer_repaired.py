"""Exercises of the chapter `4_code/transformer_repaired`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _layer_parameters(embed_dim, hidden_dim):
    attention = 4 * (embed_dim**2 + embed_dim)
    mlp = 2 * embed_dim * hidden_dim + hidden_dim + embed_dim
    return attention + mlp + 4 * embed_dim


def _rows_sum_to_one(scores):
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _masked_weights(scores, padding):
    return _rows_sum_to_one(np.where(padding, -np.inf, scores))


def _masked_after(scores, padding):
    return np.where(padding, 0, _rows_sum_to_one(scores))


def _masked_listeners(scores, padding):
    return np.where(padding[:, None], 0, _rows_sum_to_one(scores))


def _zero_scores(scores, padding):
    return _rows_sum_to_one(np.where(padding, 0, scores))


_SCORES = np.array(
    [[0.5, -1.0, 2.0, 0.3], [1.5, 0.2, -0.7, 3.0], [0.0, 0.4, 0.1, -2.0], [2.5, 1.0, 0.6, 0.9]]
)
_MASKS = ([False, False, False, True], [False, True, False, True], [False] * 4)

EXERCISES = (
    Exercise(
        name="layer_parameters",
        solution=_layer_parameters,
        cases=((32, 64), (64, 128), (512, 2048), (12, 20)),
        mistakes=(
            Mistake(
                lambda d, h: 4 * d**2 + 2 * d * h + 4 * d,
                "Close: the six dense layers have biases, D for all but one, and H for that one.",
            ),
            Mistake(
                lambda d, h: 4 * (d**2 + d) + 2 * d * h + h + d + 2 * d,
                "There are two norms in a layer, each with a gain and a shift.",
            ),
            Mistake(
                lambda d, h: 4 * (d**2 + d) + 2 * d * h + h + d,
                "The two norms have parameters, too: a gain and a shift for each number.",
            ),
            Mistake(
                lambda d, h: 3 * (d**2 + d) + 2 * d * h + h + d + 4 * d,
                "Queries, keys and values are three; behind the heads there is a projection.",
            ),
            Mistake(
                lambda d, h: 4 * (d**2 + d) + d * h + h + 4 * d,
                "The MLP has two layers: one to H numbers, and one back.",
            ),
        ),
        praise="The number of tokens does not occur in it: one layer serves sequences of any length.",
    ),
    Exercise(
        name="masked_weights",
        solution=_masked_weights,
        cases=tuple((_SCORES, np.array(mask)) for mask in _MASKS),
        mistakes=(
            Mistake(
                _masked_after,
                "The rows do not sum to 1: what the softmax had given to filled places is gone. "
                "Forbid them before the softmax.",
            ),
            Mistake(
                _masked_listeners,
                "That silences the rows, those who listen. The mask is about those who are listened to: the columns.",
            ),
            Mistake(
                _zero_scores,
                "A score of 0 is a score like any other, and its weight is not 0. Which score has the weight 0?",
            ),
            Mistake(
                lambda s, p: _rows_sum_to_one(np.where(p, s, -1e9)),
                "Turned round: here `True` means that nobody is there.",
            ),
        ),
        praise="What a filled place itself hears does not matter: whoever pools leaves it out.",
    ),
    Exercise(
        name="fault_by_symptom",
        solution="batch axis",
        mistakes=(
            Mistake(
                "powers",
                "With powers a sequence would be stuck, too; but its answer would not depend on the batch.",
            ),
            Mistake("in place", "Then two calls with the same batch would give two answers."),
            Mistake(
                "dropout",
                "In evaluation mode dropout does nothing; and the same batch gave the same answers.",
            ),
            Mistake("loss axes", "That decides what is learned. It cannot make one sequence hear another."),
        ),
        praise="One sequence alone and in company: that comparison is worth a test in each of your projects.",
    ),
)
