"""Record what pretraining on drawn scenes is worth for other tasks, with four ways to use it.

    python scripts/record_transfer.py

Writes results/transfer.json in about twenty-two minutes of one core. A seed that is done outlives a kill; `--seed 1`
measures that seed alone, for a later run without it.

Each seed has its own scenes and first weights. A small Vision Transformer learns six shapes from 6,000 scenes. Then it goes
to negatives of scenes with four other shapes, with 50 to 400 labels; and to four more tasks with 100. All get the same
steps of the same size, with each learning rate. The rate is chosen afterwards, for each way and number of labels, by the
mean accuracy on validation images; the test images are read once for each network, and count for the chosen rate alone.
"""

import argparse
import itertools
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from tqdm import tqdm

from utils import metrics, runs, transfer
from utils.torch_training import count_parameters, make_repeatable, predict

SEEDS = (0, 1, 2)
PRETRAINING_SCENES = 6000
MAIN, LABELS = "negatives", (50, 100, 200, 400)
RATES = {
    "probe": (3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "lora": (1e-3, 3e-3, 1e-2),
    "full": (3e-4, 1e-3, 3e-3),
    "scratch": (1e-3, 3e-3, 1e-2),
}
FARTHER_RATES = RATES | {"lora": (3e-3, 1e-2, 3e-2), "full": (1e-3, 3e-3, 1e-2, 3e-2)}
"""For tasks other than shapes: what is to change more wants larger steps."""
RANKS, RANK_LABELS = (1, 2, 8), 200
"""Beside rank 4, which is measured anyway."""
OTHERS, OTHERS_LABELS = tuple(task for task in transfer.TASKS if task != MAIN), 100
CUTS = (0, 1, 2, 4, 8, 16, None)


def accuracy(model, examples) -> float:
    images, labels = examples
    return float(metrics.accuracy(labels.numpy(), predict(model, images).argmax(axis=1)))


def rates_for(task: str) -> dict[str, tuple[float, ...]]:
    return RATES if task in ("negatives", "new shapes") else FARTHER_RATES


def parts_of(task: str, seed: int, count: int) -> dict:
    """Return `count` training images, and all validation and test images, of a task."""
    counts = {"train": count, "validation": None, "test": None}
    return {
        split: transfer.tensors(transfer.load_task(task, split, count, seed))
        for split, count in counts.items()
    }


def one_run(way, rate, pretrained, parts, count, seed, **options):
    """Train one network; return it, and its accuracies and seconds."""
    torch.manual_seed(seed)
    classes = int(parts["test"][1].max()) + 1
    model = transfer.prepare(way, pretrained, classes, **options)
    examples = tuple(tensor[:count] for tensor in parts["train"])
    start = time.process_time()
    transfer.fine_tune(model, examples, rate, torch.Generator().manual_seed(seed))
    run = {"seed": seed, "seconds": round(time.process_time() - start, 2)}
    return model, run | {split: accuracy(model, parts[split]) for split in ("validation", "test")}


def one_seed(seed: int, advance) -> dict:
    """Return all that is measured with one seed: lists of one run each, and the models' common start."""
    make_repeatable(seed)
    scenes = transfer.shape_scenes(PRETRAINING_SCENES, np.random.default_rng([seed, 30]))
    shapes = transfer.tensors(transfer.shape_scenes(1000, np.random.default_rng([seed, 31])))
    start = time.process_time()
    pretrained = transfer.pretrain(scenes, seed)
    pretraining = {"seed": seed, "seconds": round(time.process_time() - start, 1)}
    found = {"pretraining": [pretraining | {"test": accuracy(pretrained, shapes)}]}
    advance()
    parts = parts_of(MAIN, seed, max(LABELS))
    for way, count in itertools.product(RATES, LABELS):
        for rate in RATES[way]:
            model, run = one_run(way, rate, pretrained, parts, count, seed)
            if way in ("lora", "full") and count == max(LABELS):
                run |= look_inside(way, model, pretrained, parts["validation"], shapes)
            keep(found, ("labels", count, way, rate), run)
            advance()
    for rank, rate in itertools.product(RANKS, RATES["lora"]):
        _, run = one_run("lora", rate, pretrained, parts, RANK_LABELS, seed, rank=rank)
        keep(found, ("ranks", rank, rate), run)
        advance()
    for rate in RATES["lora"]:
        _, run = one_run("lora", rate, pretrained, parts, max(LABELS), seed, stem=True)
        keep(found, ("with_stem", rate), run)
        advance()
    for task in OTHERS:
        parts = parts_of(task, seed, OTHERS_LABELS)
        for way, rates in rates_for(task).items():
            for rate in rates:
                _, run = one_run(way, rate, pretrained, parts, None, seed)
                keep(found, ("tasks", task, way, rate), run)
                advance()
    return found


def timed(seed: int, steps: int) -> dict:
    """Return what `one_seed` does, and its seconds, behind a bar."""
    start = time.process_time()
    with tqdm(total=steps, desc=f"seed {seed}") as bar:
        found = one_seed(seed, bar.update)
    return found | {"seconds": [time.process_time() - start]}


def look_inside(way, model, pretrained, validation, shapes) -> dict:
    """Return what a network still knows of the first task, and how it does if its changes are cut down to low ranks."""
    seen = {}
    if way == "full":  # with LoRA, the rank is low anyway
        moved = transfer.changes(pretrained, model)
        cut = [transfer.with_changes_of_rank(pretrained, model, rank) for rank in CUTS]
        seen["share_of_rank"] = [round(transfer.share_of_rank(moved, rank), 4) for rank in CUTS]
        seen["cut_validation"] = [accuracy(each, validation) for each in cut]
    new_head, model.head = model.head, pretrained.head
    seen["first_task"] = accuracy(model, shapes)
    model.head = new_head
    return seen


def keep(tree: dict, path: tuple, run: dict) -> None:
    """Put a run in its place in a tree of dicts, in a list of its own."""
    for key in path[:-1]:
        tree = tree.setdefault(str(key), {})
    tree[str(path[-1])] = [run]


def joined(trees: list[dict]) -> dict:
    """Join trees of lists, one of each seed, leaf by leaf."""
    if isinstance(trees[0], list):
        return [run for tree in trees for run in tree]
    return {key: joined([tree[key] for tree in trees]) for key in trees[0]}


def sizes() -> dict:
    """Return what each way trains, for a task of four classes."""
    pretrained = transfer.prepare("scratch", None, len(transfer.FIRST_SHAPES))
    models = {way: transfer.prepare(way, pretrained, 4) for way in transfer.WAYS}
    return {
        way: {"trained": count_parameters(model), "bytes": transfer.training_bytes(model)}
        for way, model in models.items()
    }


def record(seeds: tuple[int, ...]) -> None:
    count = {task: sum(map(len, rates_for(task).values())) for task in transfer.TASKS}
    steps = 1 + len(LABELS) * count[MAIN] + (len(RANKS) + 1) * len(RATES["lora"])
    steps += sum(count[task] for task in OTHERS)
    found = []
    for seed in seeds:
        found.append(runs.remembered("transfer", f"seed {seed}", lambda seed=seed: timed(seed, steps)))
    if set(seeds) != set(SEEDS):
        return
    results = joined(found)
    result = {
        "command": "python scripts/record_transfer.py",
        "what": "a Vision Transformer pretrained on shapes, moved to other scenes, digits and photographs in four ways",
        "seeds": SEEDS,
        "settings": {
            "network": transfer.NETWORK,
            "pretraining": transfer.PRETRAINING.as_dict() | {"scenes": PRETRAINING_SCENES},
            "steps": transfer.STEPS,
            "batch_size": transfer.BATCH_SIZE,
            "rank": transfer.RANK,
            "alpha": transfer.ALPHA,
            "main": MAIN,
            "rank_labels": RANK_LABELS,
            "tasks_labels": OTHERS_LABELS,
            "cuts": CUTS,
        },
        "sizes": sizes(),
        "seconds": round(sum(results.pop("seconds")), 1),
        "results": results,
    }
    runs.save_result("transfer", result | runs.provenance(("numpy", "scikit-learn", "scikit-image", "torch")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, choices=SEEDS, help="record this seed alone")
    chosen = parser.parse_args().seed
    record(SEEDS if chosen is None else (chosen,))
