"""Repeatable runs, each tried in a process of its own: TensorFlow fixes its threads once."""

import json
import subprocess
import sys

import numpy as np

from utils.keras_training import ReportEpochs

PROGRAM = """
import json, sys
import numpy as np
from utils.keras_models import build_cnn
from utils.keras_training import ReportEpochs, make_repeatable
import tensorflow as tf

make_repeatable(int(sys.argv[1]))
seen = []
model = build_cnn()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
x = np.random.default_rng(0).random((64, 32, 32, 3), np.float32)
y = np.arange(64) % 10
model.fit(x, y, epochs=2, verbose=0, callbacks=[ReportEpochs(lambda epoch, logs: seen.append([epoch, sorted(logs)]))])
total = float(sum(np.abs(w).sum(dtype=np.float64) for w in model.get_weights()))
print(json.dumps({"total": total, "seen": seen, "threads": tf.config.threading.get_intra_op_parallelism_threads()}))
"""


def run(seed):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)], capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout.splitlines()[-1])


def test_one_seed_one_network_on_one_thread_and_every_epoch_is_reported():
    first, again, other = run(3), run(3), run(4)
    assert first == again
    assert first["total"] != other["total"]
    assert first["threads"] == 1
    assert first["seen"] == [[1, ["accuracy", "loss"]], [2, ["accuracy", "loss"]]]


def test_the_report_gets_a_copy():
    logs = {"loss": 1.0}
    ReportEpochs(lambda epoch, given: given.clear()).on_epoch_end(0, logs)
    assert logs == {"loss": 1.0} and np.isfinite(logs["loss"])
