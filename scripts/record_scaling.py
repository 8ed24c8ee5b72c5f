"""Record how the loss falls with parameters, data and compute: 10 sizes, 6 amounts of data, five seeds.

    python scripts/record_scaling.py [--jobs 2] [--scheduler tcp://HOST:8786]

Writes results/scaling.json, after about an hour on two cores. First each width chooses its learning rate with a seed of
its own. Each training is written down as soon as it is done, so that the sweep outlives a kill; with an address, the
workers of a Dask scheduler compute. All losses are of validation scenes, drawn anew for each seed.
"""

import argparse
import shlex
import sys

import numpy as np

from utils import runs
from utils.scaling_study import (
    BATCH_SIZE,
    IMAGE_SIZE,
    NUM_CLASSES,
    VALIDATION_SCENES,
    WRONG_SHARE,
    build_network,
    measure,
    multiply_adds,
)
from utils.sweeps import sweep
from utils.torch_training import count_parameters, make_repeatable

SEEDS = (0, 1, 2, 3, 4)
WIDTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
COUNTS = (4000, 8000, 16_000, 32_000, 64_000, 128_000)
RATES = (0.005, 0.01, 0.02, 0.04)
RATE_COUNTS, RATE_SEED = (8000, 32_000), 100
"""The rate of a width has the smallest mean logarithm of the loss over these amounts of data."""
REPEATED_WIDTH, SHOWN = 16, 32_000
PASSES = (1, 2, 4, 8, 16, 32)


def trained(**cell) -> dict:
    """Measure one cell in whatever process this is: one thread, deterministic operations."""
    make_repeatable(0)
    return measure(**cell)


def sweep_all(cells: list[dict], arguments: argparse.Namespace) -> list[dict]:
    """Measure the cells, those of one seed together and the dearest first; return the results in the given order."""
    order = sorted(
        range(len(cells)),
        key=lambda i: (cells[i]["seed"], -multiply_adds(cells[i]["width"]) * cells[i]["count"]),
    )
    found = sweep(
        "scaling",
        trained,
        [cells[i] for i in order],
        jobs=arguments.jobs,
        scheduler=arguments.scheduler,
        report=lambda key, result: print(f"{key}: {result['loss']:.3f}, {result['seconds']} s", flush=True),
    )
    results = dict(zip(order, found, strict=True))
    return [results[i] for i in range(len(cells))]


def choose_rates(arguments: argparse.Namespace) -> tuple[dict[int, float], list[dict]]:
    """Return the best rate of each width, and all that was tried."""
    cells = [
        {"width": width, "count": count, "seed": RATE_SEED, "learning_rate": rate}
        for width in WIDTHS
        for rate in RATES
        for count in RATE_COUNTS
    ]
    found = sweep_all(cells, arguments)
    logs = np.log([result["loss"] for result in found]).reshape(len(WIDTHS), len(RATES), len(RATE_COUNTS))
    best = logs.mean(axis=2).argmin(axis=1)
    tried = [cell | result for cell, result in zip(cells, found, strict=True)]
    return {width: RATES[i] for width, i in zip(WIDTHS, best, strict=True)}, tried


def column(found: list[dict], key: str, *shape: int) -> list:
    """Return one number of each result, as nested lists of this shape."""
    return np.array([result[key] for result in found]).reshape(shape).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes on this machine (default: 1)")
    parser.add_argument("--scheduler", help="address of a Dask scheduler whose workers compute instead")
    arguments = parser.parse_args()

    rates, tried = choose_rates(arguments)
    print("learning rates:", rates, flush=True)
    grid = [
        {"width": width, "count": count, "seed": seed, "learning_rate": rates[width]}
        for width in WIDTHS
        for count in COUNTS
        for seed in SEEDS
    ]
    again = [
        {
            "width": REPEATED_WIDTH,
            "count": SHOWN // passes,
            "seed": seed,
            "learning_rate": rates[REPEATED_WIDTH],
            "passes": passes,
        }
        for passes in PASSES
        for seed in SEEDS
    ]
    found, repeated = sweep_all(grid, arguments), sweep_all(again, arguments)
    shape = len(WIDTHS), len(COUNTS), len(SEEDS)
    repeated = [repeated[i : i + len(SEEDS)] for i in range(0, len(repeated), len(SEEDS))]
    seconds = sum(result["seconds"] for part in (tried, found, *repeated) for result in part)
    result = {
        "command": shlex.join(["python", "scripts/record_scaling.py", *sys.argv[1:]]),
        "what": "validation loss of networks of several widths after one pass over several numbers of scenes",
        "seeds": list(SEEDS),
        "image_size": IMAGE_SIZE,
        "num_classes": NUM_CLASSES,
        "wrong_share": WRONG_SHARE,
        "batch_size": BATCH_SIZE,
        "validation_scenes": VALIDATION_SCENES,
        "widths": list(WIDTHS),
        "parameters": [count_parameters(build_network(width)) for width in WIDTHS],
        "multiply_adds": [multiply_adds(width) for width in WIDTHS],
        "counts": list(COUNTS),
        "tried_rates": list(RATES),
        "tried": tried,
        "learning_rates": rates,
        "losses": column(found, "loss", *shape),
        "accuracies": column(found, "accuracy", *shape),
        "train_losses": column(found, "train_loss", *shape),
        "repeated_width": REPEATED_WIDTH,
        "repeated": [
            {
                "count": SHOWN // passes,
                "passes": passes,
                "losses": column(part, "loss", len(SEEDS)),
                "accuracies": column(part, "accuracy", len(SEEDS)),
                "train_losses": column(part, "train_loss", len(SEEDS)),
            }
            for passes, part in zip(PASSES, repeated, strict=True)
        ],
        "processor_seconds": round(seconds),
    }
    path = runs.save_result("scaling", result | runs.provenance(("numpy", "torch", "joblib", "distributed")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
