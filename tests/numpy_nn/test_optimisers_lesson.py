"""What the lesson writes out gives the same as the package's copy, and keeps the equations that it derives."""

import math
from itertools import combinations

import numpy as np
import pytest
from lessons import written_out

from utils import numpy_nn

EQUAL = {"rtol": 0, "atol": 1e-12}
CURVATURES = np.array([0.3, 7.0])


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out("3_algorithms/optimisers", np=np, math=math)


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def walk(kind, rate, steps, curvatures=CURVATURES, **settings):
    place = {"theta": np.ones(len(curvatures))}
    optimiser = kind(place, rate, **settings)
    path = [place["theta"].copy()]
    for _ in range(steps):
        optimiser.step({"theta": curvatures * place["theta"]})
        path.append(place["theta"].copy())
    return np.array(path)


def test_the_loops_are_the_classes(lesson, rng):
    theta = {name: rng.standard_normal(4) for name in ("SGD", "Momentum", "AdamW")}
    loops = {name: list(array) for name, array in theta.items()}
    package = {name: array.copy() for name, array in theta.items()}
    ours = {name: lesson[name]({"x": theta[name]}, 0.05) for name in theta}
    theirs = {name: getattr(numpy_nn, name)({"x": package[name]}, 0.05) for name in theta}
    velocity, mean, square = (np.zeros(4) for _ in range(3))
    for t in range(1, 30):
        g = rng.standard_normal(4)
        for name in theta:
            ours[name].step({"x": g})
            theirs[name].step({"x": g})
        loops["SGD"] = lesson["sgd_loops"](loops["SGD"], g, 0.05)
        lesson["momentum_loops"](loops["Momentum"], velocity, g, 0.05, 0.9)
        lesson["adamw_loops"](loops["AdamW"], mean, square, g, t, 0.05, (0.9, 0.999), 1e-8, 0.01)
    for name in theta:
        np.testing.assert_allclose(theta[name], package[name], **EQUAL)
        np.testing.assert_allclose(loops[name], package[name], **EQUAL)


def test_the_valleys_gradient_is_a_central_difference(lesson, rng):
    theta = rng.standard_normal(2)
    slopes = numpy_nn.central_differences(lambda: float(lesson["valley"](theta, CURVATURES)[0]), theta)
    np.testing.assert_allclose(lesson["valley"](theta, CURVATURES)[1], slopes, atol=1e-8)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.3])
