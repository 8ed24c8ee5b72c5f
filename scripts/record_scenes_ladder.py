"""Record how the eras of recognition do on the scenes: pixels + k-NN, gradients + linear SVM, a CNN.

    python scripts/record_scenes_ladder.py

Writes results/scenes_ladder.json. The number of neighbours, the strength of the SVM's penalty and the CNN's epoch
are chosen on validation images; each winner then meets the test images once. Three seeds, each with its own images.

The search that led to the default difficulty is recorded, too: objects are turned and moved more and more, and the three
methods are compared on validation images only.
"""

import dataclasses
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from tqdm import tqdm

from utils import data, runs
from utils.data.transforms import unit_range
from utils.features import oriented_gradients, pixels
from utils.keras_models import build_cnn
from utils.keras_training import make_repeatable

SEEDS = (0, 1, 2)
NEIGHBOURS = (1, 5, 15, 45)
PENALTIES = (1e-7, 1e-6, 1e-5, 1e-4)
EPOCHS = 12
DIFFICULTIES = ((0.0, 0.0), (20.0, 0.3), (45.0, 0.6), (90.0, 0.8), (180.0, 1.0))
"""Rotation in degrees to either side, and shift; the third became the default of the course."""


def best_on_validation(models: dict, train, validation, features) -> tuple[object, object]:
    """Fit each of `models` (choice to classifier) and return the choice and model with the best validation accuracy."""
    x_train, x_validation = features(train.images), features(validation.images)
    fitted = {choice: model.fit(x_train, train.labels) for choice, model in models.items()}
    choice = max(fitted, key=lambda c: fitted[c].score(x_validation, validation.labels))
    return choice, fitted[choice]


def classical_rung(models: dict, features, train, validation, test) -> dict:
    start = time.perf_counter()
    choice, model = best_on_validation(models, train, validation, features)
    accuracy = float(model.score(features(test.images), test.labels))
    return {"test_accuracy": accuracy, "choice": choice, "seconds": round(time.perf_counter() - start, 1)}


def trained_cnn(train, validation) -> tuple[keras.Model, keras.callbacks.History]:
    """Train the network and go back to the epoch with the best validation accuracy."""
    model = build_cnn()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping("val_accuracy", patience=EPOCHS, restore_best_weights=True)
    history = model.fit(
        unit_range(train.images), train.labels, batch_size=32, epochs=EPOCHS, verbose=0, callbacks=[best],
        validation_data=(unit_range(validation.images), validation.labels),
    )  # fmt: skip
    return model, history.history


def cnn_rung(train, validation, test) -> dict:
    start = time.perf_counter()
    model, history = trained_cnn(train, validation)
    return {
        "test_accuracy": round(model.evaluate(unit_range(test.images), test.labels, verbose=0)[1], 5),
        "choice": int(np.argmax(history["val_accuracy"])) + 1,
        "train_accuracy": round(max(history["accuracy"]), 5),
        "seconds": round(time.perf_counter() - start, 1),
    }


def one_difficulty(rotation: float, shift: float) -> dict:
    """Return the best validation accuracy of each method on scenes of one difficulty, all other knobs as they are."""
    keras.utils.set_random_seed(0)
    settings = dataclasses.replace(data.SceneSettings(), rotation=rotation, shift=shift)
    train, validation = (
        data.make_scenes(count, np.random.default_rng([0, i]), settings=settings)
        for i, count in enumerate((6000, 1000))
    )
    found = {"rotation": rotation, "shift": shift}
    for name, (models, features) in classical_methods().items():
        _, model = best_on_validation(models, train, validation, features)
        found[name] = round(float(model.score(features(validation.images), validation.labels)), 4)
    return found | {"cnn": round(max(trained_cnn(train, validation)[1]["val_accuracy"]), 4)}


def classical_methods() -> dict:
    """Return for each method its candidates by the choice, and the features that it looks at."""
    return {
        "knn": ({k: KNeighborsClassifier(k) for k in NEIGHBOURS}, pixels),
        "hog_svm": (
            {c: make_pipeline(StandardScaler(), LinearSVC(C=c, dual=False)) for c in PENALTIES},
            oriented_gradients,
        ),
    }


def one_seed(seed: int) -> dict:
    keras.utils.set_random_seed(seed)
    splits = [data.load("scenes", split, seed=seed) for split in ("train", "validation", "test")]
    rungs = {name: classical_rung(*method, *splits) for name, method in classical_methods().items()}
    return rungs | {"cnn": cnn_rung(*splits)}


def main() -> None:
    make_repeatable(0)
    start = time.perf_counter()
    search = [one_difficulty(*difficulty) for difficulty in tqdm(DIFFICULTIES, desc="difficulties")]
    by_seed = [one_seed(seed) for seed in tqdm(SEEDS, desc="seeds")]
    rungs = {
        rung: runs.mean_and_spread([r[rung]["test_accuracy"] for r in by_seed])
        | {"seeds": [r[rung] for r in by_seed]}
        for rung in by_seed[0]
    }
    path = runs.save_result(
        "scenes_ladder",
        {
            "command": "python scripts/record_scenes_ladder.py",
            "what": "test accuracy on 2,000 scenes after 6,000 training scenes; choices made on 1,000 validation scenes",
            "seeds": list(SEEDS),
            "rungs": rungs,
            "search_on_validation": search,
            "seconds": round(time.perf_counter() - start),
        }
        | runs.provenance(("numpy", "scikit-learn", "scikit-image", "keras", "tensorflow", "tensorflow-cpu")),
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
