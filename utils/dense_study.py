"""A convolutional and a dense network of equal size: pictures seen through a window that moves, and shuffled pixels.

The chapter `6_faq/cnn_or_dense` writes `build_dense`, `window`, `shuffle_pixels` and `carry_columns` out;
`scripts/record_cnn_or_dense.py` repeats what it shows, over seeds.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from utils import metrics
from utils.checks import check_whole
from utils.data import SceneDataset, SceneSettings, make_scenes
from utils.data.checks import check_range
from utils.torch_models import Standardise, build_cnn
from utils.torch_training import first_weights, predict, to_tensor, train

MARGIN = 4
"""Pixels that the large picture has on each side of the window."""
SIDE = 32
"""Of the window, in pixels."""


def draw(count: int, rng: np.random.Generator, shift: float) -> SceneDataset:
    """Draw scenes of 40 × 40 pixels whose object is as large as in the course's, and fits into the window.

    Parameters
    ----------
    shift : float
        0 puts every object into the middle; 0.3 scatters them by up to three pixels, about.
    """
    check_range("shift", shift, 0, 1)
    scale = SIDE / (SIDE + 2 * MARGIN)
    low, high = SceneSettings().size
    settings = SceneSettings(size=(scale * low, scale * high), shift=shift)
    return make_scenes(count, rng, SIDE + 2 * MARGIN, settings)


def window(images: np.ndarray, right: int = 0, down: int = 0) -> np.ndarray:
    """Look at images (B, 40, 40, C) through a window of 32 × 32 pixels that lies `right` and `down` of the middle."""
    if max(abs(right), abs(down)) > MARGIN:
        raise ValueError(f"the window can move by {MARGIN} pixels, got {right} and {down}")
    rows, columns = MARGIN + down, MARGIN + right
    return images[:, rows : rows + SIDE, columns : columns + SIDE]


def many_windows(images: np.ndarray, copies: int, rng: np.random.Generator, most: int = 3) -> np.ndarray:
    """Look at each image (B, 40, 40, C) through `copies` windows at random places: (copies · B, 32, 32, C), copy by copy."""
    check_whole("copies", copies, 1)
    places = rng.integers(-most, most + 1, (copies, len(images), 2))
    moved = [window(images[i : i + 1], *place) for copy in places.tolist() for i, place in enumerate(copy)]
    return np.concatenate(moved)


def build_dense(hidden: Sequence[int], inputs: int = 3072, num_classes: int = 10) -> nn.Sequential:
    """Build a dense network: images (B, C, H, W) with C·H·W = `inputs` to logits (B, Y), a ReLU after each hidden layer."""
    sizes = [inputs, *hidden]
    layers: list[nn.Module] = [nn.Flatten()]  # (B, C, H, W) -> (B, C·H·W)
    for before, after in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], num_classes))


def shuffle_pixels(images: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Put pixel order[i] of each image (B, C, H, W) at place i, all channels together; one `order` (H·W,) for all images."""
    if len(order) != images.shape[2] * images.shape[3] or len(order.unique()) != len(order):
        raise ValueError(f"order must hold each of the {images.shape[2] * images.shape[3]} pixels once")
    return images.flatten(2)[:, :, order].reshape(images.shape)


def carry_columns(dense: nn.Sequential, order: torch.Tensor) -> None:
    """Rearrange the first weights of a dense network in place, so that shuffled pixels meet the weights that were theirs."""
    weight = dense[1].weight.data  # (M, C·H·W)
    by_pixel = weight.view(len(weight), -1, len(order))  # (M, C, H·W)
    dense[1].weight.data = by_pixel[:, :, order].reshape(weight.shape)


def build(
    kind: str, hidden: Sequence[int] = (), image_size: int = SIDE, in_channels: int = 3
) -> nn.Sequential:
    """Build the course's CNN or a dense network behind the same shift and scale of the pixels."""
    if kind == "CNN":
        network = build_cnn(image_size, in_channels, padding=0 if image_size >= 18 else 1)
    else:
        network = build_dense(hidden, in_channels * image_size**2)
    return nn.Sequential(Standardise((0.5,) * in_channels, (0.25,) * in_channels), network)


def fit(network, images: np.ndarray, labels: np.ndarray, *, rate: float, epochs: int, seed: int, order=None):
    """Train a network that `network()` builds, with first weights and batches of `seed`; shuffle the pixels if told to."""
    with first_weights(seed):
        model = network()
    train(
        model,
        (_pixels(images, order), torch.from_numpy(labels)),
        epochs=epochs,
        learning_rate=rate,
        generator=torch.Generator().manual_seed(seed),
    )
    return model


def accuracy(model: nn.Module, images: np.ndarray, labels: np.ndarray, order=None) -> float:
    """Return the share of images (B, H, W, C) uint8 that a model gets right; shuffle the pixels if told to."""
    return metrics.accuracy(labels, predict(model, _pixels(images, order)).argmax(axis=1))


def _pixels(images: np.ndarray, order: torch.Tensor | None) -> torch.Tensor:
    tensor = to_tensor(images)
    return tensor if order is None else shuffle_pixels(tensor, order)


def accuracy_when_moved(model: nn.Module, scenes: SceneDataset, pixels: int) -> float:
    """Return the accuracy through windows that lie `pixels` to the left, right, above and below: the mean of the four."""
    places = ((pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels)) if pixels else ((0, 0),)
    return float(np.mean([accuracy(model, window(scenes.images, *place), scenes.labels) for place in places]))