def test_plain_descent_in_a_valley_is_a_power(lesson, rate):
    path = walk(numpy_nn.SGD, rate, 40)
    expected = lesson["after_steps"](np.ones(2), CURVATURES, rate, 40)
    np.testing.assert_allclose(path[-1], expected, rtol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_largest_stable_rate_is_where_the_largest_root_is_one(lesson, momentum):
    limit = lesson["largest_stable_rate"](7.0, momentum)
    assert lesson["momentum_factor"](limit, 7.0, momentum) == pytest.approx(1, abs=1e-9)
    for share in (0.99, 1.01):
        path = walk(numpy_nn.Momentum, share * limit, 4000, momentum=momentum)[:, 1]
        assert (abs(path[-1]) < 1e-3) == (share < 1)


def test_no_other_rate_is_better_than_the_best(lesson):
    def worst(rate):
        return np.abs(1 - rate * CURVATURES).max()

    rate, factor = lesson["best_rate"](CURVATURES)
    assert factor == pytest.approx(worst(rate), abs=1e-12)
    assert all(worst(rate * change) > factor for change in (0.9, 0.999, 1.001, 1.1))


def test_the_roots_say_how_fast_momentum_is(lesson):
    for rate, momentum in ((0.1, 0.3), (0.02, 0.5), (0.4, 0.9)):
        path = walk(numpy_nn.Momentum, rate, 400, CURVATURES[:1], momentum=momentum)[:, 0]
        factor = lesson["momentum_factor"](rate, CURVATURES[0], momentum)
        measured = (np.abs(path[300:]).max() / np.abs(path[200:301]).max()) ** (1 / 100)
        assert measured == pytest.approx(factor, rel=0.01)


def test_no_other_momentum_is_better_than_the_best(lesson):
    def worst(rate, momentum):
        return max(lesson["momentum_factor"](rate, curvature, momentum) for curvature in CURVATURES)

    rate, momentum = lesson["best_momentum"](CURVATURES)
    best = worst(rate, momentum)
    assert best == pytest.approx(math.sqrt(momentum), abs=1e-6)
    for other_rate in rate * np.linspace(0.5, 1.5, 21):
        for other in np.linspace(0, 0.95, 20):
            assert worst(other_rate, other) >= best - 1e-9


def test_corrected_weights_sum_to_one(lesson):
    """With a gradient that is always the same, the corrected mean is that gradient from the first step on."""
    theta, mean, square = [0.0], [0.0], [0.0]
    before = 0.0
    for t in range(1, 20):
        lesson["adamw_loops"](theta, mean, square, [3.0], t, 0.1, (0.9, 0.999), 0.0, 0.0)
        assert mean[0] / (1 - 0.9**t) == pytest.approx(3) and square[0] / (1 - 0.999**t) == pytest.approx(9)
        assert theta[0] - before == pytest.approx(-0.1)
        before = theta[0]


def test_without_correction_the_first_steps_are_too_long(lesson):
    assert lesson["uncorrected_step"](1, (0.9, 0.999)) == pytest.approx(0.1 / math.sqrt(0.001))
    mean = square = 0.0
    for t in range(1, 50):
        mean, square = 0.9 * mean + 0.1, 0.999 * square + 0.001
        assert lesson["uncorrected_step"](t, (0.9, 0.999)) == pytest.approx(mean / math.sqrt(square))


def test_decay_and_penalty_are_the_same_for_sgd_and_differ_for_adam(lesson, rng):
    theta, g = rng.standard_normal((2, 5))
    outside, inside = (lesson[name](theta, g, 0.1, 0.3) for name in ("decay_step", "penalty_step"))
    np.testing.assert_allclose(outside, inside, **EQUAL)
    places = [{"x": theta.copy()} for _ in range(2)]
    numpy_nn.AdamW(places[0], 0.1, weight_decay=0.3).step({"x": g})
    numpy_nn.AdamW(places[1], 0.1, weight_decay=0.0).step({"x": g + 0.3 * theta})
    assert np.abs(places[0]["x"] - places[1]["x"]).max() > 1e-3


def test_the_noise_of_a_batch_is_that_of_all_batches(lesson, rng):
    each = rng.standard_normal((7, 3))
    mean = each.mean(axis=0)
    variance = np.mean(np.sum((each - mean) ** 2, axis=1))
    for size in range(1, 8):
        errors = [
            np.sum((each[list(rows)].mean(axis=0) - mean) ** 2) for rows in combinations(range(7), size)
        ]
        assert lesson["batch_noise"](variance, size, 7) == pytest.approx(np.mean(errors), abs=1e-12)


def test_the_noise_floor_is_where_the_variance_stays(lesson):
    rate, curvature, variance = 0.2, 3.0, 2.0
    floor = lesson["noise_floor"](rate, curvature, variance)
    assert (1 - rate * curvature) ** 2 * floor + rate**2 * variance == pytest.approx(floor)


def test_the_schedule_is_that_of_the_package(lesson):
    for step in range(101):
        settings = {"steps": 100, "warmup": 20, "highest": 0.3}
        assert lesson["warmup_cosine"](step, **settings) == numpy_nn.warmup_cosine(step, **settings)


def test_a_plane_holds_the_three_places_that_it_was_made_of(lesson, rng):
    start, one, other = rng.standard_normal((3, 20))
    a, b = plane = lesson["plane_through"](start, one, other)
    assert [a @ a, b @ b, a @ b] == pytest.approx([1, 1, 0], abs=1e-12)
    shadows = lesson["shadow"](np.array([start, one, other]), start, plane)
    for place, (alpha, beta) in zip((start, one, other), shadows, strict=True):
        np.testing.assert_allclose(start + alpha * a + beta * b, place, **EQUAL)
