"""Plumbing for training in PyTorch: repeatable runs, one training loop, answers in batches."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.data.checks import check_uint8_images


def make_repeatable(seed: int) -> None:
    """Fix what changes the numbers of a run: the seed of the first weights, one thread, deterministic operations.

    Call it before the first model is made. What draws numbers later takes a generator of its own.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


@contextlib.contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Draw the weights of models that are made in this `with` block from `seed`; other random numbers stay as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.random.set_rng_state(torch.Generator().manual_seed(seed).get_state())
        yield


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """Turn uint8 images (B, H, W, C) in [0, 255] into a float32 tensor (B, C, H, W) in [0, 1], channels last in memory."""
    check_uint8_images(images)
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255  # (B, H, W, C) -> (B, C, H, W)


def cross_entropy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy, in nats, of a classifier on images (B, C, H, W) with labels (B,) int64."""
    return functional.cross_entropy(model(images), labels)


def train(
    model: nn.Module,
    tensors: Sequence[torch.Tensor],
    *,
    epochs: int,
    learning_rate: float,
    generator: torch.Generator,
    loss: Callable[..., torch.Tensor] = cross_entropy,
    batch_size: int = 64,
    weight_decay: float = 0.05,
    report: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train `model` in place with AdamW: a short warm-up, then a learning rate that falls to 0 along a cosine.

    Parameters
    ----------
    model : Module
    tensors : sequence of tensors with the same first axis
        For the default loss, images (B, C, H, W) float32 and labels (B,) int64.
    epochs, batch_size : int
        Passes through all rows, and rows at a time; the last batch of a pass may be smaller.
    learning_rate : float
        The highest, reached after a tenth of all steps.
    generator : Generator
        Draws the order of the rows.
    loss : callable
        `loss(model, *batch)` gives a scalar to make small.
    report : callable, optional
        `report(epoch, mean_loss)` after each pass, `epoch` from 1.

    Returns
    -------
    list of float
        The mean loss of each pass.
    """
    count = len(tensors[0])
    if any(len(tensor) != count for tensor in tensors):
        raise ValueError(
            f"the tensors have {[len(t) for t in tensors]} rows: give one of each for the same images"
        )
    if not count or epochs < 1:
        raise ValueError(f"training needs at least one row and one epoch, got {count} and {epochs}")
    steps = epochs * -(-count // batch_size)
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    losses = []
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for rows in torch.randperm(count, generator=generator).split(batch_size):
            value = loss(model, *(tensor[rows] for tensor in tensors))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            total += len(rows) * value.item()
        losses.append(total / count)
        if report is not None:
            report(epoch + 1, losses[-1])
    return losses


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor, batch_size: int = 500) -> np.ndarray:
    """Return the logits of images (B, C, H, W) as a NumPy array (B, Y), in evaluation mode, batch after batch."""
    model.eval()
    return torch.cat([model(batch) for batch in images.split(batch_size)]).numpy()


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers of `model` training may change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
