"""Record what positions and heads are worth to a small Vision Transformer.

    python scripts/record_attention.py positions
    python scripts/record_attention.py heads

Writes results/attention_positions.json and results/attention_heads.json, each in about two minutes of one core.

positions: a task that only position solves (`utils.tokens.sun_and_sail`), with no positions, learned ones that start
small or large, and fixed sines and cosines. Ten seeds, each with its own pictures.

heads: handwritten digits, two layers, the same width and the same parameters shared by 1, 2, 4 or 8 heads. Five seeds, each
with its own split. With four heads, heads are removed without training again: one by one, all but one, all of a layer (on
validation digits), and one after another where it hurts the validation accuracy least, with the accuracy on test digits.
"""

import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from tqdm import tqdm

from utils import data, metrics, runs
from utils.tokens import attention_distance, sine_positions, sun_and_sail
from utils.torch_heads import (
    attention_maps,
    distance_between_heads,
    distance_between_images,
    set_positions,
    without_heads,
)
from utils.torch_models import VisionTransformer
from utils.torch_training import count_parameters, make_repeatable, predict, to_tensor, train

POSITION_SEEDS, HEAD_SEEDS = tuple(range(10)), tuple(range(5))
STARTS = ("none", "small", "large", "fixed")
HEADS = (1, 2, 4, 8)
POSITIONS = {"pairs": 1000, "validation_pairs": 250, "epochs": 12, "batch_size": 32, "learning_rate": 3e-3}
DIGITS = {"epochs": 40, "batch_size": 64, "learning_rate": 3e-3, "embed_dim": 32, "depth": 2, "patch_size": 2}


def accuracy(model, images, labels) -> float:
    return metrics.accuracy(labels, predict(model, images).argmax(axis=1))


def position_run(seed: int, start: str) -> dict:
    """Train on pairs that no bag of patches can tell apart; return losses and the accuracy on other pairs."""
    rng = np.random.default_rng([seed, 0])
    (images, labels), (x_validation, y_validation) = (
        sun_and_sail(POSITIONS[key], rng) for key in ("pairs", "validation_pairs")
    )
    make_repeatable(seed)
    model = VisionTransformer(image_size=32, patch_size=8, num_classes=2, embed_dim=32, depth=2, num_heads=2)
    set_positions(model, start, sine_positions(16, 32) if start == "fixed" else None)
    losses = train(
        model,
        (to_tensor(images), torch.from_numpy(labels)),
        generator=torch.Generator().manual_seed(seed),
        **{key: POSITIONS[key] for key in ("epochs", "batch_size", "learning_rate")},
    )
    score = accuracy(model, to_tensor(x_validation), y_validation)
    return {"validation_accuracy": score, "losses": [round(loss, 4) for loss in losses]}


def head_run(seed: int, num_heads: int) -> dict:
    """Train on digits; return accuracies, and for four heads what they look at and what removing them costs."""
    parts = {split: data.load("digits", split, seed=seed) for split in ("train", "validation", "test")}
    x = {split: to_tensor(part.images) for split, part in parts.items()}
    make_repeatable(seed)
    shape = {key: DIGITS[key] for key in ("patch_size", "embed_dim", "depth")}
    model = set_positions(
        VisionTransformer(image_size=8, in_channels=1, num_heads=num_heads, **shape), "large"
    )
    before = look(model, x["validation"])
    train(
        model,
        (x["train"], torch.from_numpy(parts["train"].labels)),
        generator=torch.Generator().manual_seed(seed),
        **{key: DIGITS[key] for key in ("epochs", "batch_size", "learning_rate")},
    )
    score = {split: accuracy(model, x[split], parts[split].labels) for split in ("validation", "test")}
    run = {"parameters": count_parameters(model), "accuracy": score}
    if num_heads == 4:
        run |= {"untrained": before, "trained": look(model, x["validation"])}
        run |= removals(model, x, {split: part.labels for split, part in parts.items()})
    return run


def look(model, images) -> dict:
    """Measure how far apart heads look, and how far they reach in pixels, layer by layer."""
    maps = attention_maps(model, images)  # (L, B, A, N, N)
    return {
        "between_heads": [float(distance_between_heads(layer)) for layer in maps]
        if maps.shape[2] > 1
        else [],
        "between_images": [float(distance_between_images(layer)) for layer in maps],
        "reach": attention_distance(maps, 4, DIGITS["patch_size"]).mean(axis=1).round(4).tolist(),  # (L, A)
    }


def removals(model, x, y) -> dict:
    layers, heads = range(len(model.blocks)), range(model.blocks[0].attn.num_heads)

    def without(layer, removed):
        with without_heads(model, layer, removed):
            return accuracy(model, x["validation"], y["validation"])

    return {
        "without_one": [[without(layer, [head]) for head in heads] for layer in layers],
        "only_one": [[without(layer, set(heads) - {head}) for head in heads] for layer in layers],
        "without_all": [without(layer, heads) for layer in layers],
        "one_after_another": one_after_another(model, x, y),
    }


def one_after_another(model, x, y) -> dict:
    """Remove, until none is left, the head that the validation set misses least; record both accuracies."""
    removed = {layer: [] for layer in range(len(model.blocks))}

    def score(split, changed):
        with without_heads(model, 0, changed[0]), without_heads(model, 1, changed[1]):
            return accuracy(model, x[split], y[split])

    record = {"removed": [], "validation": [score("validation", removed)], "test": [score("test", removed)]}
    left = [(layer, head) for layer in removed for head in range(model.blocks[layer].attn.num_heads)]
    while left:
        trials = [{**removed, layer: [*removed[layer], head]} for layer, head in left]
        scores = [score("validation", trial) for trial in trials]
        best = int(np.argmax(scores))
        removed = trials[best]
        record["removed"].append(list(left.pop(best)))
        record["validation"].append(scores[best])
        record["test"].append(score("test", removed))
    return record


def record(part: str) -> None:
    start = time.perf_counter()
    run, seeds, choices, settings, what = {
        "positions": (
            position_run,
            POSITION_SEEDS,
            STARTS,
            POSITIONS,
            "accuracy on pairs of pictures that hold the same patches, by how positions are given",
        ),
        "heads": (
            head_run,
            HEAD_SEEDS,
            HEADS,
            DIGITS,
            "digits with 1, 2, 4 or 8 heads of the same total width; what removing heads costs",
        ),
    }[part]
    bar = tqdm(total=len(seeds) * len(choices))
    results = {}
    for choice in choices:
        results[str(choice)] = []
        for seed in seeds:
            results[str(choice)].append(run(seed, choice))
            bar.update()
    result = {
        "command": f"python scripts/record_attention.py {part}",
        "what": what,
        "seeds": seeds,
        "settings": settings,
        "results": results,
        "seconds": round(time.perf_counter() - start, 1),
    }
    runs.save_result(f"attention_{part}", result | runs.provenance(("numpy", "torch", "scikit-learn")))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("positions", "heads"):
        raise SystemExit("say which: python scripts/record_attention.py positions | heads")
    record(sys.argv[1])
