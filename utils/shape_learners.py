"""What learns to name the six shapes of `utils.shape_rules`: a tree on measures, the course's network on pixels."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from utils.shape_rules import NAMES
from utils.torch_models import build_cnn
from utils.torch_training import first_weights, predict, to_tensor, train

BATCH_SIZE = 32


def grow_tree(measures: np.ndarray, labels: np.ndarray) -> DecisionTreeClassifier:
    """Grow a decision tree of at most 12 leaves on measures (B, 3) and labels (B,)."""
    return DecisionTreeClassifier(max_leaf_nodes=12, random_state=0).fit(measures, labels)


def train_shape_cnn(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int = 500,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> nn.Module:
    """Train the course's first CNN on uint8 images (B, 32, 32, 3) with labels (B,), for about `steps` batches of 32.

    The number of steps, not of passes, is fixed, so that few pictures are not punished by a short training as well.
    """
    with first_weights(seed):
        model = build_cnn(num_classes=len(NAMES))
    train(
        model,
        (to_tensor(images), torch.from_numpy(labels)),
        epochs=max(1, round(steps / -(-len(images) // BATCH_SIZE))),
        learning_rate=0.002,
        generator=torch.Generator().manual_seed(seed),
        batch_size=BATCH_SIZE,
        report=report,
    )
    return model


def answers_by_cnn(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the positions in `NAMES` that a network gives to uint8 images (B, 32, 32, 3): int64 (B,)."""
    return predict(model, to_tensor(images)).argmax(axis=1)
