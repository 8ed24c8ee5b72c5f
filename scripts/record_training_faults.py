"""Record what each fault of a training pipeline costs, and which check notices it: digits, ten seeds, about five minutes.

    python scripts/record_training_faults.py

Writes results/training_faults.json. All figures are of the validation images; the test images are not read.
"""

import numpy as np
import torch

from utils import data, diagnosis, runs
from utils.torch_training import make_repeatable, to_tensor
from utils.training_faults import FAULTS, Pipeline

SEEDS = tuple(range(10))
EPOCHS = 5


def one_run(kind: type[Pipeline], seed: int) -> dict:
    """Check a fresh pipeline, train it, and test it on validation images in a mixed and in a sorted order."""
    train, validation = (data.load("digits", split, seed=seed) for split in ("train", "validation"))
    pipeline = kind(to_tensor(train.images), torch.from_numpy(train.labels), len(train.class_names), seed)
    checks = {
        "loss_at_start": diagnosis.loss_at_start(pipeline),
        "loss_of_one_batch": diagnosis.overfit_one_batch(pipeline)[-1],
        "largest_step": max(diagnosis.step_sizes(pipeline).values()),
    }
    losses = pipeline.train(EPOCHS)
    images, labels = to_tensor(validation.images), torch.from_numpy(validation.labels)
    by_class = labels.argsort(stable=True)
    return {
        "seed": seed,
        **{name: round(value, 5) for name, value in checks.items()},
        "losses": [round(loss, 5) for loss in losses],
        "accuracy": pipeline.accuracy(images, labels),
        "accuracy_sorted": pipeline.accuracy(images[by_class], labels[by_class]),
        "accuracy_on_training_images": diagnosis.training_images_in_the_test(pipeline),
        "same_alone": diagnosis.same_answers_alone_and_together(pipeline),
    }


def main() -> None:
    make_repeatable(0)
    table = {}
    for kind in (Pipeline, *FAULTS):
        table[kind.__name__] = [one_run(kind, seed) for seed in SEEDS]
        print(kind.__name__, np.mean([run["accuracy"] for run in table[kind.__name__]]).round(4), flush=True)
    result = {
        "command": "python scripts/record_training_faults.py",
        "what": f"one small CNN on digits, {EPOCHS} epochs, with one fault at a time: checks before, accuracy after",
        "seeds": list(SEEDS),
        "accuracy": {
            name: runs.mean_and_spread([r["accuracy"] for r in found]) for name, found in table.items()
        },
        "runs": table,
    }
    path = runs.save_result("training_faults", result | runs.provenance(("numpy", "torch", "scikit-learn")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
