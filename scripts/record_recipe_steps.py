"""Record what each part of a training recipe is worth: one change at a time, four epochs of CIFAR-10, three seeds.

    COURSE_DATA_DIR=... python scripts/record_recipe_steps.py [SEED ...]

Writes results/recipe_steps.json when all three seeds are there; each training outlives a kill. 45,000 images train, and
every figure is measured on the 5,000 validation images: the test images are not read. Seeds may be given one at a time,
to share the work between processors.
"""

import sys
import time

from utils import data, runs
from utils.data.cifar10 import DIGESTS
from utils.long_training import accuracy_by_views, train_recipe
from utils.recipes import RECIPES, Recipe
from utils.torch_training import count_parameters, make_repeatable

NAME = "recipe_steps"
SEEDS = (0, 1, 2)
EPOCHS = 4
RATES = {"sgd": (0.1, 0.2, 0.4, 0.8, 1.6), "muon": (0.12, 0.24, 0.48)}
"""The learning rates that are tried for each optimiser, one epoch each, with a seed of their own."""
CHOOSING_SEED = 100


def steps(sgd_rate: float, muon_rate: float) -> dict[str, Recipe]:
    """Return the recipes from the first CNN's to the fast one's; each differs from the one before by what its name says."""
    first = RECIPES["first_cnn"].changed(epochs=EPOCHS)
    sized = {"kernel_size": 4, "stride": 2, "kernels": 16, "widths": (32, 96), "convolutions": (1, 2)}
    fixed = {"label_smoothing": 0.2, "flip": True, "shift": 2, "schedule": "linear", "standardise": True}
    groups = Recipe(
        model="whitened_cnn",
        options=sized | {"whitened": False},
        epochs=EPOCHS,
        batch_size=250,
        optimiser="sgd",
        learning_rate=sgd_rate,
        **fixed,
    )
    found = {"first CNN, Adam": first}
    for name, change in {
        "standardised input": {"standardise": True},
        "falling learning rate": {"schedule": "linear"},
        "flips and shifts": {"flip": True, "shift": 2},
        "label smoothing": {"label_smoothing": 0.2},
    }.items():
        found[name] = list(found.values())[-1].changed(**change)
    found["batch norm, no hidden layer, SGD"] = groups
    found["whitened first layer"] = groups.changed(options=sized)
    found["Muon"] = groups.changed(options=sized, optimiser="muon", learning_rate=muon_rate)
    return found


def without() -> dict[str, dict[str, object]]:
    """Return what is taken out of the fast recipe, one at a time, to see what it was worth there."""
    return {
        "flips": {"flip": False},
        "shifts": {"shift": 0},
        "label smoothing": {"label_smoothing": 0.0},
        "falling learning rate": {"schedule": "constant"},
    }


def measure(recipe: Recipe, seed: int, epochs: float = EPOCHS) -> dict:
    """Train once; return accuracy on the validation images by view, and the seconds."""
    train, validation = (data.load("cifar10", split, seed=seed) for split in ("train", "validation"))
    processor = time.process_time()
    model, progress = train_recipe(recipe.changed(epochs=epochs), train, seed=seed)
    processor = time.process_time() - processor
    return {
        "seed": seed,
        "validation_accuracy": accuracy_by_views(model, validation),
        "processor_seconds": round(processor, 1),
        "parameters": count_parameters(model),
        "last_loss": progress.epochs[-1]["loss"],
    }


def choose_rate(optimiser: str) -> tuple[float, dict[str, float]]:
    """Return the learning rate that is best after one epoch, on validation images, and what each gave."""
    accuracy = {}
    for rate in RATES[optimiser]:
        name = {"sgd": "batch norm, no hidden layer, SGD", "muon": "Muon"}[optimiser]
        recipe = steps(rate, rate)[name]
        run = runs.remembered(
            NAME, f"{optimiser} {rate}", lambda recipe=recipe: measure(recipe, CHOOSING_SEED, epochs=1)
        )
        accuracy[str(rate)] = run["validation_accuracy"]["one"]
    return max(RATES[optimiser], key=lambda rate: accuracy[str(rate)]), accuracy


def main() -> None:
    make_repeatable(0)
    seeds = [int(argument) for argument in sys.argv[1:]] or list(SEEDS)
    (sgd_rate, sgd_tried), (muon_rate, muon_tried) = choose_rate("sgd"), choose_rate("muon")
    ladder = steps(sgd_rate, muon_rate)
    fewer = {f"without {name}": ladder["Muon"].changed(**change) for name, change in without().items()}
    table: dict[str, list[dict]] = {name: [] for name in ladder | fewer}
    for seed in seeds:
        for name, recipe in (ladder | fewer).items():
            run = runs.remembered(
                NAME, f"{name}, seed {seed}", lambda recipe=recipe, seed=seed: measure(recipe, seed)
            )
            table[name].append(run)
            print(f"seed {seed}, {name}: {run['validation_accuracy']['one']:.4f}", flush=True)
    if set(seeds) != set(SEEDS):
        return
    result = {
        "command": "python scripts/record_recipe_steps.py",
        "what": f"validation accuracy after {EPOCHS} epochs of CIFAR-10, one change after another, one thread",
        "seeds": list(SEEDS),
        "data_digest": DIGESTS,
        "rates_tried": {"sgd": sgd_tried, "muon": muon_tried},
        "ladder": list(ladder),
        "fewer": list(fewer),
        "recipes": {name: recipe.as_dict() for name, recipe in (ladder | fewer).items()},
        "runs": table,
    }
    path = runs.save_result(NAME, result | runs.provenance(("numpy", "torch")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
