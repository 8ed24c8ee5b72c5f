"""Train a recipe, and record what came of it.

    python scripts/train.py --model cnn_higher --data cifar10 --seed 0 1 2 --test --out results/cnn_higher.json

`--model` names a recipe of `utils/recipes.py`. The state is saved after each epoch in `.cache/training/`: the same command,
given again after a kill, goes on with the epoch that was cut off. Choices are made on the validation images; `--test`
reads the test images, once, at the end. Under `torchrun --nproc_per_node=2 scripts/train.py ...` the processes share
each batch. A GPU is used if there is one.
"""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn
from tqdm import tqdm

from utils import data, long_training, runs
from utils.data.cifar10 import DIGESTS
from utils.data.dataset import ImageDataset
from utils.long_training import VIEWS, accuracy_by_views
from utils.recipes import RECIPES, Recipe
from utils.torch_training import count_parameters
from utils.trained import load_trained, save_trained


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # sums on a GPU in a fixed order
    torch.use_deterministic_algorithms(
        True, warn_only=torch.cuda.is_available()
    )  # no max-pooling has one there
    recipe = RECIPES[arguments.model]
    if arguments.epochs is not None:
        recipe = recipe.changed(epochs=arguments.epochs)
    with long_training.processes():
        by_seed = [one_seed(recipe, arguments, seed) for seed in arguments.seed]
        if not distributed.is_initialized() or distributed.get_rank() == 0:
            record(recipe, arguments, by_seed)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", required=True, choices=sorted(RECIPES), help="a recipe of utils/recipes.py"
    )
    parser.add_argument("--data", default="cifar10", choices=("cifar10", "scenes"))
    parser.add_argument("--count", type=int, help="how many training images; all if not given")
    parser.add_argument(
        "--all-images", action="store_true", help="train on the validation images too, once all is chosen"
    )
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=float, help="instead of the recipe's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--test", action="store_true", help="read the test images, once, at the end")
    parser.add_argument("--out", type=Path, help="where to write the result, results/NAME.json")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        help="where to write the weights of the last seed, float16; they are judged as written",
    )
    parser.add_argument("--state", type=Path, default=runs.ROOT / ".cache" / "training")
    arguments = parser.parse_args()
    if arguments.out is not None and arguments.out.resolve().parent != runs.RESULTS:
        parser.error(f"--out must lie in {runs.RESULTS}, got {arguments.out}")
    return arguments


def one_seed(recipe: Recipe, arguments: argparse.Namespace, seed: int) -> dict:
    train = data.load(arguments.data, "train", seed=seed, count=arguments.count)
    validation = data.load(arguments.data, "validation", seed=seed)
    if arguments.all_images:
        train = together(train, validation)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rank = int(os.environ.get("RANK", 0))
    bar = tqdm(desc=f"{arguments.model}, seed {seed}", unit="step", disable=rank > 0, mininterval=2)

    def report(step: int, total: int, loss: float) -> None:
        bar.total = total
        bar.n = step
        bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        bar.update(0)

    def evaluate(model: nn.Module) -> dict[str, float]:
        if arguments.all_images:
            return {}
        accuracy = accuracy_by_views(model, validation, VIEWS[:1])["one"]
        bar.write(f"seed {seed}: {accuracy:.4f} on validation")
        return {"validation_accuracy": accuracy}

    name = f"{arguments.model}-{arguments.data}-{len(train)}-{recipe.epochs:g}-{seed}"
    model, progress = long_training.train_recipe(
        recipe,
        train,
        seed=seed,
        folder=arguments.state / name,
        device=device,
        bfloat16=device == "cuda",
        evaluate=evaluate,
        report=report,
    )
    bar.close()
    if arguments.checkpoint is not None and rank == 0:
        save_trained(arguments.checkpoint, model, recipe)
        model = load_trained(arguments.checkpoint).to(device)  # what is judged is what was written
    started = time.perf_counter()
    result = {
        "seed": seed,
        "parameters": count_parameters(model),
        "training_seconds": round(progress.seconds, 1),
        "processor_seconds": round(progress.processor_seconds, 1),
        "epochs": progress.epochs,
    }
    if not arguments.all_images:
        views = VIEWS if arguments.test else VIEWS[:1]
        result["validation_accuracy"] = accuracy_by_views(model, validation, views)
    if arguments.test:
        result["test_accuracy"] = accuracy_by_views(
            model, data.load(arguments.data, "test", seed=seed), VIEWS
        )
    result["evaluation_seconds"] = round(time.perf_counter() - started, 1)
    return result


def together(*datasets: ImageDataset) -> ImageDataset:
    """Return all images of several data sets as one."""
    return ImageDataset(
        np.concatenate([d.images for d in datasets]),
        np.concatenate([d.labels for d in datasets]),
        datasets[0].class_names,
    )


def record(recipe: Recipe, arguments: argparse.Namespace, by_seed: list[dict]) -> None:
    for run in by_seed:
        print({key: value for key, value in run.items() if key != "epochs"})
    if arguments.out is None:
        return
    result = {
        "command": "python scripts/" + shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "what": f"the recipe {arguments.model} on {arguments.data}"
        + (", one seed" if len(arguments.seed) == 1 else ""),
        "seeds": arguments.seed,
        "recipe": recipe.as_dict(),
        "threads": arguments.threads,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processes": int(os.environ.get("WORLD_SIZE", 1)),
        "runs": by_seed,
    }
    if arguments.data == "cifar10":
        result["data_digest"] = DIGESTS
    if len(by_seed) > 1:
        for name in {"validation_accuracy", "test_accuracy"} & set(by_seed[0]):
            views = by_seed[0][name]
            result[name] = {v: runs.mean_and_spread([run[name][v] for run in by_seed]) for v in views}
        result["training_seconds"] = runs.mean_and_spread([run["training_seconds"] for run in by_seed])
    path = runs.save_result(arguments.out.stem, result | runs.provenance(("numpy", "torch", "safetensors")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
