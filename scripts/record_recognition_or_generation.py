"""Record a generator of digits, its judges, the generator as a recogniser and the recogniser as a generator: five seeds.

    python scripts/record_recognition_or_generation.py

Writes results/recognition_or_generation.json in about five minutes of one core. Everything is trained on the training
images; the test images are read for what is compared: accuracies, and how near a new picture comes to a training picture.
"""

import time

import numpy as np
import torch

from utils import data, metrics, runs
from utils.flow_matching import class_losses, climb, measures, nearest, sample, train_flow
from utils.torch_models import build_cnn
from utils.torch_training import first_weights, make_repeatable, predict, to_tensor, train

NAME = "recognition_or_generation"
SEEDS = tuple(range(5))
EPOCHS, FEW_A_CLASS = 250, 5
SHORT, LONG = 15, 80
STEPS = (1, 2, 4, 8, 16, 32, 64)
DRAWS = (1, 5, 20, 50)
SAMPLES, CLIMBS = 1000, 200
DISGUISE = 0.15
"""How much noise a copier adds to its copies: a standard deviation, where a picture's numbers lie in [0, 1]."""


def classifier(images, labels, epochs, seed):
    """Train the course's CNN on digits; return it and the seconds it took."""
    with first_weights(seed):
        model = build_cnn(image_size=8, in_channels=1, padding=1)
    started = time.perf_counter()
    train(model, (images, labels), epochs=epochs, learning_rate=2e-3,
          generator=torch.Generator().manual_seed(seed))  # fmt: skip
    return model.eval(), time.perf_counter() - started


def few_of_each(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Return the rows of the first `count` pictures of each class."""
    return torch.cat([(labels == label).nonzero()[:count, 0] for label in labels.unique()])


def share(logits: np.ndarray, labels: torch.Tensor) -> float:
    return metrics.accuracy(labels.numpy(), logits.argmax(axis=1))


def confidence(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).softmax(dim=1).amax(dim=1).numpy()


def one_run(seed: int) -> dict:
    """Train generator, classifiers and a generator of few pictures on one split, and hold them against each other."""
    splits = {split: data.load("digits", split, seed=seed) for split in ("train", "test")}
    images, test = (to_tensor(split.images).contiguous() for split in splits.values())
    labels, answers = (torch.from_numpy(split.labels) for split in splits.values())
    judge, judge_seconds = classifier(images, labels, SHORT, seed)
    other, _ = classifier(images, labels, SHORT, seed + 1000)
    longer, longer_seconds = classifier(images, labels, LONG, seed)
    started = time.perf_counter()
    flow, losses = train_flow(images, labels, epochs=EPOCHS, seed=seed)
    flow_seconds = time.perf_counter() - started

    generator = torch.Generator().manual_seed(seed)
    asked = torch.arange(SAMPLES) % 10
    noise = torch.randn(SAMPLES, *images.shape[1:], generator=generator)

    def judged(pictures, asked, own=images):
        numbers = measures(pictures, asked, judge=judge, own=own, held_out=test, held_out_labels=answers)
        return numbers | {"other_judge": share(predict(other, pictures), asked)}

    rows = few_of_each(labels, FEW_A_CLASS)
    little, _ = train_flow(images[rows], labels[rows], epochs=EPOCHS * -(-len(images) // 128), seed=seed)
    drawn = torch.randint(len(images), (SAMPLES,), generator=generator)
    grain = DISGUISE * torch.randn(SAMPLES, *images.shape[1:], generator=generator)
    mean = torch.stack([images[labels == label].mean(dim=0) for label in range(10)])
    start = torch.rand(CLIMBS, *images.shape[1:], generator=generator)
    climbed = climb(judge, asked[:CLIMBS], start, 100)
    pictures = {
        "held-out": judged(test, answers),
        "memoriser": judged(images[drawn], labels[drawn]),
        "disguised": judged((images[drawn] + grain).clamp(0, 1), labels[drawn]),
        "class mean": judged(mean[asked], asked),
        "climber": judged(climbed, asked[:CLIMBS]),
        "few": judged(sample(little, asked, noise, 32), asked, images[rows]),
        "steps": {str(steps): judged(sample(flow, asked, noise, steps), asked) for steps in STEPS},
    }
    by_draws = {
        str(draws): share(-class_losses(flow, test, draws, generator).numpy(), answers) for draws in DRAWS
    }
    weighted = class_losses(flow, test, DRAWS[-1], generator, lambda t: t / (1 - t))
    fooling = torch.cat([test, climbed])
    is_digit = np.arange(len(fooling)) < len(test)
    explained = class_losses(flow, fooling, 20, generator)
    least = explained.amin(dim=1).numpy()
    agrees = explained[len(test) :].argmin(dim=1) == asked[:CLIMBS]
    climbed_confidence, test_confidence = (confidence(predict(judge, x)) for x in (climbed, test))
    return {
        "seed": seed,
        "losses": [round(losses[0], 4), round(losses[-1], 4)],
        "seconds": {"flow": flow_seconds, "classifier": judge_seconds, "longer": longer_seconds},
        "pictures": pictures,
        "accuracy": {
            "classifier": share(predict(judge, test), answers),
            "longer": share(predict(longer, test), answers),
            "generator": by_draws,
            "generator_weighted": share(-weighted.numpy(), answers),
            "neighbour": float((labels[nearest(test, images)[1]] == answers).float().mean()),
        },
        "confidence": {"climbed": float(climbed_confidence.mean()), "test": float(test_confidence.mean())},
        "digit_or_climbed": {
            "by_confidence": metrics.roc_auc(is_digit, confidence(predict(judge, fooling))),
            "by_generator": metrics.roc_auc(is_digit, -least),
            "generator_agrees": float(agrees.float().mean()),
        },
    }


def main() -> None:
    make_repeatable(0)
    part = runs.reported(NAME, lambda line: print(line, flush=True))
    found = [part(f"seed={seed}", lambda seed=seed: one_run(seed)) for seed in SEEDS]
    result = {
        "command": "python scripts/record_recognition_or_generation.py",
        "what": f"flow matching on digits, {EPOCHS} epochs of all training images, and as many steps on "
        f"{FEW_A_CLASS} images a class; the course's CNN, {SHORT} and {LONG} epochs; test images",
        "seeds": list(SEEDS),
        "epochs": EPOCHS,
        "few_a_class": FEW_A_CLASS,
        "disguise": DISGUISE,
        "classifier_epochs": {"classifier": SHORT, "longer": LONG},
        "runs": found,
    }
    path = runs.save_result(NAME, result | runs.provenance(("numpy", "torch", "scikit-learn")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
