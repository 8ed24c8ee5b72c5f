"""Scaling laws: a loss as a floor and a sum of power laws, fitted, resampled, and solved for the best use of a budget.

Letters as in the literature: N parameters, D training examples, C compute, E the loss that nothing takes away.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

_STARTS = (0.2, 0.5, 1.0)
"""First guesses of the exponents; the first guess of the floor is 0.6 times the lowest loss."""


@dataclass(frozen=True)
class Law:
    """Say that the loss is E + A N^-alpha + B D^-beta.

    Source: J. Hoffmann and others, Training Compute-Optimal Large Language Models, 2022, equation 2.

    Attributes
    ----------
    floor : float
        E, in nats: what an endless model would be left with after endless data.
    size_factor, size_exponent : float
        A and alpha, of the number of parameters.
    data_factor, data_exponent : float
        B and beta, of the number of training examples.
    """

    floor: float
    size_factor: float
    size_exponent: float
    data_factor: float
    data_exponent: float

    def loss(self, parameters: np.ndarray, examples: np.ndarray) -> np.ndarray:
        """Return the loss for numbers of parameters and of examples that broadcast, in nats."""
        parameters, examples = np.asarray(parameters, np.float64), np.asarray(examples, np.float64)
        of_size = self.size_factor * parameters**-self.size_exponent
        return self.floor + of_size + self.data_factor * examples**-self.data_exponent

    def best_size(self, compute: np.ndarray, cost: float = 6.0) -> np.ndarray:
        """Return the number of parameters with the smallest loss at `compute` = cost · N · D operations.

        Source: the same, equation 4.
        """
        a, b = self.size_exponent, self.data_exponent
        ratio = (a * self.size_factor / (b * self.data_factor)) ** (1 / (a + b))
        return ratio * (np.asarray(compute, np.float64) / cost) ** (b / (a + b))


def floor_of_wrong_labels(share: float, num_classes: int) -> float:
    """Return the cross-entropy, in nats, of the best possible answers where a `share` of the labels is wrong.

    Each wrong label is one of the Y - 1 others with equal chance, and the picture leaves no doubt about the right one.
    """
    if not 0 <= share < 1 or num_classes < 2:
        raise ValueError(
            f"need a share in [0, 1) and at least 2 classes, got share={share}, num_classes={num_classes}"
        )
    if share == 0:
        return 0.0
    return float(-(1 - share) * np.log(1 - share) - share * np.log(share / (num_classes - 1)))


def fit_law(
    parameters: np.ndarray,
    examples: np.ndarray,
    losses: np.ndarray,
    *,
    floor: float | None = None,
    huber: float = 0.01,
) -> Law:
    """Fit E + A N^-alpha + B D^-beta to measured losses.

    The logarithm of the loss is fitted, so that errors count in percent; an error beyond `huber` counts as its size and
    no more as its square, so that one failed training does not bend the law.

    Parameters
    ----------
    parameters, examples, losses : arrays of shape (n,), positive
        One entry for each training.
    floor : float, optional
        E, if it is known; it is fitted otherwise.
    """
    x = np.stack([np.asarray(parameters, np.float64), np.asarray(examples, np.float64)], axis=1)
    found, factors, exponents = fit_power_laws(x, losses, floor=floor, huber=huber)
    return Law(found, factors[0], exponents[0], factors[1], exponents[1])


def fit_power_laws(
    x: np.ndarray, losses: np.ndarray, *, floor: float | None = None, huber: float = 0.01
) -> tuple[float, np.ndarray, np.ndarray]:
    """Fit a floor and one power law for each of k columns: E + Σ A_k x_k^-a_k.

    Parameters
    ----------
    x : array of shape (n, k), positive
    losses : array of shape (n,), positive
    floor : float, optional
        E, if it is known, at least 0.

    Returns
    -------
    floor : float
    factors, exponents : arrays of shape (k,)

    Raises
    ------
    ValueError
        If a number is not positive, if there are fewer rows than numbers to fit, or a given floor is not below all losses.
    """
    x, losses = np.asarray(x, np.float64), np.asarray(losses, np.float64)
    _check(x, losses, floor)
    logs = np.log(x)
    middle = logs.mean(axis=0)
    logs = (
        logs - middle
    )  # the factors are found for the middle of the data: they hardly depend on the exponents there
    target = np.log(losses)
    columns = logs.shape[1]

    def residuals(theta):
        return np.logaddexp.reduce(_terms(theta, logs, floor), axis=1) - target

    def slopes(theta):
        terms = _terms(theta, logs, floor)
        shares = np.exp(terms - np.logaddexp.reduce(terms, axis=1, keepdims=True))  # (n, k + 1), of the loss
        parts = [shares[:, :columns], -shares[:, :columns] * logs * np.exp(theta[columns : 2 * columns])]
        return np.concatenate(parts + ([shares[:, columns:]] if floor is None else []), axis=1)

    lowest = losses.min()
    results = []
    for exponent in _STARTS:
        start_floor = 0.6 * lowest if floor is None else floor
        above = (np.median(losses) - start_floor) / columns
        start = [np.log(above)] * columns + [np.log(exponent)] * columns
        start += [np.log(start_floor)] if floor is None else []
        bounds = ([-50.0] * columns + [-5.0] * columns, [50.0] * columns + [2.0] * columns)
        if floor is None:
            bounds = (bounds[0] + [-20.0], bounds[1] + [np.log(lowest)])
        results.append(
            least_squares(residuals, start, slopes, bounds=bounds, loss="huber", f_scale=huber, x_scale="jac")
        )
    theta = min(results, key=lambda result: result.cost).x
    exponents = np.exp(theta[columns : 2 * columns])
    factors = np.exp(theta[:columns] + exponents * middle)
    return float(np.exp(theta[-1])) if floor is None else float(floor), factors, exponents


def _terms(theta: np.ndarray, logs: np.ndarray, floor: float | None) -> np.ndarray:
    """Return the logarithms of the power laws and of the floor, (n, k + 1)."""
    columns = logs.shape[1]
    powers = theta[:columns] - np.exp(theta[columns : 2 * columns]) * logs
    if floor is None:
        last = theta[-1]
    else:
        last = np.log(floor) if floor > 0 else -np.inf
    return np.concatenate([powers, np.full((len(logs), 1), last)], axis=1)


def _check(x: np.ndarray, losses: np.ndarray, floor: float | None) -> None:
    if x.ndim != 2 or losses.shape != x.shape[:1]:
        raise ValueError(f"x must have the shape (n, k) and losses (n,), got {x.shape} and {losses.shape}")
    if not (np.isfinite(x).all() and np.isfinite(losses).all() and x.min() > 0 and losses.min() > 0):
        raise ValueError("sizes and losses must be positive numbers: a power law has no other")
    unknown = 2 * x.shape[1] + (floor is None)
    if len(x) < unknown:
        raise ValueError(f"{unknown} numbers cannot be fitted to {len(x)} losses")
    if floor is not None and not 0 <= floor < losses.min():
        raise ValueError(f"the floor must lie in [0, {losses.min():.4g}), below all losses; got {floor}")


def resample_seeds(losses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw anew as many of the S seeds of `losses` (cells, seeds) as there are, with replacement, each with all its cells.

    The trainings of one seed have scenes and first weights in common, so their errors are alike: to draw each cell for
    itself would make the fit look surer than it is. Among few seeds the redrawn ones are too much alike, their variance is
    (S - 1) / S of what it should be; so their distances from the mean of the cell are stretched by the root of the inverse.
    """
    losses = np.asarray(losses, np.float64)
    seeds = losses.shape[1]
    if seeds < 2:
        raise ValueError(f"redrawing needs at least two seeds in each cell, got {seeds}")
    chosen = rng.integers(0, seeds, seeds)
    mean = losses.mean(axis=1, keepdims=True)
    return mean + (losses[:, chosen] - mean) * np.sqrt(seeds / (seeds - 1))


def bootstrap(
    fit: Callable[[np.ndarray], np.ndarray],
    losses: np.ndarray,
    rng: np.random.Generator,
    *,
    draws: int = 200,
    level: float = 0.9,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval in which what is fitted lies for a share `level` of redrawn seeds.

    Parameters
    ----------
    fit : callable
        Turns losses (cells, seeds) into numbers (m,).
    losses : array of shape (cells, seeds)

    Returns
    -------
    low, high : arrays of shape (m,)
        They tell what other seeds would change, if the form of the law is right; they do not tell whether it is.
    """
    found = np.array([fit(resample_seeds(losses, rng)) for _ in range(draws)])
    return np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
