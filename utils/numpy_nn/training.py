"""Training and answering with networks in NumPy: batches, one loop. Built in `3_algorithms/cnn_backward`."""

from collections.abc import Callable

import numpy as np

from utils.checks import check_whole
from utils.numpy_nn.layer import Layer
from utils.numpy_nn.losses import cross_entropy
from utils.numpy_nn.optimisers import SGD


def train(
    network: Layer,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    optimiser: SGD,
    epochs: int,
    rng: np.random.Generator,
    batch_size: int = 64,
    schedule: Callable[[int], float] | None = None,
    report: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train a classifier in place: forward, loss, backward, a step, batch after batch.

    Parameters
    ----------
    network : Layer
        Images to logits (B, Y).
    images, labels : arrays with the same first axis
        What the network takes, and classes (B,).
    optimiser : SGD, Momentum or AdamW
        Made with `network.named_parameters()`.
    epochs, batch_size : int
        Passes through all rows, and rows at a time; the last batch of a pass may be smaller.
    rng : Generator
        Draws the order of the rows.
    schedule : callable, optional
        `schedule(step)` gives the learning rate of a step, the first is 1.
    report : callable, optional
        `report(epoch, mean_loss)` after each pass, `epoch` from 1.

    Returns
    -------
    list of float
        The mean loss of each pass, in nats, over the batches as they were before their step.
    """
    if len(images) != len(labels) or not len(images):
        raise ValueError(f"need one label an image and at least one, got {len(images)} and {len(labels)}")
    check_whole("epochs", epochs, 1)
    check_whole("batch_size", batch_size, 1)
    losses, step = [], 0
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for start in range(0, len(images), batch_size):
            rows, step = order[start : start + batch_size], step + 1
            loss, dz = cross_entropy(network.forward(images[rows]), labels[rows])
            network.backward(dz)
            if schedule is not None:
                optimiser.learning_rate = schedule(step)
            optimiser.step(network.named_gradients())
            total += loss * len(rows)
        losses.append(total / len(images))
        if report is not None:
            report(epoch + 1, losses[-1])
    return losses


def predict(network: Layer, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Return the logits of all images, (B, Y), batch after batch."""
    check_whole("batch_size", batch_size, 1)
    starts = range(0, len(images), batch_size)
    return np.concatenate([network.forward(images[start : start + batch_size]) for start in starts])
