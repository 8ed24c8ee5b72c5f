"""Record how five ways of training, and three with parts left out, get on with the same network and learning rates.

    python scripts/record_optimisers.py

Writes results/optimisers_on_digits.json in about five minutes of one core.

The course's CNN in NumPy learns handwritten digits with SGD, momentum and AdamW, each with a learning rate that stays, and
each with one that rises for a tenth of the steps and then falls along a cosine; momentum and AdamW also with the fall but
without the rise. All eight get the same ten learning rates, epochs, batches, first weights and order of the images. Five
seeds, each with its own split, first weights and order. Each seed chooses the learning rate of each method by the accuracy
on its own validation digits (a tie by their loss), and only the chosen network sees its test digits, once.
"""

import functools
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from utils import data, metrics, runs
from utils.data.transforms import unit_range
from utils.numpy_nn import (
    SGD,
    AdamW,
    Momentum,
    build_cnn,
    cross_entropy,
    predict,
    train,
    warmup_cosine,
)

SEEDS = tuple(range(5))
RATES = tuple(float(f"{10 ** (k / 2):.3g}") for k in range(-8, 2))  # 0.0001 to 3.16, two in each power of ten
EPOCHS, BATCH_SIZE, WARMUP_SHARE = 10, 64, 0.1
METHODS = {  # name: optimiser, learning rate over time
    "SGD": (SGD, "constant"),
    "SGD, warm-up, cosine": (SGD, "warm-up, cosine"),
    "momentum": (Momentum, "constant"),
    "momentum, cosine": (Momentum, "cosine"),
    "momentum, warm-up, cosine": (Momentum, "warm-up, cosine"),
    "AdamW": (AdamW, "constant"),
    "AdamW, cosine": (AdamW, "cosine"),
    "AdamW, warm-up, cosine": (AdamW, "warm-up, cosine"),
}


def schedule_of(shape: str, steps: int, rate: float):
    """Return the schedule that `train` takes, None for a learning rate that stays."""
    if shape == "constant":
        return None
    warmup = round(WARMUP_SHARE * steps) if shape.startswith("warm-up") else 0
    return functools.partial(warmup_cosine, steps=steps, warmup=warmup, highest=rate)


def run(seed: int, method: str, rate: float, x: dict, y: dict) -> dict:
    """Train once; return the network, losses of each pass, accuracy and loss on validation digits; or that it broke."""
    kind, shape = METHODS[method]
    network = build_cnn(np.random.default_rng([seed, 1]), image_size=8, in_channels=1, padding=1)
    steps = EPOCHS * -(-len(y["train"]) // BATCH_SIZE)
    losses = []
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            train(
                network,
                x["train"],
                y["train"],
                optimiser=kind(network.named_parameters(), rate),
                epochs=EPOCHS,
                batch_size=BATCH_SIZE,
                rng=np.random.default_rng([seed, 2]),
                schedule=schedule_of(shape, steps, rate),
                report=lambda epoch, loss: losses.append(loss),
            )
            z = predict(network, x["validation"])
            loss = cross_entropy(z, y["validation"])[0]
    except ValueError:  # a number became infinite
        return {"broke": True, "accuracy": -1.0, "loss": np.inf, "losses": losses}
    accuracy = metrics.accuracy(y["validation"], z.argmax(axis=1))
    return {"broke": False, "accuracy": accuracy, "loss": loss, "losses": losses, "network": network}


def one_seed(seed: int, method: str) -> dict:
    """Try all learning rates, choose one on validation digits, and read the test digits with it."""
    parts = {split: data.load("digits", split, seed=seed) for split in ("train", "validation", "test")}
    x = {split: unit_range(part.images) for split, part in parts.items()}
    y = {split: part.labels for split, part in parts.items()}
    tried = [run(seed, method, rate, x, y) for rate in RATES]
    chosen = max(range(len(RATES)), key=lambda k: (tried[k]["accuracy"], -tried[k]["loss"]))
    answers = predict(tried[chosen]["network"], x["test"]).argmax(axis=1)
    return {
        "seed": seed,
        "validation_accuracy": [None if t["broke"] else round(t["accuracy"], 4) for t in tried],
        "validation_loss": [None if t["broke"] else float(f"{t['loss']:.4g}") for t in tried],
        "training_loss": [None if t["broke"] else float(f"{t['losses'][-1]:.4g}") for t in tried],
        "chosen_rate": RATES[chosen],
        "losses_of_chosen": [round(loss, 4) for loss in tried[chosen]["losses"]],
        "test_accuracy": metrics.accuracy(y["test"], answers),
    }


def record() -> None:
    start = time.process_time()
    bar = tqdm(total=len(METHODS) * len(SEEDS))
    results: dict[str, list] = {method: [] for method in METHODS}
    for method in METHODS:
        for seed in SEEDS:
            results[method].append(one_seed(seed, method))
            bar.update()
    result = {
        "command": "python scripts/record_optimisers.py",
        "what": "digits: the CNN in NumPy with three optimisers and three schedules, over ten learning rates",
        "seeds": SEEDS,
        "settings": {
            "rates": RATES,
            "epochs": EPOCHS,
            "batch_size": BATCH_SIZE,
            "warmup_share": WARMUP_SHARE,
            "momentum": 0.9,
            "betas": [0.9, 0.999],
            "weight_decay": 0.01,
        },
        "results": results,
        "seconds": round(time.process_time() - start, 1),
    }
    runs.save_result(
        "optimisers_on_digits", result | runs.provenance(("numpy", "scipy", "scikit-learn", "torch"))
    )


if __name__ == "__main__":
    record()
