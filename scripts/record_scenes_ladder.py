"""Record how the eras of recognition do on the scenes: pixels + k-NN, gradients + linear SVM, a CNN.

    python scripts/record_scenes_ladder.py

Writes results/scenes_ladder.json. The number of neighbours, the strength of the SVM's penalty and the CNN's epoch
are chosen on validation images; each winner then meets the test images once. Three seeds, each with its own images.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import numpy as np
from skimage.feature import hog
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from tqdm import tqdm

from utils import data, runs
from utils.keras_models import build_cnn
from utils.keras_training import make_repeatable

SEEDS = (0, 1, 2)
NEIGHBOURS = (1, 5, 15, 45)
PENALTIES = (1e-7, 1e-6, 1e-5, 1e-4)
EPOCHS = 12


def pixels(images: np.ndarray) -> np.ndarray:
    """Flatten images (B, H, W, C) uint8 to (B, H·W·C) float32 in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def gradients(images: np.ndarray) -> np.ndarray:
    """Describe images (B, 32, 32, 3) by histograms of oriented gradients (B, 1764) (Dalal and Triggs, 2005)."""
    return np.stack(
        [hog(image, pixels_per_cell=(4, 4), cells_per_block=(2, 2), channel_axis=-1) for image in images]
    )


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


def cnn_rung(train, validation, test) -> dict:
    start = time.perf_counter()
    model = build_cnn()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping("val_accuracy", patience=EPOCHS, restore_best_weights=True)
    history = model.fit(
        pixels(train.images).reshape(train.images.shape), train.labels, batch_size=32, epochs=EPOCHS, verbose=0,
        validation_data=(pixels(validation.images).reshape(validation.images.shape), validation.labels),
        callbacks=[best],
    )  # fmt: skip
    accuracy = model.evaluate(pixels(test.images).reshape(test.images.shape), test.labels, verbose=0)[1]
    return {
        "test_accuracy": float(accuracy),
        "choice": int(np.argmax(history.history["val_accuracy"])) + 1,
        "train_accuracy": float(max(history.history["accuracy"])),
        "seconds": round(time.perf_counter() - start, 1),
    }


def one_seed(seed: int) -> dict:
    keras.utils.set_random_seed(seed)
    splits = [data.load("scenes", split, seed=seed) for split in ("train", "validation", "test")]
    neighbours = {k: KNeighborsClassifier(k) for k in NEIGHBOURS}
    machines = {c: make_pipeline(StandardScaler(), LinearSVC(C=c, dual=False)) for c in PENALTIES}
    return {
        "knn": classical_rung(neighbours, pixels, *splits),
        "hog_svm": classical_rung(machines, gradients, *splits),
        "cnn": cnn_rung(*splits),
    }


def main() -> None:
    make_repeatable(0)
    start = time.perf_counter()
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
            "seconds": round(time.perf_counter() - start),
        }
        | runs.provenance(("numpy", "scikit-learn", "scikit-image", "keras", "tensorflow", "tensorflow-cpu")),
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
