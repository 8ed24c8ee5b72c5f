"""Record a CNN against dense networks on the same scenes: accuracy, shuffled pixels, moved pictures, more data. 14 minutes.

    python scripts/record_cnn_or_dense.py

Writes results/cnn_or_dense.json. Three seeds, each with its own pictures, first weights, order of batches and order of
pixels. Learning rates, and the layers of the dense network, are chosen with the first seed on validation pictures; the
test pictures are read with what was chosen.
"""

import functools
import time

import numpy as np
import torch

from utils import data, runs
from utils.costs import layer_costs
from utils.dense_study import (
    accuracy,
    accuracy_when_moved,
    build,
    draw,
    fit,
    many_windows,
    window,
)
from utils.torch_training import count_parameters, make_repeatable

NAME = "cnn_or_dense"
SEEDS = (0, 1, 2)
COUNTS = {"train": 4000, "validation": 1000, "test": 2000}
EPOCHS = {"scenes": 8, "digits": 30}
MORE = 8
SHIFTS = {"scattered": 0.3, "centred": 0.0}
MOVES = (0, 1, 2, 3)
HIDDEN = {"scenes": ((40,), (39, 64)), "digits": ((234, 234), (960,))}
WIDE = (1070, 1070)
"""Hidden layers of the dense network that does as many multiply-adds as the CNN."""
RATES = {"CNN": (1e-3, 2e-3, 4e-3), "dense": (1e-3, 3e-3, 1e-2), "wide": (1e-4, 3e-4, 1e-3)}


def scenes(where: str, split: str, seed: int, count: int | None = None):
    """Draw the large pictures of one split."""
    rng = np.random.default_rng([seed, data.SPLITS.index(split)])
    return draw(COUNTS[split] if count is None else count, rng, SHIFTS[where])


@functools.lru_cache(maxsize=4)
def pixels_of(name: str, split: str, seed: int):
    """Return images (B, H, W, C) and labels (B,) of one split of `scattered`, `centred` or `digits`."""
    if name == "digits":
        loaded = data.load("digits", split, seed=seed)
        return loaded.images, loaded.labels
    drawn = scenes(name, split, seed)
    return window(drawn.images), drawn.labels


def pixel_order(name: str, seed: int) -> torch.Tensor:
    """Return one order of all pixels of a picture, for all pictures."""
    side = 8 if name == "digits" else 32
    return torch.randperm(side**2, generator=torch.Generator().manual_seed(1000 + seed))


def network(kind: str, hidden, name: str):
    """Return what builds a network for the pictures of a data set."""
    shape = {"image_size": 8, "in_channels": 1} if name == "digits" else {}
    return functools.partial(build, "CNN" if kind == "CNN" else "dense", hidden, **shape)


def group_of(name: str) -> str:
    """Return `digits` or `scenes`, which have passes and layers of their own."""
    return "digits" if name == "digits" else "scenes"


def timed_fit(kind: str, choice: dict, name: str, seed: int, images, labels, order=None):
    """Train one network with what was chosen; return it and the processor seconds that it took."""
    started = time.process_time()
    model = fit(
        network(kind, choice["hidden"], name),
        images,
        labels,
        rate=choice["rate"],
        epochs=EPOCHS[group_of(name)],
        seed=seed,
        order=order,
    )
    return model, round(time.process_time() - started, 2)


def choose(part, kind: str, name: str, shuffled: bool = False) -> dict:
    """Compare learning rates, and for the dense network hidden layers, on validation pictures with the first seed."""
    options = {"CNN": ((),), "dense": HIDDEN[group_of(name)], "wide": (WIDE,)}[kind]
    order = pixel_order(name, SEEDS[0]) if shuffled else None

    def judge(hidden, rate):
        choice = {"hidden": hidden, "rate": rate}
        model, _ = timed_fit(kind, choice, name, SEEDS[0], *pixels_of(name, "train", SEEDS[0]), order)
        return accuracy(model, *pixels_of(name, "validation", SEEDS[0]), order)

    compared = [
        {
            "hidden": list(hidden),
            "rate": rate,
            "validation_accuracy": part(
                f"choose {kind} {name} {shuffled} {hidden} {rate}",
                functools.partial(judge, hidden, rate),
            ),
        }
        for hidden in options
        for rate in RATES[kind]
    ]
    best = max(compared, key=lambda row: row["validation_accuracy"])
    return {"hidden": best["hidden"], "rate": best["rate"], "compared": compared}


