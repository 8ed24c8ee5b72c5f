"""Record two recipes against the first CNN, alternately on the same two cores: sooner as good, and better in its time.

    COURSE_DATA_DIR=... python scripts/record_sooner_and_higher.py

Writes results/sooner_and_higher.json; each training outlives a kill. For each of three seeds, one after the other and each
in a process of its own: the first CNN in Keras, as the article trains it (10 epochs of all 50,000 images, Adam, batches of
32); `cnn_sooner` for three lengths, which stop about where the first CNN ends; `cnn_higher`, which takes about as long.
Times are wall times of two threads from the arrays to the trained model, without loading and testing; run nothing else
beside it. All recipes were chosen on validation images before; the test images are read once, at the end of each.
"""

import functools
import json
import os
import subprocess
import sys
import time

import numpy as np

from utils import runs
from utils.data.cifar10 import DIGESTS, load_cifar10

SEEDS = (0, 1, 2)
EPOCHS = 10
THREADS = 2
NAME = "sooner_and_higher"
LENGTHS = (0.35, 0.45, 0.55)
"""Epochs of `cnn_sooner`: the first CNN's accuracy on validation images lies between the first and the last."""
RUNNERS = ("first_cnn", *(f"cnn_sooner {length}" for length in LENGTHS), "cnn_higher")


def first_cnn(seed: int) -> dict:
    """Train the first CNN in Keras."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    from utils.data.transforms import unit_range
    from utils.keras_models import build_cnn

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    train, test = load_cifar10("train"), load_cifar10("test")
    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    model = build_cnn()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(unit_range(train.images), train.labels, batch_size=32, epochs=EPOCHS, verbose=0)
    seconds = time.perf_counter() - started
    answers = model.predict(unit_range(test.images), batch_size=500, verbose=0).argmax(axis=1)
    return {"seconds": seconds, "test_accuracy": {"one": float(np.mean(answers == test.labels))}}


def recipe(name: str, seed: int) -> dict:
    """Train one of the course's recipes in PyTorch, "cnn_sooner 0.35" for 0.35 epochs."""
    import torch

    from utils.long_training import accuracy_by_views, train_recipe
    from utils.recipes import RECIPES

    torch.set_num_threads(THREADS)
    train, test = load_cifar10("train"), load_cifar10("test")
    model_name, _, length = name.partition(" ")
    chosen = RECIPES[model_name]
    chosen = chosen.changed(epochs=float(length)) if length else chosen
    started = time.perf_counter()
    model, _ = train_recipe(chosen, train, seed=seed)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "test_accuracy": accuracy_by_views(model, test)}


def median_and_range(values: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(values)), "low": float(values.min()), "high": float(values.max())}


def in_a_process(name: str, seed: int) -> dict:
    command = [sys.executable, __file__, name, str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) | {"seed": seed}


def main() -> None:
    if len(sys.argv) > 1:
        name, seed = sys.argv[1], int(sys.argv[2])
        print(json.dumps(first_cnn(seed) if name == "first_cnn" else recipe(name, seed)))
        return
    found: dict[str, list[dict]] = {name: [] for name in RUNNERS}
    for seed in SEEDS:
        for name in RUNNERS:
            make = functools.partial(in_a_process, name, seed)
            found[name].append(runs.remembered(NAME, f"{name}, seed {seed}", make))
            print(name, found[name][-1], flush=True)
    times = {name: np.array([run["seconds"] for run in found[name]]) for name in RUNNERS}
    first = times["first_cnn"]
    result = {
        "command": "python scripts/record_sooner_and_higher.py",
        "what": "the first CNN in Keras and two recipes in PyTorch, alternately, wall seconds of two threads",
        "seeds": list(SEEDS),
        "data_digest": DIGESTS,
        "times_sooner": {
            name: median_and_range(first / times[name]) for name in RUNNERS if name.startswith("cnn_sooner")
        },
        "share_of_time": median_and_range(times["cnn_higher"] / first),
        "test_accuracy": {
            name: {
                views: runs.mean_and_spread([run["test_accuracy"][views] for run in found[name]])
                for views in found[name][0]["test_accuracy"]
            }
            for name in RUNNERS
        },
        "seconds": {name: runs.mean_and_spread(times[name]) for name in RUNNERS},
        "runs": found,
    }
    packages = ("numpy", "keras", "tensorflow", "tensorflow-cpu", "torch")
    path = runs.save_result(NAME, result | runs.provenance(packages))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
