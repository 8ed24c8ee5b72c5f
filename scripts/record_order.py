"""Record what three networks do with digits as they are, and with digits whose patches have no order: about five minutes.

    python scripts/record_order.py

Writes results/order.json. A picture of 8 × 8 pixels is cut into sixteen patches of 2 × 2. "shuffled" gives every picture,
for training and for testing, an order of its own. Learning rates are chosen with the first seed on validation pictures;
the test pictures are read with what was chosen.
"""

import functools

import numpy as np
import torch
from torch import nn

from utils import data, metrics, runs
from utils.order_study import build_network, shuffle_patches
from utils.torch_training import (
    count_parameters,
    first_weights,
    make_repeatable,
    predict,
    to_tensor,
    train,
)

NAME = "order"
SEEDS = (0, 1, 2)
EPOCHS = 30
RATES = (1e-3, 2e-3, 4e-3)
NETWORKS = ("CNN", "ViT", "ViT, no positions")


@functools.lru_cache(maxsize=8)
def pictures(split: str, seed: int, shuffled: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return digits (B, 1, 8, 8) and labels (B,), the patches of each picture in an order of its own if told to."""
    digits = data.load("digits", split, seed=seed)
    images = digits.images
    if shuffled:
        images = shuffle_patches(images, 2, np.random.default_rng([seed, data.SPLITS.index(split)]))
    return to_tensor(images), torch.from_numpy(digits.labels)


def fit(name: str, rate: float, seed: int, shuffled: bool) -> nn.Module:
    """Train one network."""
    with first_weights(seed):
        model = build_network(name)
    generator = torch.Generator().manual_seed(seed)
    train(model, pictures("train", seed, shuffled), epochs=EPOCHS, learning_rate=rate, generator=generator)
    return model


def accuracy(model: nn.Module, split: str, seed: int, shuffled: bool) -> float:
    """Return the share of right answers."""
    images, labels = pictures(split, seed, shuffled)
    return metrics.accuracy(labels.numpy(), predict(model, images).argmax(axis=1))


def measure(name: str, rate: float, seed: int, shuffled: bool) -> dict:
    """Train on pictures of one kind, and read the test pictures of both."""
    model = fit(name, rate, seed, shuffled)
    return {
        "seed": seed,
        "parameters": count_parameters(model),
        "as they are": accuracy(model, "test", seed, False),
        "shuffled": accuracy(model, "test", seed, True),
    }


def main() -> None:
    make_repeatable(0)
    part = runs.reported(NAME, lambda line: print(line, flush=True))
    groups = []
    for shuffled in (False, True):
        for name in NETWORKS:
            compared = {
                rate: part(
                    f"choose {name} {shuffled} {rate}",
                    lambda n=name, r=rate, s=shuffled: accuracy(
                        fit(n, r, SEEDS[0], s), "validation", SEEDS[0], s
                    ),
                )
                for rate in RATES
            }
            best = max(compared, key=compared.get)
            found = [
                part(
                    f"{name} {shuffled} {seed}",
                    lambda n=name, r=best, i=seed, s=shuffled: measure(n, r, i, s),
                )
                for seed in SEEDS
            ]
            groups.append(
                {
                    "network": name,
                    "trained on": "shuffled" if shuffled else "as they are",
                    "rate": best,
                    "compared": {str(rate): value for rate, value in compared.items()},
                    "runs": found,
                }
            )
    result = {
        "command": "python scripts/record_order.py",
        "what": "test accuracy of three networks on digits, as they are and with patches in an order of each picture's own",
        "seeds": list(SEEDS),
        "epochs": EPOCHS,
        "groups": groups,
    }
    path = runs.save_result(NAME, result | runs.provenance(("numpy", "torch", "scikit-learn")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
