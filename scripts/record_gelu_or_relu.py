"""Record a small Vision Transformer in NumPy with GELU, ReLU or nothing between the dense layers of its MLPs.

    python scripts/record_gelu_or_relu.py

Writes results/gelu_or_relu.json in about five minutes of one core.

Handwritten digits, ten seeds, each with its own split, start and order of batches, the same for all three, which have the
same parameters. Each is trained with each learning rate. The rate is chosen afterwards, for each of the three, by the mean
accuracy on the validation digits; the test digits are read once for each network, and count for the chosen rate alone.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from utils import data, metrics, runs
from utils.numpy_nn import GELU, AdamW, Layer, ReLU, VisionTransformer, predict, train, warmup_cosine


class Nothing(Layer):
    """Hand everything on as it is, in both directions."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x

    def backward(self, dz: np.ndarray) -> np.ndarray:
        return dz


SEEDS = tuple(range(10))
ACTIVATIONS = {"GELU": GELU, "ReLU": ReLU, "nothing": Nothing}
LEARNING_RATES = (2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 6.4e-2)
NETWORK = {"image_size": 8, "in_channels": 1, "patch_size": 4, "embed_dim": 32, "depth": 2}
TRAINING = {"epochs": 30, "batch_size": 64, "weight_decay": 0.05, "warmup_epochs": 3}


def pixels(part) -> np.ndarray:
    return part.images.astype(np.float32) / 255


def one_run(seed: int, activation: str, learning_rate: float) -> dict:
    """Train one network; return its accuracies and its last training loss."""
    parts = {split: data.load("digits", split, seed=seed) for split in ("train", "validation", "test")}
    network = VisionTransformer(np.random.default_rng([seed, 0]), **NETWORK)
    for block in network.blocks:
        block.mlp.act = ACTIVATIONS[activation]()
    batches = -(-len(parts["train"].labels) // TRAINING["batch_size"])
    steps, warmup = (TRAINING[key] * batches for key in ("epochs", "warmup_epochs"))
    losses = train(
        network,
        pixels(parts["train"]),
        parts["train"].labels,
        optimiser=AdamW(network.named_parameters(), learning_rate, weight_decay=TRAINING["weight_decay"]),
        epochs=TRAINING["epochs"],
        batch_size=TRAINING["batch_size"],
        rng=np.random.default_rng([seed, 1]),
        schedule=lambda step: warmup_cosine(step, steps=steps, warmup=warmup, highest=learning_rate),
    )
    run = {"seed": seed, "loss": round(losses[-1], 5)}
    for split in ("validation", "test"):
        answers = predict(network, pixels(parts[split])).argmax(axis=1)
        run[split] = metrics.accuracy(parts[split].labels, answers)
    return run


def record() -> None:
    start = time.perf_counter()
    bar = tqdm(total=len(ACTIVATIONS) * len(LEARNING_RATES) * len(SEEDS))
    results = {}
    for activation in ACTIVATIONS:
        results[activation] = {}
        for rate in LEARNING_RATES:
            results[activation][str(rate)] = []
            for seed in SEEDS:
                results[activation][str(rate)].append(one_run(seed, activation, rate))
                bar.update()
    result = {
        "command": "python scripts/record_gelu_or_relu.py",
        "what": "digits with a Vision Transformer in NumPy, with GELU, ReLU or nothing in its MLPs, by learning rate",
        "seeds": SEEDS,
        "settings": {**NETWORK, **TRAINING, "learning_rates": LEARNING_RATES},
        "results": results,
        "seconds": round(time.perf_counter() - start, 1),
    }
    runs.save_result("gelu_or_relu", result | runs.provenance(("numpy", "scipy", "scikit-learn", "torch")))


if __name__ == "__main__":
    record()
