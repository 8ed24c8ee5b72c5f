"""Record what the Vision Transformer in NumPy reaches on handwritten digits, beside a linear classifier.

    python scripts/record_numpy_vit.py

Writes results/numpy_vit_on_digits.json, in about two minutes of one core. Five seeds; each has its own split, first
weights and order of batches. Width and learning rate of the network, and the penalty of logistic regression, are chosen
on validation images by their mean accuracy over the seeds; the test images are read for what was chosen, and for nothing
else. Each trained network is carried to PyTorch, and the largest difference of the logits is kept.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from utils import convert, data, metrics, runs, torch_models
from utils.data.transforms import unit_range
from utils.numpy_nn import AdamW, VisionTransformer, predict, train, warmup_cosine

SEEDS = (0, 1, 2, 3, 4)
SPLITS = ("train", "validation", "test")
DIGITS = {"image_size": 8, "in_channels": 1}
SETTINGS = {"patch_size": 4, "depth": 2, "num_heads": 4, "epochs": 60, "batch_size": 64, "warmup": 0.1}
WIDTHS, RATES = (32, 64), (2e-3, 4e-3, 8e-3)
PENALTIES = (0.1, 1.0, 10.0, 100.0)


def digits(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images in [0, 1] and labels of each split of this seed."""
    parts = {split: data.load("digits", split, seed=seed) for split in SPLITS}
    return {split: (unit_range(part.images), part.labels) for split, part in parts.items()}


def train_on_digits(network, pile, *, rate: float, epochs: int, warmup: float, batch_size: int, seed: int):
    """Train with AdamW and a learning rate that rises for a share of the steps and then falls; return the losses."""
    images, labels = pile
    steps = epochs * -(-len(images) // batch_size)
    schedule = {"steps": steps, "warmup": int(warmup * steps), "highest": rate}
    return train(
        network,
        images,
        labels,
        optimiser=AdamW(network.named_parameters(), rate),
        epochs=epochs,
        batch_size=batch_size,
        rng=np.random.default_rng([seed, 1]),
        schedule=lambda step: warmup_cosine(step, **schedule),
    )


def accuracy(network, pile) -> float:
    images, labels = pile
    return metrics.accuracy(labels, predict(network, images).argmax(axis=1))


def parameters_of(network) -> int:
    return sum(array.size for array in network.named_parameters().values())


def best(validation: dict) -> object:
    """Return the choice with the highest mean over the seeds, the first of equals."""
    return max(validation, key=lambda choice: np.mean(validation[choice]))


def distance_to_pytorch(network, shape: dict, images: np.ndarray) -> float:
    """Carry the weights to PyTorch and return the largest difference of the logits, relative to the largest logit."""
    twin = torch_models.VisionTransformer(**DIGITS, **shape)
    convert.to_torch(network.named_parameters(), twin)
    with torch.no_grad():
        theirs = twin(torch.from_numpy(images).movedim(3, 1)).numpy()
    return float(np.abs(predict(network, images) - theirs).max() / np.abs(theirs).max())


def linear_runs(piles: list) -> dict:
    models = {
        penalty: [
            LogisticRegression(C=penalty, max_iter=2000).fit(_rows(p["train"]), p["train"][1]) for p in piles
        ]
        for penalty in PENALTIES
    }

    def scores(penalty, split):
        pairs = zip(models[penalty], piles, strict=True)
        return [metrics.accuracy(p[split][1], model.predict(_rows(p[split]))) for model, p in pairs]

    validation = {penalty: scores(penalty, "validation") for penalty in PENALTIES}
    chosen = best(validation)
    return {
        "validation_accuracy": {str(penalty): values for penalty, values in validation.items()},
        "penalty": chosen,
        "parameters": int(models[chosen][0].coef_.size + models[chosen][0].intercept_.size),
        "test_accuracy": scores(chosen, "test"),
    }


def _rows(pile) -> np.ndarray:
    return pile[0].reshape(len(pile[0]), -1)  # (B, H, W, C) -> (B, H·W·C)


def network_runs(piles: list) -> dict:
    fixed = {key: SETTINGS[key] for key in ("patch_size", "depth", "num_heads")}
    how = {key: SETTINGS[key] for key in ("epochs", "batch_size", "warmup")}
    choices = [(width, rate) for width in WIDTHS for rate in RATES]
    networks, losses = {}, {}
    bar = tqdm(total=len(choices) * len(SEEDS))
    for width, rate in choices:
        networks[width, rate], losses[width, rate] = [], []
        for seed, pile in zip(SEEDS, piles, strict=True):
            network = VisionTransformer(np.random.default_rng(seed), **DIGITS, **fixed, embed_dim=width)
            losses[width, rate].append(train_on_digits(network, pile["train"], rate=rate, seed=seed, **how))
            networks[width, rate].append(network)
            bar.update()

    def scores(choice, split):
        return [accuracy(net, pile[split]) for net, pile in zip(networks[choice], piles, strict=True)]

    validation = {choice: scores(choice, "validation") for choice in choices}
    chosen = best(validation)
    shape = {**fixed, "embed_dim": chosen[0]}
    return {
        "compared": [
            {"embed_dim": width, "learning_rate": rate, "validation_accuracy": validation[width, rate]}
            for width, rate in choices
        ],
        "embed_dim": chosen[0],
        "learning_rate": chosen[1],
        "parameters": parameters_of(networks[chosen][0]),
        "test_accuracy": scores(chosen, "test"),
        "last_losses": [round(run[-1], 5) for run in losses[chosen]],
        "distance_to_pytorch": [
            distance_to_pytorch(net, shape, pile["validation"][0])
            for net, pile in zip(networks[chosen], piles, strict=True)
        ],
    }


def record() -> None:
    start, piles = time.perf_counter(), [digits(seed) for seed in SEEDS]
    result = {
        "command": "python scripts/record_numpy_vit.py",
        "what": "test accuracy on digits of the Vision Transformer in NumPy, and of logistic regression on the pixels",
        "seeds": SEEDS,
        "settings": SETTINGS,
        "results": {"vit": network_runs(piles), "logistic_regression": linear_runs(piles)},
        "seconds": round(time.perf_counter() - start, 1),
    }
    runs.save_result(
        "numpy_vit_on_digits", result | runs.provenance(("numpy", "scipy", "scikit-learn", "torch"))
    )


if __name__ == "__main__":
    record()
