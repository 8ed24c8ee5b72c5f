"""`utils.flow_matching`: against normal distributions, where everything is known; and what the chapter writes out."""

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional

from utils import flow_matching, runs
from utils.attacks import input_gradient
from utils.torch_models import build_cnn
from utils.torch_training import count_parameters, first_weights, predict

IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 10
NOISE = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def generator():
    return torch.Generator().manual_seed(5)


class Normals(nn.Module):
    """The exact velocities of classes that are normal distributions, the same in each pixel, in [-1, 1]."""

    def __init__(self, means, spreads):
        super().__init__()
        self.means, self.spreads = torch.tensor(means), torch.tensor(spreads)
        self.num_classes = len(means)

    def forward(self, x, times, labels):
        shape = (-1,) + (1,) * (x.ndim - 1)
        m, s, t = (values.view(shape) for values in (self.means[labels], self.spreads[labels], times))
        return m + (t * s**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * s**2) * (x - t * m)


@pytest.fixture(scope="module")
def model():
    with first_weights(0):
        return flow_matching.VelocityMlp().eval()


@pytest.fixture(scope="module")
def judge():
    with first_weights(0):
        return build_cnn(image_size=8, in_channels=1, padding=1).eval()


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "6_faq/recognition_or_generation",
        np=np,
        torch=torch,
        nn=nn,
        functional=functional,
        predict=predict,
        input_gradient=input_gradient,
    )


def test_the_network_has_the_parameters_that_its_text_says(model):
    assert count_parameters(model) == 167_488


def test_euler_is_of_first_order_and_arrives():
    velocity = Normals([1.0], [0.5])
    start = torch.linspace(-3, 3, 31, dtype=torch.float64)[:, None]
    labels = torch.zeros(31, dtype=torch.int64)
    errors = [
        (flow_matching.euler(lambda x, t: velocity(x, t, labels), start, steps) - (1 + 0.5 * start))
        .abs()
        .max()
        for steps in (100, 200)
    ]
    assert errors[0] < 0.05 and errors[0] / errors[1] == pytest.approx(2, abs=0.1)


def test_samples_have_mean_and_spread_of_the_target():
    model = Normals([-0.3, 0.4], [0.2, 0.1])
    labels = torch.arange(4000) % 2
    noise = torch.randn(4000, 1, 2, 2, generator=generator())
    made = 2 * flow_matching.sample(model, labels, noise, 200) - 1
    for label, (mean, spread) in enumerate(((-0.3, 0.2), (0.4, 0.1))):
        assert made[labels == label].mean().item() == pytest.approx(mean, abs=0.01)
        assert made[labels == label].std().item() == pytest.approx(spread, rel=0.03)


def test_the_least_loss_is_that_of_the_exact_velocity():
    """Of a single normal distribution the loss at its minimum is known: the mean over t of s² / ((1 - t)² + t² s²)."""
    s = 0.5
    pictures = 0.2 + s * torch.randn(50_000, 1, 1, 1, generator=torch.Generator().manual_seed(6))
    labels = torch.zeros(len(pictures), dtype=torch.int64)
    t = torch.linspace(0, 1, 10_001)
    least = torch.trapezoid(s**2 / ((1 - t) ** 2 + t**2 * s**2), t).item()
    images = (pictures + 1) / 2
    exact, wrong = (
        flow_matching.flow_matching_loss(Normals([m], [s]), images, labels, generator()).item()
        for m in (0.2, 0.4)
    )
    assert exact == pytest.approx(least, rel=0.02) and wrong > exact


def test_weighted_class_losses_are_log_densities():
    model = Normals([-0.4, 0.5, 0.1], [0.5, 0.5, 0.3])
    images = torch.linspace(0.2, 0.8, 5).view(-1, 1, 1, 1)
    losses = flow_matching.class_losses(
        model, images.repeat(400, 1, 1, 1), 300, generator(), lambda t: t / (1 - t)
    )
    found = losses.view(400, 5, 3).mean(dim=0)
    x = 2 * images.view(-1, 1) - 1
    logs = -((x - model.means) ** 2) / (2 * model.spreads**2) - model.spreads.log()
    torch.testing.assert_close((-found).softmax(dim=1), logs.softmax(dim=1), atol=0.03, rtol=0)


