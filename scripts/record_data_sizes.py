"""Record how accuracy grows with the number of images, for a CNN and two Vision Transformers at equal compute.

    COURSE_DATA_DIR=... python scripts/record_data_sizes.py [SEED ...]

Writes results/data_sizes.json when all three seeds are there; each training outlives a kill. Every training gets the same
processor time on one thread, however many images there are: fewer images are seen more often. With pretraining, a model
first learns the shapes of 20,000 drawn scenes, for the same time again. The test images are read once, at the end.
Seeds may be given one at a time, to share the work between processors.
"""

import functools
import sys
import time

import numpy as np
from torch import nn

from utils import data, runs
from utils.data.cifar10 import DIGESTS
from utils.data.dataset import ImageDataset
from utils.long_training import accuracy_by_views, train_recipe
from utils.recipes import RECIPES, Recipe
from utils.torch_training import count_parameters, make_repeatable

NAME = "data_sizes"
SEEDS = (0, 1, 2)
SIZES = (500, 1000, 5000, 10_000, 45_000)
SECONDS = 60.0
"""Processor seconds of each training, on one thread; the speed of each model is measured first."""
SCENES = 20_000

_SMALL_VIT = {"embed_dim": 64, "depth": 4, "num_heads": 4}
MODELS: dict[str, Recipe] = {
    "CNN": RECIPES["cnn_sooner"],
    "ViT, convolutional stem": RECIPES["vit_short"].changed(options=_SMALL_VIT),
    "ViT, patches": RECIPES["vit_short"].changed(model="vit", options=_SMALL_VIT),
}


def images_a_second(recipe: Recipe, train: ImageDataset) -> float:
    """Measure how many images a second of processor time a model learns from."""
    few = train.subset(np.arange(2000))
    train_recipe(recipe.changed(epochs=0.25), few, seed=0)  # warm up
    started = time.process_time()
    train_recipe(recipe.changed(epochs=1), few, seed=0)
    return len(few) / (time.process_time() - started)


def fit(recipe: Recipe, train: ImageDataset, shown: float, seed: int, start: nn.Module | None = None):
    """Train on `shown` images, those of `train` as often as it takes; return the model and the processor seconds."""
    recipe = recipe.changed(epochs=shown / len(train), batch_size=min(recipe.batch_size, len(train) // 4))
    started = time.process_time()
    model, _ = train_recipe(recipe, train, seed=seed, start=start)
    return model, time.process_time() - started


@functools.cache
def pretrain(name: str, seed: int, speed: float) -> nn.Module:
    """Return a model that has learnt the shapes of drawn scenes: one for all numbers of images."""
    scenes = data.load("scenes", "train", seed=seed, count=SCENES)
    return fit(MODELS[name], scenes, speed * SECONDS, seed)[0]


def measure(name: str, size: int, seed: int, speed: float, pretrained: bool) -> dict:
    """Train one model on `size` images of CIFAR-10, and read the test images."""
    train = data.load("cifar10", "train", seed=seed, count=size)
    start = pretrain(name, seed, speed) if pretrained else None
    model, seconds = fit(MODELS[name], train, speed * SECONDS, seed, start)
    test = data.load("cifar10", "test", seed=seed)
    return {
        "seed": seed,
        "test_accuracy": accuracy_by_views(model, test, ("one",))["one"],
        "processor_seconds": round(seconds, 1),
        "epochs": round(speed * SECONDS / size, 2),
        "parameters": count_parameters(model),
    }


def main() -> None:
    make_repeatable(0)
    seeds = [int(argument) for argument in sys.argv[1:]] or list(SEEDS)
    train = data.load("cifar10", "train", seed=0)
    curves = []
    for name, recipe in MODELS.items():
        speed = runs.remembered(NAME, f"speed {name}", lambda recipe=recipe: images_a_second(recipe, train))
        for pretrained in (False, True):
            for size in SIZES:
                found = []
                for seed in seeds:
                    key = f"{name}, {size}, {pretrained}, seed {seed}"
                    make = lambda n=name, c=size, s=seed, v=speed, p=pretrained: measure(n, c, s, v, p)  # noqa: E731
                    found.append(runs.remembered(NAME, key, make))
                    print(f"{key}: {found[-1]['test_accuracy']:.4f}", flush=True)
                curves.append({"model": name, "size": size, "pretrained": pretrained, "runs": found})
    if set(seeds) != set(SEEDS):
        return
    for point in curves:
        point["test_accuracy"] = runs.mean_and_spread([run["test_accuracy"] for run in point["runs"]])
    result = {
        "command": "python scripts/record_data_sizes.py",
        "what": f"test accuracy of three models after {SECONDS:.0f} s of one thread, by the number of images of CIFAR-10",
        "seeds": list(SEEDS),
        "data_digest": DIGESTS,
        "seconds": SECONDS,
        "recipes": {name: recipe.as_dict() for name, recipe in MODELS.items()},
        "curves": curves,
    }
    path = runs.save_result(NAME, result | runs.provenance(("numpy", "torch")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
