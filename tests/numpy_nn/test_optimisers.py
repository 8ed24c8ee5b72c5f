"""The optimisers against PyTorch's and Keras', step by step, and on a surface whose valley is known."""

import keras
import numpy as np
import pytest
import torch

from utils.numpy_nn import SGD, AdamW, Momentum, warmup_cosine

RUNS = [
    (SGD, {}, lambda p, lr: torch.optim.SGD(p, lr)),
    (Momentum, {"momentum": 0.8}, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.8)),
    (
        AdamW,
        {"betas": (0.8, 0.95), "weight_decay": 0.1, "epsilon": 1e-3},
        lambda p, lr: torch.optim.AdamW(p, lr, betas=(0.8, 0.95), weight_decay=0.1, eps=1e-3),
    ),
    (AdamW, {}, lambda p, lr: torch.optim.AdamW(p, lr)),
]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("kind", "settings", "make"), RUNS)
def test_ten_steps_are_those_of_pytorch(rng, kind, settings, make):
    ours = {"one": rng.standard_normal((3, 4)), "two": rng.standard_normal(5)}
    theirs = {name: torch.from_numpy(array.copy()).requires_grad_() for name, array in ours.items()}
    optimiser, reference = kind(ours, 0.05, **settings), make(theirs.values(), 0.05)
    for step in range(10):
        optimiser.learning_rate = reference.param_groups[0]["lr"] = 0.05 / (1 + step)
        gradients = {name: rng.standard_normal(array.shape) * 10.0**-step for name, array in ours.items()}
        for name, parameter in theirs.items():
            parameter.grad = torch.from_numpy(gradients[name].copy())
        optimiser.step(gradients)
        reference.step()
        for name, array in ours.items():
            np.testing.assert_allclose(array, theirs[name].detach(), rtol=0, atol=1e-12)


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate(rng):
    parameter = {"x": np.zeros(4)}
    AdamW(parameter, 0.1, weight_decay=0).step({"x": np.array([1e-3, -5.0, 2.0, 1e3])})
    np.testing.assert_allclose(parameter["x"], [-0.1, 0.1, -0.1, -0.1], rtol=1e-4)


def test_weights_decay_without_a_gradient_and_apart_from_it():
    parameter = {"x": np.array([2.0, -4.0])}
    AdamW(parameter, 0.1, weight_decay=0.5).step({"x": np.zeros(2)})
    np.testing.assert_allclose(parameter["x"], [1.9, -3.8], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [SGD, Momentum, AdamW])
def test_the_arrays_themselves_are_changed_and_keep_their_type(kind):
    array = np.ones(3, np.float32)
    optimiser = kind({"x": array}, 0.1)
    optimiser.step({"x": np.ones(3, np.float32)})
    assert array.dtype == np.float32 and (array < 1).all()


@pytest.mark.parametrize(("kind", "rate"), [(SGD, 0.09), (Momentum, 0.05), (AdamW, 0.3)])
def test_all_three_reach_the_bottom_of_a_long_valley(kind, rate):
    place = {"x": np.array([4.0, 1.0])}
    optimiser = kind(place, rate)
    for _ in range(400):
        optimiser.step({"x": np.array([0.2, 20.0]) * place["x"]})  # 0.1 x² + 10 y²
    assert np.abs(place["x"]).max() < 0.05


def test_plain_descent_leaves_the_valley_above_twice_the_inverse_of_its_curvature():
    for rate, stays in ((0.099, True), (0.101, False)):  # 2 / 20
        place = {"x": np.array([0.0, 1.0])}
        optimiser = SGD(place, rate)
        for _ in range(500):
            optimiser.step({"x": 20 * place["x"]})
        assert (abs(place["x"][1]) < 1) == stays


def test_the_learning_rate_is_that_of_keras_and_of_a_formula():
    theirs = keras.optimizers.schedules.CosineDecay(0.0, 80, warmup_target=0.3, warmup_steps=20)
    ours = [warmup_cosine(step, steps=100, warmup=20, highest=0.3) for step in range(101)]
    np.testing.assert_allclose(ours, [float(theirs(step)) for step in range(101)], rtol=0, atol=1e-6)
    assert ours[0] == 0 and ours[20] == 0.3 and ours[60] == pytest.approx(0.15) and ours[100] < 1e-15
    assert warmup_cosine(0, steps=5, warmup=0, highest=1.0) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD({}, 0.1), "nothing to train"),
        (lambda p: SGD(p, 0), "learning_rate must be above 0, got 0"),
        (lambda p: AdamW(p, float("nan")), "learning_rate must be above 0, got nan"),
        (lambda p: Momentum(p, 0.1, 1.0), "momentum must be at least 0 and below 1, got 1.0"),
        (lambda p: AdamW(p, 0.1, betas=(0.9, 1.0)), r"betas must be .* got \(0.9, 1.0\)"),
        (lambda p: AdamW(p, 0.1, epsilon=0), "epsilon above 0"),
        (lambda p: AdamW(p, 0.1, weight_decay=-1), "weight_decay at least 0"),
    ],
)
def test_settings_are_refused_with_a_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make({"x": np.zeros(2)})


@pytest.mark.parametrize("kind", [SGD, Momentum, AdamW])
@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        ({"y": np.zeros(2)}, "each parameter needs its gradient; not in both: x, y"),
        ({"x": np.zeros(3)}, r"the gradient of x needs the shape \(2,\), got \(3,\)"),
        ({"x": np.array([0, np.nan])}, "the gradient of x is NaN or infinite: try a smaller learning rate"),
    ],
)
def test_a_bad_gradient_changes_nothing(kind, gradients, message):
    place = {"x": np.ones(2)}
    with pytest.raises(ValueError, match=message):
        kind(place, 0.1).step(gradients)
    assert place["x"].tolist() == [1, 1]


@pytest.mark.parametrize(("step", "warmup"), [(-1, 2), (11, 2), (3, 10), (3, -1)])
def test_the_schedule_refuses_steps_outside(step, warmup):
    with pytest.raises(ValueError, match="need 0 <= warmup < steps and 0 <= step <= steps"):
        warmup_cosine(step, steps=10, warmup=warmup, highest=1.0)