def test_class_losses_give_all_classes_the_same_noise(model):
    same = Normals([0.1, 0.1], [0.5, 0.5])
    losses = flow_matching.class_losses(same, IMAGES, 3, generator())
    torch.testing.assert_close(losses[:, 0], losses[:, 1], rtol=0, atol=0)
    assert flow_matching.class_losses(model, IMAGES, 2, generator()).shape == (40, 10)


def test_measures_find_the_copier_and_the_bore(judge):
    settings = {"judge": judge, "own": IMAGES, "held_out": NOISE.sigmoid(), "held_out_labels": LABELS}
    copier = flow_matching.measures(IMAGES, LABELS, **settings)
    assert copier["distance"] == 0 and copier["too_near"] == 1
    real = flow_matching.measures(NOISE.sigmoid(), LABELS, **settings)
    assert real["distance"] == pytest.approx(1) and real["variety"] == pytest.approx(1)
    assert real["too_near"] == pytest.approx(0.05, abs=0.03)
    bore = flow_matching.measures(IMAGES[LABELS], LABELS, **settings)
    assert bore["variety"] == pytest.approx(0, abs=1e-6)
    assert copier["judged"] == (predict(judge, IMAGES).argmax(axis=1) == LABELS.numpy()).mean()


def test_nearest_is_the_nearest():
    distance, which = flow_matching.nearest(IMAGES[5:7] + 0.001, IMAGES)
    assert which.tolist() == [5, 6]
    torch.testing.assert_close(distance, torch.full((2,), 0.008), atol=1e-6, rtol=0)


def test_a_climb_makes_the_classifier_surer_and_stays_a_picture(judge):
    climbed = flow_matching.climb(judge, LABELS, IMAGES, 20)
    before, after = (
        functional.cross_entropy(torch.from_numpy(predict(judge, x)), LABELS) for x in (IMAGES, climbed)
    )
    assert after < before and climbed.min() >= 0 and climbed.max() <= 1


def test_training_makes_the_loss_small_and_repeats():
    (model, losses), (again, _) = (
        flow_matching.train_flow(IMAGES, LABELS, epochs=60, seed=3) for _ in range(2)
    )
    assert losses[-1] < 0.9 * losses[0]
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_bad_input_is_refused(model):
    with pytest.raises(ValueError, match="at least one step, got 0"):
        flow_matching.sample(model, LABELS, NOISE, 0)
    with pytest.raises(ValueError, match="at least one draw, got 0"):
        flow_matching.class_losses(model, IMAGES, 0, generator())


def test_the_lesson_is_the_packages(lesson, model, judge):
    with first_weights(0):
        written = lesson["VelocityMlp"]().eval()
    for one, other in zip(written.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    pairs = [
        (names["flow_matching_loss"](model, IMAGES, LABELS, generator()),
         names["sample"](written, LABELS, NOISE, 3),
         names["class_losses"](model, IMAGES, 2, generator(), lambda t: t),
         names["nearest"](NOISE, IMAGES)[0],
         names["climb"](judge, LABELS, IMAGES, 3))
        for names in (lesson, vars(flow_matching))
    ]  # fmt: skip
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other)
    settings = {"judge": judge, "own": IMAGES, "held_out": NOISE, "held_out_labels": LABELS}
    assert lesson["measures"](IMAGES, LABELS, **settings) == pytest.approx(
        flow_matching.measures(IMAGES, LABELS, **settings)
    )
    for names in (lesson, vars(flow_matching)):
        with pytest.raises(ValueError, match="at least one step"):
            names["euler"](lambda x, t: x, NOISE, 0)


def test_the_record_is_of_what_the_page_says():
    record = runs.load_result("recognition_or_generation")
    assert len(record["seeds"]) == 5 == len(record["runs"])
    for run in record["runs"]:
        seconds = run["seconds"]
        assert 0.5 < seconds["longer"] / seconds["flow"] < 2  # about the same time
