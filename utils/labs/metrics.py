"""The lab on metrics: what a trained Vision Transformer makes of 400 validation scenes, as one score for each class."""

import numpy as np

from utils import data, labs
from utils.metrics import softmax
from utils.torch_training import predict, to_tensor
from utils.trained import load_trained

COUNT = 400
STEPS = 1000  # scores are kept in thousandths, so that some are equal, as they are in practice


def make() -> dict[str, str]:
    """Return the script of the lab: scores, true classes, and the two pictures of each class that are ranked worst."""
    scenes = data.load("scenes", "validation", COUNT)
    scores = scores_of(scenes)
    asked = worst_ranked(scores, scenes.labels)
    facts = {
        "steps": STEPS,
        "labels": scenes.labels.tolist(),
        "scores": labs.packed(scores.T.astype("<u2")),  # (Y, B): the scores of one class in a row
        "worst": asked.tolist(),
        "images": labs.packed(scenes.images[asked]),
    }
    return {"data-metrics.js": labs.script("metrics", facts)}


def scores_of(scenes: data.ImageDataset) -> np.ndarray:
    """Return the probability of each class in thousandths, int64 of shape (B, Y)."""
    logits = predict(load_trained("vit_scenes"), to_tensor(scenes.images))
    return np.rint(STEPS * softmax(logits)).astype(np.int64)


def worst_ranked(scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return for each class the picture of another class with the highest score, and its own with the lowest: (Y, 2)."""
    is_it = classes[:, None] == np.arange(scores.shape[1])  # (B, Y)
    highest_other = np.where(is_it, -1, scores).argmax(axis=0)
    lowest_own = np.where(is_it, scores, STEPS + 1).argmin(axis=0)
    return np.stack([highest_other, lowest_own], axis=1)
