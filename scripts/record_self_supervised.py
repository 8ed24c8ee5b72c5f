"""Record what pretraining without labels is worth, at equal labels and at equal compute, and what it has learned.

    python scripts/record_self_supervised.py

Writes results/self_supervised.json in about fourteen minutes of one core. A part that is done outlives a kill.

All choices are made with a seed of their own, on validation scenes: how many patches are visible, the temperature, and the
learning rates of each way and number of labels. Then three other seeds run once each with what was chosen, and their test
scenes are read once. Each seed has its own scenes and first weights.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from utils import metrics, runs, self_supervised
from utils.torch_training import make_repeatable, predict, to_tensor
from utils.transfer import features

SEEDS, CHOICE_SEED = (0, 1, 2), 10
LABELS = (50, 200, 1000)
VISIBLE = (6, 12, 18)
TEMPERATURES = (0.1, 0.2, 0.5)
RATES = {"masked": (1e-3, 3e-3), "contrastive": (1e-3, 3e-3), "scratch": (1e-3, 3e-3), "longer": (1e-3, 3e-3)}
PROBED = 1000
"""Labels of the probes for shape, colour and all else that a scene has."""
NAME = "self_supervised"


def timed(work) -> tuple:
    """Return what `work()` gives, and its seconds on one core."""
    start = time.process_time()
    return work(), round(time.process_time() - start, 2)


class Scenes:
    """The scenes of one seed, as tensors (B, 3, 24, 24), and what is true about them."""

    def __init__(self, seed: int, count: int = 1000):
        counts = {"unlabelled": self_supervised.UNLABELLED, "train": max(LABELS)}
        self.images, self.truths = {}, {}
        for part in self_supervised.PARTS:
            scenes = self_supervised.load_scenes(part, counts.get(part, count), seed)
            self.images[part] = to_tensor(scenes.images)
            self.truths[part] = self_supervised.truths(scenes)

    def labels(self, part: str) -> torch.Tensor:
        return torch.from_numpy(self.truths[part]["shape"])

    def features(self, encoder, *parts: str) -> list:
        return [features(encoder, self.images[part]).numpy() for part in parts]


def accuracy(model, scenes: Scenes, part: str) -> float:
    answers = predict(model, scenes.images[part]).argmax(axis=1)
    return round(float(metrics.accuracy(scenes.truths[part]["shape"], answers)), 4)


def pretrain(kind: str, scenes: Scenes, seed: int, options: dict) -> tuple:
    """Return a pretrained encoder, its seconds and its losses."""
    work = self_supervised.pretrain_masked if kind == "masked" else self_supervised.pretrain_contrastive
    (model, losses), seconds = timed(lambda: work(scenes.images["unlabelled"], seed, **options))
    return model.encoder, {"seconds": seconds, "losses": [round(value, 5) for value in losses]}


def probed(encoder, scenes: Scenes, part: str, names=None, count: int = PROBED) -> dict[str, float]:
    """Return the score of a linear probe on one part for each thing that one may ask."""
    train, other = scenes.features(encoder, "train", part)
    found = {}
    for name in names or scenes.truths[part]:
        probe = self_supervised.linear_probe(train[:count], scenes.truths["train"][name][:count])
        found[name] = round(float(probe.score(other, scenes.truths[part][name])), 4)
    return found


def labelled(start, scenes: Scenes, count: int, rate: float, seed: int, longer: bool = False) -> tuple:
    """Return a network that was trained with `count` labels, and its seconds."""
    steps = self_supervised.STEPS + longer * self_supervised.EXTRA_STEPS
    images, labels = scenes.images["train"][:count], scenes.labels("train")[:count]
    return timed(
        lambda: self_supervised.train_labelled(
            start, images, labels, seed=seed, learning_rate=rate, steps=steps
        )
    )


def choose_objectives() -> dict:
    """Return the validation accuracy of the probe for the shape, for each number of visible patches and temperature."""
    scenes, found = Scenes(CHOICE_SEED), {"masked": {}, "contrastive": {}}
    for kind, name, values in (
        ("masked", "visible", VISIBLE),
        ("contrastive", "temperature", TEMPERATURES),
    ):
        for value in values:
            encoder, _ = pretrain(kind, scenes, CHOICE_SEED, {name: value})
            found[kind][str(value)] = probed(encoder, scenes, "validation", ("shape",))["shape"]
    return found


def best(by_value: dict[str, float]) -> float:
    return float(max(by_value, key=by_value.get))


def options_of(choices: dict) -> dict[str, dict]:
    """Return the options of each pretraining."""
    temperature = best(choices["contrastive"])
    return {
        "masked": {"visible": int(best(choices["masked"]))},
        "contrastive": {"temperature": temperature},
        "kept colours": {"temperature": temperature, "colour": False},
    }


def choose_rates(way: str, options: dict) -> dict:
    """Return the validation accuracy for each number of labels and rate."""
    scenes = Scenes(CHOICE_SEED)
    start = self_supervised.new_encoder(CHOICE_SEED)
    if way in options:
        start, _ = pretrain(way, scenes, CHOICE_SEED, options[way])
    found = {}
    for count in LABELS:
        found[str(count)] = {}
        for rate in RATES[way]:
            model, _ = labelled(start, scenes, count, rate, CHOICE_SEED, way == "longer")
            found[str(count)][str(rate)] = accuracy(model, scenes, "validation")
    return found


def one_seed(seed: int, options: dict, rates: dict) -> dict:
    """Return all that is measured with one seed, on its test scenes."""
    scenes = Scenes(seed)
    first = self_supervised.new_encoder(seed)
    encoders, found = {"first weights": first}, {"pretraining": {}, "accuracy": {}, "seconds": {}}
    for name, chosen in options.items():
        encoders[name], found["pretraining"][name] = pretrain(name, scenes, seed, chosen)
    starts = {"masked": encoders["masked"], "contrastive": encoders["contrastive"]}
    for way, start in (starts | {"scratch": first, "longer": first}).items():
        found["accuracy"][way], found["seconds"][way] = {}, {}
        for count in LABELS:
            rate = best(rates[way][str(count)])
            model, seconds = labelled(start, scenes, count, rate, seed, way == "longer")
            found["accuracy"][way][str(count)] = accuracy(model, scenes, "test")
            found["seconds"][way][str(count)] = seconds
    encoders["labels"] = model  # from scratch, with most labels and time
    found["probes"] = {name: probed(encoder, scenes, "test") for name, encoder in encoders.items()}
    for name in ("first weights", "masked", "contrastive"):
        found["accuracy"][f"probe of {name}"] = {
            str(count): probed(encoders[name], scenes, "test", ("shape",), count)["shape"] for count in LABELS
        }
    return found


def main(part: str | None) -> None:
    make_repeatable(0)
    started = time.perf_counter()

    def step(key, make):
        value, seconds = runs.remembered(NAME, key, lambda: timed(make))
        print(f"{time.perf_counter() - started:6.0f} s  {key}: {seconds} s of one core", flush=True)
        spent.append(seconds)
        return value

    spent = []
    choices = step("objectives", choose_objectives)
    options = options_of(choices)
    rates = {way: step(f"rates {way}", lambda way=way: choose_rates(way, options)) for way in RATES}
    if part == "choices":
        return
    found = [step(f"seed {seed}", lambda seed=seed: one_seed(seed, options, rates)) for seed in SEEDS]
    result = {
        "command": "python scripts/record_self_supervised.py",
        "what": "masked autoencoder and SimCLR on drawn scenes, probed and fine-tuned, against from scratch",
        "seeds": SEEDS,
        "settings": {
            "network": self_supervised.NETWORK,
            "unlabelled": self_supervised.UNLABELLED,
            "pretraining": self_supervised.PRETRAINING,
            "options": options,
            "labels": LABELS,
            "steps": self_supervised.STEPS,
            "extra_steps": self_supervised.EXTRA_STEPS,
            "batch_size": self_supervised.BATCH_SIZE,
            "probed": PROBED,
        },
        "choices": {"seed": CHOICE_SEED, "objectives": choices, "rates": rates},
        "seconds": round(sum(spent), 1),
        "results": found,
    }
    runs.save_result(NAME, result | runs.provenance(("numpy", "scikit-learn", "torch")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("choices",), help="stop after this part")
    main(parser.parse_args().part)