def run(kind: str, choice: dict, name: str, seed: int, shuffled: bool = False) -> dict:
    """Train one network with what was chosen, and read the test pictures."""
    order = pixel_order(name, seed) if shuffled else None
    images, labels = pixels_of(name, "train", seed)
    model, seconds = timed_fit(kind, choice, name, seed, images, labels, order)
    test_images, test_labels = pixels_of(name, "test", seed)
    found = {
        "seed": seed,
        "training_seconds": seconds,
        "training_accuracy": accuracy(model, images, labels, order),
        "test_accuracy": accuracy(model, test_images, test_labels, order),
    }
    if name in SHIFTS and not shuffled:
        drawn = scenes(name, "test", seed)
        found["moved"] = [accuracy_when_moved(model, drawn, move) for move in MOVES]
    return found


def with_more(kind: str, choice: dict, seed: int, what: str) -> dict:
    """Train a dense network on more scattered scenes, new ones or moved copies of the old ones."""
    times = {"four times": 4, "eight times": 8, "eight copies": 1}[what]
    drawn = scenes("scattered", "train", seed, COUNTS["train"] * times)
    images, labels = window(drawn.images), drawn.labels
    if what == "eight copies":
        images = many_windows(drawn.images, MORE, np.random.default_rng([seed, 9]))
        labels = np.tile(drawn.labels, MORE)
    model, seconds = timed_fit(kind, choice, "scattered", seed, images, labels)
    test = scenes("scattered", "test", seed)
    return {
        "seed": seed,
        "images": len(images),
        "passes": EPOCHS["scenes"],
        "training_seconds": seconds,
        "test_accuracy": accuracy(model, window(test.images), test.labels),
        "moved": [accuracy_when_moved(model, test, move) for move in MOVES],
    }


def cost(kind: str, choice: dict, name: str) -> dict:
    """Count parameters and the multiply-adds for one picture."""
    model = network(kind, choice["hidden"], name)()
    shape = (1, 1, 8, 8) if name == "digits" else (1, 3, 32, 32)
    work = sum(layer.multiply_adds for layer in layer_costs(model, torch.zeros(shape)))
    return {"parameters": count_parameters(model), "multiply_adds": work}


def main() -> None:
    make_repeatable(0)
    part = runs.reported(NAME, lambda line: print(line, flush=True))
    groups = []

    def record(kind, name, shuffled, choice, what="same pictures"):
        def one(seed):
            if what == "same pictures":
                return run(kind, choice, name, seed, shuffled)
            return with_more(kind, choice, seed, what)

        found = [part(f"{kind} {name} {shuffled} {what} {s}", functools.partial(one, s)) for s in SEEDS]
        groups.append(
            {
                "network": kind,
                "pictures": name,
                "shuffled": shuffled,
                "training": what,
                "hidden": choice["hidden"],
                "rate": choice["rate"],
                **cost(kind, choice, name),
                "test_accuracy": runs.mean_and_spread(r["test_accuracy"] for r in found),
                "runs": found,
            }
        )

    choices = []
    for name in ("digits", "scattered"):
        for kind in ("CNN", "dense"):
            for shuffled in (False, True):
                choice = choose(part, kind, name, shuffled)
                choices.append({"network": kind, "pictures": name, "shuffled": shuffled, **choice})
                record(kind, name, shuffled, choice)
                if name == "scattered" and not shuffled:
                    record(kind, "centred", False, choice)
                    if kind == "dense":
                        for what in ("four times", "eight times", "eight copies"):
                            record(kind, name, False, choice, what)
    wide = choose(part, "wide", "scattered")
    choices.append({"network": "wide", "pictures": "scattered", "shuffled": False, **wide})
    record("wide", "scattered", False, wide)
    result = {
        "command": "python scripts/record_cnn_or_dense.py",
        "what": "test accuracy of a CNN and dense networks on scenes and digits, as they are, shuffled, moved, with more",
        "seeds": list(SEEDS),
        "counts": COUNTS,
        "epochs": EPOCHS,
        "moves": list(MOVES),
        "choices": choices,
        "groups": groups,
    }
    path = runs.save_result(NAME, result | runs.provenance(("numpy", "torch", "scikit-learn")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
