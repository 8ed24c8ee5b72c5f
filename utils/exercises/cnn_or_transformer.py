"""Exercises of the chapter `6_faq/cnn_or_transformer`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _best_within(seconds, accuracy, budget):
    fits = [k for k in range(len(seconds)) if seconds[k] <= budget]
    if not fits:
        return -1
    return max(fits, key=lambda k: (accuracy[k], -seconds[k]))


def _without_budget(seconds, accuracy, budget):
    return max(range(len(seconds)), key=lambda k: (accuracy[k], -seconds[k]))


def _strictly_below(seconds, accuracy, budget):
    fits = [k for k in range(len(seconds)) if seconds[k] < budget]
    return max(fits, key=lambda k: (accuracy[k], -seconds[k])) if fits else -1


def _quickest(seconds, accuracy, budget):
    best = min(range(len(seconds)), key=lambda k: seconds[k])
    return best if seconds[best] <= budget else -1


def _first_of_equals(seconds, accuracy, budget):
    fits = [k for k in range(len(seconds)) if seconds[k] <= budget]
    return max(fits, key=lambda k: accuracy[k]) if fits else -1


def _pairs(tokens):
    count = len(tokens)
    products = np.maximum(0, tokens @ tokens.T)
    np.fill_diagonal(products, 0)
    return products.sum() / (count * (count - 1))


TOKENS = np.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 3.0], [1.0, 1.0]])

EXERCISES = (
    Exercise(
        name="best_within",
        solution=_best_within,
        cases=(
            ([60.0, 700.0, 3860.0], [0.775, 0.859, 0.917], 1000.0),
            ([60.0, 700.0, 3860.0], [0.775, 0.859, 0.917], 700.0),
            ([90.0, 40.0, 70.0], [0.8, 0.6, 0.8], 100.0),
            ([60.0, 70.0], [0.5, 0.6], 10.0),
        ),
        mistakes=(
            Mistake(_without_budget, "You took the best of all. Keep only those that fit the budget first."),
            Mistake(_strictly_below, "A training that takes exactly the budget fits, too."),
            Mistake(
                _quickest, "You took the quickest. Among those that fit, the most accurate is asked for."
            ),
            Mistake(_first_of_equals, "Of two that are equally accurate, take the quicker one."),
        ),
        praise="A comparison of models is a comparison at a budget.",
    ),
    Exercise(
        name="mean_of_pairs",
        solution=_pairs,
        cases=((TOKENS,), (TOKENS[:2],), (TOKENS[::-1] * 2,)),
        mistakes=(
            Mistake(
                lambda x: np.maximum(0, x @ x.T).mean(),
                "Each token is paired with itself in there. Leave the diagonal out.",
            ),
            Mistake(
                lambda x: np.maximum(0, (x[:-1] * x[1:]).sum(axis=1)).mean(),
                "You paired neighbours only. Then the order matters again.",
            ),
            Mistake(
                lambda x: _pairs(x) * len(x) * (len(x) - 1),
                "That is the sum. Divide by the number of pairs, N (N - 1).",
            ),
            Mistake(
                lambda x: ((x @ x.T).sum() - np.trace(x @ x.T)) / (len(x) * (len(x) - 1)),
                "What is below 0 counts as 0, pair by pair, before the mean.",
            ),
        ),
        praise="Shuffle the tokens: the mean stays. That is how attention is order-free and still sees relations.",
    ),
)
