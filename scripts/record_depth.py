"""Record how deep a Transformer can be trained on handwritten digits, with residual connections and without.

    python scripts/record_depth.py

Writes results/depth_with_and_without_residuals.json, in about six minutes of one core. Patches of 4 × 4 pixels, four
tokens; equal pictures, first weights and steps. Three seeds; the learning rate of each depth is chosen on validation
images by the mean over the seeds, for either kind by itself; the test images are read for what was chosen.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from record_numpy_vit import DIGITS, accuracy, best, digits, train_on_digits
from tqdm import tqdm

from utils import runs
from utils.numpy_nn import Block, VisionTransformer

SEEDS = (0, 1, 2)
DEPTHS = (1, 2, 4, 8, 16)
RATES = (1e-3, 3e-3, 8e-3)
SHAPE = {"patch_size": 4, "embed_dim": 32, "num_heads": 4}
HOW = {"epochs": 30, "batch_size": 64, "warmup": 0.1}


class ChainedBlock(Block):
    """A block whose layers replace the tokens in place of adding to them."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = self.attn.forward(self.norm1.forward(x))
        return self.mlp.forward(self.norm2.forward(x))

    def backward(self, dz: np.ndarray) -> np.ndarray:
        dz = self.norm2.backward(self.mlp.backward(dz))
        return self.norm1.backward(self.attn.backward(dz))


def build(kind: type[Block], depth: int, seed: int) -> VisionTransformer:
    """Build a network; both kinds of block start with the same weights."""
    network = VisionTransformer(np.random.default_rng(seed), **DIGITS, **SHAPE, depth=depth)
    for block in network.blocks:
        block.__class__ = kind
    return network


def sameness(network: VisionTransformer, images: np.ndarray) -> float:
    """Return how far the last tokens of a picture are from their mean, relative to their size: 0 if they are alike."""
    tokens = network.forward_features(images)  # (B, N, D)
    apart = tokens - tokens.mean(axis=1, keepdims=True)
    return float(np.sqrt((apart**2).sum() / (tokens**2).sum()))


def runs_of(kind: type[Block], depth: int, piles: list, bar: tqdm) -> dict:
    networks = {rate: [build(kind, depth, seed) for seed in SEEDS] for rate in RATES}
    losses = {rate: [] for rate in RATES}
    for rate, row in networks.items():
        for network, seed, pile in zip(row, SEEDS, piles, strict=True):
            losses[rate].append(train_on_digits(network, pile["train"], rate=rate, seed=seed, **HOW)[-1])
            bar.update(depth)

    def scores(rate, split):
        return [accuracy(net, pile[split]) for net, pile in zip(networks[rate], piles, strict=True)]

    validation = {rate: scores(rate, "validation") for rate in RATES}
    chosen = best(validation)
    return {
        "validation_accuracy": {str(rate): values for rate, values in validation.items()},
        "learning_rate": chosen,
        "test_accuracy": scores(chosen, "test"),
        "last_losses": [round(loss, 4) for loss in losses[chosen]],
        "tokens_apart": [
            sameness(net, pile["validation"][0]) for net, pile in zip(networks[chosen], piles, strict=True)
        ],
    }


def record() -> None:
    start, piles = time.perf_counter(), [digits(seed) for seed in SEEDS]
    kinds = {"with": Block, "without": ChainedBlock}
    bar = tqdm(total=len(kinds) * len(RATES) * len(SEEDS) * sum(DEPTHS))
    result = {
        "command": "python scripts/record_depth.py",
        "what": "test accuracy on digits by the number of blocks, with residual connections and without",
        "seeds": SEEDS,
        "settings": {**SHAPE, **HOW},
        "results": {
            name: {str(depth): runs_of(kind, depth, piles, bar) for depth in DEPTHS}
            for name, kind in kinds.items()
        },
        "seconds": round(time.perf_counter() - start, 1),
    }
    runs.save_result(
        "depth_with_and_without_residuals",
        result | runs.provenance(("numpy", "scipy", "scikit-learn", "torch")),
    )


if __name__ == "__main__":
    record()
