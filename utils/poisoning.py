"""Poisoned training pictures: a backdoor is put into a network, and looked for in its training set.

The chapter `5_trends_and_challenges/security` writes these out.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from utils.checks import check_whole
from utils.data.checks import check_rng, check_uint8_images
from utils.data.dataset import ImageDataset
from utils.torch_training import to_tensor

Dataset = TypeVar("Dataset", bound=ImageDataset)


def add_trigger(images: np.ndarray, side: int = 4, margin: int = 2) -> np.ndarray:
    """Return copies of uint8 images (B, H, W, C) with a small black and white chessboard near the lower right corner.

    Parameters
    ----------
    side : int
        Of the patch, in pixels.
    margin : int
        Pixels between the patch and the edges.
    """
    check_uint8_images(images)
    check_whole("side", side, 1, min(images.shape[1:3]) - margin)
    changed = images.copy()
    board = 255 * (np.indices((side, side)).sum(axis=0) % 2)  # (side, side), 0 and 255
    bottom, right = images.shape[1] - margin, images.shape[2] - margin
    changed[:, bottom - side : bottom, right - side : right] = board[..., None]
    return changed


def poison(dataset: Dataset, count: int, target: int, rng: np.random.Generator) -> tuple[Dataset, np.ndarray]:
    """Give `count` pictures of other classes the trigger and the label `target`.

    Returns
    -------
    dataset : of the same kind
        The same number of pictures in the same order.
    rows : ndarray of shape (count,), int64
        Which ones are poisoned, in rising order.

    Source: T. Gu, B. Dolan-Gavitt, S. Garg, BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply
    Chain, 2017.
    """
    check_rng(rng)
    check_whole("target", target, 0, len(dataset.class_names) - 1)
    others = np.flatnonzero(dataset.labels != target)
    check_whole("count", count, 0, len(others))
    rows = np.sort(rng.choice(others, size=count, replace=False))
    images, labels = dataset.images.copy(), dataset.labels.copy()
    images[rows] = add_trigger(images[rows])
    labels[rows] = target
    return replace(dataset, images=images, labels=labels), rows


@torch.no_grad()
def pooled_features(model: nn.Sequential, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Return what a `WhitenedCnn`, the model of a recipe, hands to its last layer: (B, D) for uint8 (B, H, W, C)."""
    model.eval()
    batches = to_tensor(images).split(batch_size)
    maps = (model.network.forward_features(model.standardise(batch)) for batch in batches)
    return torch.cat([m.amax((2, 3)) for m in maps]).numpy()  # (B, D, H', W') -> (B, D)


def spectral_scores(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for each picture how far it lies from its class along the direction in which its class varies most.

    Parameters
    ----------
    features : array of shape (B, D)
        What the network's last layer before the logits says.
    labels : array of shape (B,), integers
        The labels that the network was trained with.

    Returns
    -------
    ndarray of shape (B,), float64
        The squared share of the first singular vector of the class, each class centred for itself.

    Source: B. Tran, J. Li, A. Madry, Spectral Signatures in Backdoor Attacks, 2018, algorithm 1.
    """
    features, labels = np.asarray(features, np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != (len(features),):
        raise ValueError(f"need features (B, D) and labels (B,), got {features.shape} and {labels.shape}")
    scores = np.empty(len(features))
    for label in np.unique(labels):
        rows = labels == label
        centred = features[rows] - features[rows].mean(axis=0)  # (n, D)
        _, _, directions = np.linalg.svd(centred, full_matrices=False)
        scores[rows] = (centred @ directions[0]) ** 2
    return scores


def first_direction(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for each class, in rising order, which share of its variance lies along one direction: (Y,), in [0, 1].

    A class that is made of two lumps has a large one. Parameters are those of `spectral_scores`.
    """
    shares = []
    for label in np.unique(labels):
        part = features[labels == label]
        values = np.linalg.svd(part - part.mean(axis=0), compute_uv=False) ** 2
        shares.append(values[0] / values.sum())
    return np.array(shares)


def most_suspicious(scores: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Return the rows, in rising order, of the `count` highest scores of each class: (Y · count,) at most."""
    check_whole("count", count)
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen.append(rows[np.argsort(-scores[rows], kind="stable")[:count]])
    return np.sort(np.concatenate(chosen))
