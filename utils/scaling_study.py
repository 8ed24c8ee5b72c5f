"""The small study of scaling: scenes in forty classes with a known share of wrong labels, networks of any width, one pass.

The chapter `5_trends_and_challenges/scaling` writes out what matters here; `scripts/record_scaling.py` measures the grid.
"""

import functools
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.data.scene_shapes import SHAPES, TEXTURES
from utils.data.scenes import SceneSettings, make_scenes
from utils.torch_training import first_weights, predict, to_tensor

IMAGE_SIZE = 16
NUM_CLASSES = len(SHAPES) * len(TEXTURES)
WRONG_SHARE = 0.1
BATCH_SIZE = 32
NOISE = 1_000_000
"""Draws the wrong labels; no block of scenes has this number."""
BLOCK = 4000
"""So many scenes are drawn at a time."""
VALIDATION_SCENES, VALIDATION_SEED = 8000, 1000
SETTINGS = SceneSettings(
    size=(0.34, 0.44), shift=0.5, rotation=30.0, clutter=0.3, lighting=0.3, occlusion=0.0, noise=0.1
)


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 scenes (n, 16, 16, 3), and shape and texture of each as one of 40 classes, int64 (n,).

    The first k of n scenes are the same for every n.
    """
    blocks = [_block(number, seed) for number in range(-(-count // BLOCK))]
    return tuple(np.concatenate(parts)[:count] for parts in zip(*blocks, strict=True))


@functools.lru_cache(maxsize=160)
def _block(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one block, or remember it: a sweep asks for the same scenes again and again."""
    scenes = make_scenes(BLOCK, np.random.default_rng([seed, number]), IMAGE_SIZE, SETTINGS)
    return scenes.images, len(TEXTURES) * scenes.labels + scenes.object_textures[:, 0]


def with_wrong_labels(
    labels: np.ndarray, share: float, num_classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Return labels (n,) of which each has been replaced, with probability `share`, by one of the other classes."""
    wrong = rng.random(len(labels)) < share
    moved = (labels + rng.integers(1, num_classes, len(labels))) % num_classes
    return np.where(wrong, moved, labels)


def expected_loss(logits: np.ndarray, labels: np.ndarray, share: float) -> float:
    """Return the mean cross-entropy, in nats, that logits (n, Y) have if a `share` of the right labels (n,) is replaced.

    It is the mean over all ways in which the labels could have been replaced, so no label has to be drawn.
    """
    logits = np.asarray(logits, np.float64)
    highest = logits.max(axis=1, keepdims=True)
    logs = logits - highest - np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))  # (n, Y)
    right = np.take_along_axis(logs, labels[:, None], axis=1)[:, 0]
    others = (logs.sum(axis=1) - right) / (logits.shape[1] - 1)
    return float(-np.mean((1 - share) * right + share * others))


def build_network(width: int, num_classes: int = NUM_CLASSES) -> nn.Sequential:
    """Build three convolutions of w, 2w and 4w kernels, each with batch norm and ReLU, and a dense layer on the mean.

    Returns
    -------
    Sequential
        float32 images (B, 3, H, W) in [0, 1], H = W a multiple of 4, to logits (B, Y).
    """
    network = nn.Sequential()
    channels = 3
    for i, kernels in enumerate((width, 2 * width, 4 * width)):
        network.append(nn.Conv2d(channels, kernels, 3, padding=1, bias=False))
        network.append(nn.BatchNorm2d(kernels)).append(nn.ReLU())
        if i < 2:
            network.append(nn.MaxPool2d(2))
        channels = kernels
    network.append(nn.AdaptiveAvgPool2d(1)).append(nn.Flatten())  # (B, 4w, H/4, W/4) -> (B, 4w)
    return network.append(nn.Linear(channels, num_classes)).to(memory_format=torch.channels_last)


def multiply_adds(width: int, image_size: int = IMAGE_SIZE, num_classes: int = NUM_CLASSES) -> int:
    """Return the multiply-adds that one image takes on its way through `build_network(width)`."""
    places = image_size**2
    convolutions = 9 * (3 * width * places + 2 * width**2 * places // 4 + 8 * width**2 * places // 16)
    return convolutions + 4 * width * num_classes


def train_passes(
    network: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    learning_rate: float,
    generator: torch.Generator,
    passes: int = 1,
    batch_size: int = BATCH_SIZE,
) -> float:
    """Train in place with Adam, rate up over a tenth of all steps and down to 0; return the mean loss of the last pass.

    In the first pass each image comes once and has not been seen before: its loss is that of a new image.
    """
    steps = passes * -(-len(labels) // batch_size)
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    network.train()
    for _ in range(passes):
        total = 0.0
        order = torch.randperm(len(labels), generator=generator).numpy()
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            loss = functional.cross_entropy(network(to_tensor(images[rows])), torch.from_numpy(labels[rows]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += len(rows) * loss.item()
    return total / len(labels)


def measure(
    width: int, count: int, seed: int, learning_rate: float, passes: int = 1, wrong_share: float = WRONG_SHARE
) -> dict[str, float]:
    """Train one network and test it on new scenes: one cell of the sweep.

    Returns
    -------
    dict
        `loss`: the expected cross-entropy on validation scenes whose labels are wrong as often as those of the training;
        `accuracy`: the share of the *right* labels that it finds there; `train_loss`: of the last pass;
        `seconds`: of the training, of one processor.
    """
    images, labels = draw(count, seed)
    given = with_wrong_labels(labels, wrong_share, NUM_CLASSES, np.random.default_rng([seed, NOISE]))
    with first_weights(seed):
        network = build_network(width)
    started = time.process_time()
    train_loss = train_passes(
        network,
        images,
        given,
        learning_rate=learning_rate,
        generator=torch.Generator().manual_seed(seed),
        passes=passes,
    )
    seconds = time.process_time() - started
    images, labels = draw(VALIDATION_SCENES, VALIDATION_SEED + seed)
    logits = predict(network, to_tensor(images))
    return {
        "loss": round(expected_loss(logits, labels, wrong_share), 5),
        "accuracy": round(float((logits.argmax(axis=1) == labels).mean()), 5),
        "train_loss": round(train_loss, 5),
        "seconds": round(seconds, 2),
    }
