"""The fit against laws that are known, finite differences, and sums by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import entropy

from utils import scaling_laws
from utils.scaling_laws import Law, bootstrap, fit_law, fit_power_laws, floor_of_wrong_labels, resample_seeds

TRUE = Law(0.7, 60.0, 0.45, 900.0, 0.6)
SIZES, COUNTS = (grid.ravel() for grid in np.meshgrid(2000 * 2.0 ** np.arange(8), 4000 * 2.0 ** np.arange(6)))


def noisy(seed, spread=0.01, seeds=3):
    noise = np.random.default_rng(seed).normal(0, spread, (len(SIZES), seeds))
    return TRUE.loss(SIZES, COUNTS)[:, None] * np.exp(noise)


def as_array(law):
    return np.array([law.floor, law.size_factor, law.size_exponent, law.data_factor, law.data_exponent])


def fit_all(losses):
    seeds = losses.shape[1]
    return as_array(fit_law(np.repeat(SIZES, seeds), np.repeat(COUNTS, seeds), losses.ravel()))


def test_the_loss_is_the_sum():
    assert TRUE.loss(100.0, 10.0) == pytest.approx(0.7 + 60 / 100**0.45 + 900 / 10**0.6)
    assert TRUE.loss(SIZES[:3, None], COUNTS[:2]).shape == (3, 2)


@pytest.mark.parametrize(
    "truth", [TRUE, Law(1.69, 406.4, 0.34, 410.7, 0.28), Law(0.2, 5.0, 0.2, 9000.0, 0.9)]
)
def test_a_law_without_noise_is_found(truth):
    found = fit_law(SIZES, COUNTS, truth.loss(SIZES, COUNTS))
    np.testing.assert_allclose(as_array(found), as_array(truth), rtol=1e-3)


def test_a_known_floor_stays_and_a_floor_of_zero_is_a_pure_power_law():
    losses = TRUE.loss(SIZES, COUNTS)
    np.testing.assert_allclose(as_array(fit_law(SIZES, COUNTS, losses, floor=0.7)), as_array(TRUE), rtol=1e-4)
    x = np.geomspace(10, 1e5, 9)
    floor, factors, exponents = fit_power_laws(x[:, None], 3 * x**-0.3, floor=0.0)
    assert (floor, *factors, *exponents) == pytest.approx((0, 3, 0.3), rel=1e-5)


def test_units_do_not_matter():
    """Parameters in thousands: the exponents stay, the factor takes the unit."""
    one, other = fit_law(SIZES, COUNTS, noisy(0)[:, 0]), fit_law(SIZES / 1000, COUNTS, noisy(0)[:, 0])
    assert other.size_exponent == pytest.approx(one.size_exponent, rel=1e-3)
    assert other.size_factor == pytest.approx(one.size_factor / 1000**one.size_exponent, rel=1e-2)


def test_one_failed_training_does_not_bend_the_law():
    losses = TRUE.loss(SIZES, COUNTS)
    losses[20] *= 1.5
    np.testing.assert_allclose(
        as_array(fit_law(SIZES, COUNTS, losses))[[0, 2, 4]], [0.7, 0.45, 0.6], rtol=0.02
    )


def test_the_slopes_are_those_of_finite_differences(monkeypatch):
    """The solver is given both functions: compare them wherever it starts."""
    seen = []

    def compare(residuals, start, slopes, **_):
        step = 1e-6 * np.eye(len(start))
        numeric = [(residuals(start + s) - residuals(start - s)) / 2e-6 for s in step]
        np.testing.assert_allclose(slopes(np.array(start)), np.transpose(numeric), atol=1e-7)
        seen.append(start)
        return type("Result", (), {"x": np.array(start), "cost": 0.0})

    monkeypatch.setattr(scaling_laws, "least_squares", compare)
    fit_law(SIZES, COUNTS, TRUE.loss(SIZES, COUNTS))
    fit_law(SIZES, COUNTS, TRUE.loss(SIZES, COUNTS), floor=0.5)
    fit_law(SIZES, COUNTS, TRUE.loss(SIZES, COUNTS), floor=0.0)
    assert {len(start) for start in seen} == {4, 5}


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """8 data sets and 5 numbers, which are not independent; with five seeds the share is nearer to 0.8 than to 0.9."""
    inside = []
    for seed in range(8):
        losses = noisy(seed, seeds=5)
        low, high = bootstrap(fit_all, losses, np.random.default_rng(seed), draws=30)
        inside.append((low <= as_array(TRUE)) & (as_array(TRUE) <= high))
    assert 0.6 < np.mean(inside) <= 1


def test_redrawn_seeds_stay_whole_and_vary_as_much_as_new_ones():
    losses = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    drawn = np.array([resample_seeds(losses, np.random.default_rng(s)) for s in range(4000)])
    np.testing.assert_allclose(drawn.mean(axis=(0, 2)), [2, 20], rtol=0.02)
    np.testing.assert_allclose(drawn.var(axis=(0, 2)), losses.var(axis=1, ddof=1), rtol=0.05)
    assert (np.abs(drawn[:, 0] - 2) < 1.3).all()
    np.testing.assert_allclose(drawn[:, 1], 10 * drawn[:, 0], err_msg="a seed is drawn with all its cells")


@pytest.mark.parametrize("compute", [1e9, 1e12])
def test_the_best_size_is_the_lowest_point_of_the_budget(compute):
    cost = 150.0
    lowest = minimize_scalar(
        lambda log_size: TRUE.loss(np.exp(log_size), compute / (cost * np.exp(log_size))),
        bounds=(0, 25),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert TRUE.best_size(compute, cost) == pytest.approx(np.exp(lowest.x), rel=1e-4)


def test_the_floor_is_an_entropy():
    chances = np.array([0.9] + [0.1 / 39] * 39)
    assert floor_of_wrong_labels(0.1, 40) == pytest.approx(entropy(chances))
    assert floor_of_wrong_labels(0, 40) == 0
    assert floor_of_wrong_labels(0.75, 4) == pytest.approx(np.log(4)), "labels that say nothing"


def test_what_cannot_be_fitted_is_refused():
    for share, classes in ((1.0, 4), (-0.1, 4), (0.1, 1)):
        with pytest.raises(ValueError, match="share in"):
            floor_of_wrong_labels(share, classes)
    losses = TRUE.loss(SIZES, COUNTS)
    with pytest.raises(ValueError, match="positive"):
        fit_law(SIZES, COUNTS, losses - 2)
    with pytest.raises(ValueError, match="positive"):
        fit_law(SIZES - 2000, COUNTS, losses)
    with pytest.raises(ValueError, match="5 numbers cannot be fitted to 4"):
        fit_law(SIZES[:4], COUNTS[:4], losses[:4])
    with pytest.raises(ValueError, match="below all losses"):
        fit_law(SIZES, COUNTS, losses, floor=9.0)
    with pytest.raises(ValueError, match="two seeds"):
        resample_seeds(losses[:, None], np.random.default_rng(0))
    with pytest.raises(ValueError, match="shape"):
        fit_power_laws(SIZES, losses)
