"""Record the first CNN on the whole of CIFAR-10: ten epochs, three seeds, and every test answer of every epoch.

    COURSE_DATA_DIR=... python scripts/record_cnn_on_cifar10.py

Writes results/cnn_on_cifar10.json. 45,000 images train, 5,000 validate, 10,000 test; the validation images and the
first weights change with the seed. The test set is looked at after every epoch *on purpose*: the chapter measures
what somebody gains who picks the epoch on it.
"""

import base64
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from utils import data, runs
from utils.data.cifar10 import DIGESTS
from utils.data.transforms import unit_range
from utils.keras_models import build_cnn
from utils.keras_training import make_repeatable
from utils.metrics import confusion_matrix

SEEDS = (0, 1, 2)
EPOCHS = 10
BATCH_SIZE = 32


def packed(bits: np.ndarray) -> str:
    """Pack booleans of shape (B,) into base64 text, eight to a byte."""
    return base64.b64encode(np.packbits(bits)).decode("ascii")


def one_seed(seed: int) -> dict:
    train, validation, test = (
        data.load("cifar10", split, seed=seed) for split in ("train", "validation", "test")
    )
    data.assert_disjoint(train=train, validation=validation, test=test)
    x_train, x_validation, x_test = (unit_range(d.images) for d in (train, validation, test))
    keras.utils.set_random_seed(seed)
    model = build_cnn()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    epochs, answers, wall_seconds, processor_seconds = [], [], 0.0, 0.0
    for epoch in range(EPOCHS):
        wall, processor = time.perf_counter(), time.process_time()
        history = model.fit(x_train, train.labels, batch_size=BATCH_SIZE, epochs=1, verbose=0).history
        wall_seconds += time.perf_counter() - wall
        processor_seconds += time.process_time() - processor
        loss, accuracy = model.evaluate(x_validation, validation.labels, batch_size=500, verbose=0)
        answers.append(model.predict(x_test, batch_size=500, verbose=0).argmax(axis=1))
        epochs.append(
            {
                "train_loss": round(history["loss"][0], 5),
                "train_accuracy": round(history["accuracy"][0], 5),
                "validation_loss": round(loss, 5),
                "validation_accuracy": round(accuracy, 5),
                "test_accuracy": float(np.mean(answers[-1] == test.labels)),
                "test_correct": packed(answers[-1] == test.labels),
            }
        )
        print(
            f"seed {seed}, epoch {epoch + 1}: {epochs[-1]['validation_accuracy']:.4f} on validation, {wall_seconds:.0f} s",
            flush=True,
        )
    chosen = int(np.argmax([e["validation_accuracy"] for e in epochs]))
    return {
        "seed": seed,
        "training_seconds": round(wall_seconds, 1),
        "training_processor_seconds": round(processor_seconds, 1),
        "chosen_epoch": chosen + 1,
        "test_accuracy": epochs[chosen]["test_accuracy"],
        "confusion": confusion_matrix(test.labels, answers[chosen], 10).tolist(),
        "epochs": epochs,
    }


def main() -> None:
    make_repeatable(0)
    by_seed = [one_seed(seed) for seed in SEEDS]
    path = runs.save_result(
        "cnn_on_cifar10",
        {
            "command": "python scripts/record_cnn_on_cifar10.py",
            "what": "the CNN of 122,570 parameters, Adam, batch 32, one thread; 45,000 / 5,000 / 10,000 images",
            "seeds": list(SEEDS),
            "data_digest": DIGESTS,
            "class_names": list(data.load("cifar10", "test", count=10).class_names),
            "test_accuracy": runs.mean_and_spread([run["test_accuracy"] for run in by_seed]),
            "training_seconds": runs.mean_and_spread([run["training_seconds"] for run in by_seed]),
            "training_processor_seconds": runs.mean_and_spread(
                [run["training_processor_seconds"] for run in by_seed]
            ),
            "runs": by_seed,
        }
        | runs.provenance(("numpy", "keras", "tensorflow", "tensorflow-cpu")),
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
