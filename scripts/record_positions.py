"""Record what each way of giving positions is worth to the Vision Transformer in NumPy, on handwritten digits.

    python scripts/record_positions.py

Writes results/positions_on_digits.json, in about five minutes of one core. Patches of 2 × 2 pixels, sixteen tokens; all
networks get the same pictures and the same number of steps. The learning rate of each is chosen on validation images, by
the mean over five seeds; the test images are read for what was chosen.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from record_numpy_vit import DIGITS, SEEDS, accuracy, best, digits, parameters_of, train_on_digits
from tqdm import tqdm

from utils import runs
from utils.numpy_nn import VisionTransformer
from utils.numpy_nn.positions import POSITION_STD

WAYS = ("none", "learned", "learned, large start", "sine", "rotary")
RATES = (4e-3, 8e-3, 16e-3)
SHAPE = {"patch_size": 2, "embed_dim": 32, "depth": 2, "num_heads": 4}
HOW = {"epochs": 30, "batch_size": 64, "warmup": 0.1}


def build(way: str, seed: int) -> VisionTransformer:
    """Build a network; with a large start, learned positions have the standard deviation 1."""
    network = VisionTransformer(np.random.default_rng(seed), **DIGITS, **SHAPE, positions=way.split(",")[0])
    if way == "learned, large start":
        network.parameters["pos_embed"] /= POSITION_STD
    return network


def runs_of(way: str, piles: list, bar: tqdm) -> dict:
    networks = {rate: [build(way, seed) for seed in SEEDS] for rate in RATES}
    for rate, row in networks.items():
        for network, seed, pile in zip(row, SEEDS, piles, strict=True):
            train_on_digits(network, pile["train"], rate=rate, seed=seed, **HOW)
            bar.update()

    def scores(rate, split):
        return [accuracy(net, pile[split]) for net, pile in zip(networks[rate], piles, strict=True)]

    validation = {rate: scores(rate, "validation") for rate in RATES}
    chosen = best(validation)
    return {
        "validation_accuracy": {str(rate): values for rate, values in validation.items()},
        "learning_rate": chosen,
        "parameters": parameters_of(networks[chosen][0]),
        "test_accuracy": scores(chosen, "test"),
    }


def record() -> None:
    start, piles = time.perf_counter(), [digits(seed) for seed in SEEDS]
    bar = tqdm(total=len(WAYS) * len(RATES) * len(SEEDS))
    result = {
        "command": "python scripts/record_positions.py",
        "what": "test accuracy on digits of the Vision Transformer in NumPy, sixteen tokens, by how positions are given",
        "seeds": SEEDS,
        "settings": {**SHAPE, **HOW},
        "results": {way: runs_of(way, piles, bar) for way in WAYS},
        "seconds": round(time.perf_counter() - start, 1),
    }
    runs.save_result(
        "positions_on_digits", result | runs.provenance(("numpy", "scipy", "scikit-learn", "torch"))
    )


if __name__ == "__main__":
    record()
