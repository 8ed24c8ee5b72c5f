"""Exercises of the chapter `3_algorithms/transformer_mathematics`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_TOKEN = np.array([1.0, 3.0, 5.0, 7.0])
_RNG = np.random.default_rng(0)


def _normalised(root):
    return 2 * (_TOKEN - 4) / root + 1


def _shares(count):
    weights = _RNG.random(count) + 0.1
    return weights / weights.sum()


def _backward(dp, p):
    return p * (dp - np.sum(p * dp))


EXERCISES = (
    Exercise(
        name="one_token",
        solution=_normalised(np.sqrt(5)),
        tolerance=1e-3,
        mistakes=(
            Mistake(_normalised(5.0), "That is divided by the variance. The standard deviation is its root."),
            Mistake(
                _normalised(np.sqrt(20 / 3)),
                "The squares were divided by 3. Layer normalisation divides by the number of numbers, 4.",
            ),
            Mistake(
                (_TOKEN - 4) / np.sqrt(5),
                "That is the normalised token. Gain and shift are still to come.",
            ),
            Mistake(2 * (_TOKEN - 4) / np.sqrt(5), "The gain is in, the shift is missing."),
            Mistake(
                2 * ((_TOKEN - 4) / np.sqrt(5) + 1),
                "First the gain, then the shift: here the shift was multiplied, too.",
            ),
        ),
        praise="Its mean is the shift and its standard deviation the gain, whatever the token was.",
    ),
    Exercise(
        name="scores_backward",
        solution=_backward,
        cases=tuple((_RNG.normal(size=n).round(2), _shares(n)) for n in (2, 3, 5))
        + ((np.ones(4), _shares(4)),),
        mistakes=(
            Mistake(
                lambda dp, p: p * dp, "Shares cannot all grow: the mean slope has to be taken away first."
            ),
            Mistake(
                lambda dp, p: p * (dp - np.mean(dp)),
                "The mean is weighed with the shares: a token with a large share counts more.",
            ),
            Mistake(
                lambda dp, p: dp - np.sum(p * dp),
                "Each difference still has to be multiplied with its own share.",
            ),
            Mistake(
                lambda dp, p: p * (1 - p) * dp,
                "That is the diagonal of the Jacobian. A score moves the other shares, too.",
            ),
        ),
        praise="If all slopes are equal, the answer is 0: nothing can be gained by shifting shares.",
    ),
    Exercise(
        name="score_divisor",
        solution=lambda width, q, k: np.sqrt(width * q * k),
        cases=((64, 1.0, 1.0), (16, 4.0, 1.0), (32, 0.5, 3.0)),
        mistakes=(
            Mistake(
                lambda width, q, k: width * q * k,
                "That is the variance of the dot product. Dividing by c divides the variance by c².",
            ),
            Mistake(lambda width, q, k: np.sqrt(width), "That is right if both variances are 1."),
            Mistake(
                lambda width, q, k: np.sqrt(width * (q + k)),
                "The variance of a product of independent numbers with mean 0 is the product of the variances.",
            ),
            Mistake(
                lambda width, q, k: np.sqrt(width) * q * k,
                "q and k are variances, so they stand under the root as well.",
            ),
        ),
        praise="Some models normalise queries and keys for just this reason, and then know both variances.",
    ),
    Exercise(
        name="three_matrices",
        solution=8 / 3,
        tolerance=0.01,
        mistakes=(
            Mistake(4.0, "With three matrices and ρ = 4 the part has 12 D², three quarters of the block."),
            Mistake(
                4 / 3,
                "That gives the part as many weights as attention, a half. It shall have twice as many.",
            ),
            Mistake(2.0, "That is 6 D² beside 4 D², three fifths."),
            Mistake(16 / 3, "Count the matrices: three of ρ D² each."),
        ),
        praise="Models of this kind are called gated.",
    ),
)
