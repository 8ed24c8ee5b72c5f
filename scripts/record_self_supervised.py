"""Record what pretraining without labels is worth, at equal labels and at equal compute, and what it has learned.

    python scripts/record_self_supervised.py

Writes results/self_supervised.json in about sixteen minutes of one core. A part that is done outlives a kill.

All choices are made with a seed of their own, on validation scenes: how many patches are visible, the temperature, and the
learning rate of each way, with all labels. Then three other seeds run once each with what was chosen, and their test
scenes are read once. Each seed has its own scenes and first weights.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from utils import metrics, runs, self_supervised
from utils.torch_training import make_repeatable, predict, to_tensor
from utils.transfer import features

SEEDS, CHOICE_SEED = (0, 1, 2), 10
LABELS = (50, 200, 1000)
OPTIONS = {"masked": ("visible", (9, 18)), "contrastive": ("temperature", (0.2, 0.5))}
RATES = (2e-3, 5e-3)
WAYS = ("masked", "contrastive", "scratch", "longer")
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


def accuracy(model, scenes: Scenes, part: str) -> float:
    answers = predict(model, scenes.images[part]).argmax(axis=1)
    return round(float(metrics.accuracy(scenes.truths[part]["shape"], answers)), 4)


def pretrain(kind: str, scenes: Scenes, seed: int, options: dict) -> tuple:
    """Return a pretrained model, its seconds and its losses."""
    work = self_supervised.pretrain_masked if kind == "masked" else self_supervised.pretrain_contrastive
    (model, losses), seconds = timed(lambda: work(scenes.images["unlabelled"], seed, **options))
    return model, {"seconds": seconds, "losses": [round(value, 5) for value in losses]}


def probed(extract, scenes: Scenes, part: str, names=None, count: int = PROBED) -> dict[str, float]:
    """Return the score of a linear probe on one part for each thing that one may ask; `extract` gives features (B, D)."""
    train, other = extract(scenes.images["train"][:count]), extract(scenes.images[part])
    found = {}
    for name in names or scenes.truths[part]:
        probe = self_supervised.linear_probe(train, scenes.truths["train"][name][:count])
        found[name] = round(float(probe.score(other, scenes.truths[part][name])), 4)
    return found


def features_of(encoder):
    """Return what gives the features of images, (B, D)."""
    return lambda images: features(encoder, images).numpy()


def labelled(start, scenes: Scenes, count: int, rate: float, seed: int, longer: bool = False) -> tuple:
    """Return a network that was trained with `count` labels, and its seconds."""
    steps = self_supervised.STEPS + longer * self_supervised.EXTRA_STEPS
    images, labels = scenes.images["train"][:count], scenes.labels("train")[:count]
    return timed(
        lambda: self_supervised.train_labelled(
            start, images, labels, seed=seed, learning_rate=rate, steps=steps
        )
    )


def choose(way: str) -> dict:
    """Return the validation accuracies by which one way is chosen.

    Returns
    -------
    dict
        objective : by visible patches or by temperature, of a probe for the shape
        rates : by learning rate, with most labels
    """
    scenes, start, objective = Scenes(CHOICE_SEED), self_supervised.new_encoder(CHOICE_SEED), {}
    if way in OPTIONS:
        name, values = OPTIONS[way]
        encoders = {}
        for value in values:
            encoders[str(value)] = pretrain(way, scenes, CHOICE_SEED, {name: value})[0].encoder
            extract = features_of(encoders[str(value)])
            objective[str(value)] = probed(extract, scenes, "validation", ("shape",))["shape"]
        start = encoders[max(objective, key=objective.get)]
    rates = {}
    for rate in RATES:
        model, _ = labelled(start, scenes, max(LABELS), rate, CHOICE_SEED, way == "longer")
        rates[str(rate)] = accuracy(model, scenes, "validation")
    return {"objective": objective, "rates": rates}


def best(by_value: dict[str, float]) -> float:
    return float(max(by_value, key=by_value.get))


def options_of(choices: dict) -> dict[str, dict]:
    """Return the options of each pretraining."""
    temperature = best(choices["contrastive"]["objective"])
    return {
        "masked": {"visible": int(best(choices["masked"]["objective"]))},
        "contrastive": {"temperature": temperature},
        "kept colours": {"temperature": temperature, "colour": False},
    }


def one_seed(seed: int, options: dict, choices: dict) -> dict:
    """Return all that is measured with one seed, on its test scenes."""
    scenes, first = Scenes(seed), self_supervised.new_encoder(seed)
    starts = {"scratch": first, "longer": first}
    extract = {"first weights": features_of(first)}
    found = {"pretraining": {}, "accuracy": {}, "seconds": {}, "probes": {}}
    for name, chosen in options.items():
        model, found["pretraining"][name] = pretrain(name, scenes, seed, chosen)
        starts[name], extract[name] = model.encoder, features_of(model.encoder)
        if name != "masked":
            extract[f"{name}, behind"] = lambda images, model=model: predict(model, images)
    for way in WAYS:
        found["accuracy"][way], found["seconds"][way] = {}, {}
        rate = best(choices[way]["rates"])
        for count in LABELS:
            model, seconds = labelled(starts[way], scenes, count, rate, seed, way == "longer")
            found["accuracy"][way][str(count)] = accuracy(model, scenes, "test")
            found["seconds"][way][str(count)] = seconds
    extract["labels"] = features_of(model)  # from scratch, with most labels and time
    for name, of_images in extract.items():
        found["probes"][name] = probed(of_images, scenes, "test")
    for name in ("first weights", "masked", "contrastive"):
        found["accuracy"][f"probe of {name}"] = {
            str(count): probed(extract[name], scenes, "test", ("shape",), count)["shape"] for count in LABELS
        }
    return found


def main() -> None:
    make_repeatable(0)
    started = time.perf_counter()

    def step(key, make):
        value, seconds = runs.remembered(NAME, key, lambda: timed(make))
        print(f"{time.perf_counter() - started:6.0f} s  {key}: {seconds} s of one core", flush=True)
        spent.append(seconds)
        return value

    spent = []
    choices = {way: step(f"choices {way}", lambda way=way: choose(way)) for way in WAYS}
    options = options_of(choices)
    found = [step(f"seed {seed}", lambda seed=seed: one_seed(seed, options, choices)) for seed in SEEDS]
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
        "choice_seed": CHOICE_SEED,
        "choices": choices,
        "seconds": round(sum(spent), 1),
        "results": found,
    }
    runs.save_result(NAME, result | runs.provenance(("numpy", "scikit-learn", "torch")))


if __name__ == "__main__":
    main()
