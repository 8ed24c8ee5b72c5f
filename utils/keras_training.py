"""Plumbing for training in Keras: repeatable runs, and progress through a callable."""

from collections.abc import Callable

import keras
import tensorflow as tf


def make_repeatable(seed: int) -> None:
    """Fix what changes the numbers of a run: all seeds, one thread, deterministic operations.

    Call it once, before the first operation of the process: TensorFlow cannot change its threads later.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


class ReportEpochs(keras.callbacks.Callback):
    """Call `report(epoch, logs)` after every epoch: `epoch` counts from 1, `logs` holds the losses and metrics."""

    def __init__(self, report: Callable[[int, dict[str, float]], None]):
        super().__init__()
        self.report = report

    def on_epoch_end(self, epoch, logs=None):
        self.report(epoch + 1, dict(logs))
