"""Maps that say where a classifier looks: gradients, Grad-CAM, integrated gradients, attention rollout, and blind ones.

Written out in the chapter `5_trends_and_challenges/interpretability`; `utils.occlusion` is one more way. `model` always
turns float32 or float64 images (B, C, H, W) into logits (B, Y) and stands in evaluation mode.
"""

import copy
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.checks import check_whole


def input_gradients(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the logit of `labels` (B,) int64 by the pixels: (B, C, H, W), like the images.

    Source: K. Simonyan and others, Deep Inside Convolutional Networks, 2014, section 3.
    """
    _check(images, labels)
    pixels = images.detach().clone().requires_grad_()
    logits = model(pixels).gather(1, labels[:, None])  # (B, Y) -> (B, 1)
    return torch.autograd.grad(logits.sum(), pixels)[0]


def integrated_gradients(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, baseline: torch.Tensor, steps: int = 32
) -> torch.Tensor:
    """Return how much each number of the images adds to the logit, on a straight way from `baseline`: (B, C, H, W).

    All numbers of an image sum to its logit less the logit of the baseline, up to the error of `steps` midpoints.

    Parameters
    ----------
    baseline : Tensor that broadcasts to the images, such as (1, C, 1, 1)
        The image that stands for "nothing there".
    steps : int
        Points on the way, the middles of equal parts.

    Source: M. Sundararajan and others, Axiomatic Attribution for Deep Networks, 2017, equations 1 and 3.
    """
    check_whole("steps", steps, 1)
    _check(images, labels)
    total = torch.zeros_like(images)
    for k in range(steps):
        between = baseline + (k + 0.5) / steps * (images - baseline)  # (B, C, H, W)
        total += input_gradients(model, between, labels)
    return (images - baseline) * total / steps


def grad_cam(model: nn.Module, layer: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the maps of a layer, weighted with their mean gradients and summed, where above 0: (B, H', W').

    Parameters
    ----------
    layer : Module
        A part of the model that gives maps (B, D, H', W') or, in a Vision Transformer, tokens (B, N, D) of a square.

    Source: R. R. Selvaraju and others, Grad-CAM, 2017, equations 1 and 2.
    """
    _check(images, labels)
    kept = []
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    try:
        logits = model(images).gather(1, labels[:, None])  # (B, Y) -> (B, 1)
    finally:
        handle.remove()
    (maps,) = kept
    gradients = torch.autograd.grad(logits.sum(), maps)[0]
    if maps.ndim == 3:
        maps, gradients = tokens_to_maps(maps), tokens_to_maps(gradients)
    weights = gradients.mean(dim=(2, 3), keepdim=True)  # (B, D, H', W') -> (B, D, 1, 1)
    return (weights * maps).sum(dim=1).relu().detach()  # (B, D, H', W') -> (B, H', W')


def tokens_to_maps(tokens: torch.Tensor) -> torch.Tensor:
    """Put tokens (B, N, D), row by row, back to their places in a square: (B, D, √N, √N)."""
    side = round(tokens.shape[1] ** 0.5)
    if side**2 != tokens.shape[1]:
        raise ValueError(f"{tokens.shape[1]} tokens do not fill a square: leave a class token out first")
    return tokens.transpose(1, 2).unflatten(2, (side, side))  # (B, N, D) -> (B, D, N) -> (B, D, √N, √N)


def attention_rollout(layers: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return how much of each token of the input is in each of the output, if only attention moved anything: (B, N, N).

    Parameters
    ----------
    layers : iterable of tensors (B, A, N, N)
        The attention weights of each layer, first to last; their rows sum to 1, and so do those of the result.

    Source: S. Abnar and W. Zuidema, Quantifying Attention Flow in Transformers, 2020, section 3.
    """
    rollout = None
    for weights in layers:
        mixed = weights.mean(dim=1)  # (B, A, N, N) -> (B, N, N)
        stays = torch.eye(mixed.shape[-1], dtype=mixed.dtype)
        step = (mixed + stays) / 2  # half comes through attention, half past it
        rollout = step if rollout is None else step @ rollout
    if rollout is None:
        raise ValueError("there are no layers: a rollout needs the attention weights of at least one")
    return rollout


@torch.no_grad()
def attention_weights(blocks: Iterable[nn.Module], tokens: torch.Tensor) -> list[torch.Tensor]:
    """Return the weights (B, A, N, N) of each block of a Vision Transformer, for what enters the first: (B, N, D)."""
    layers = []
    for block in blocks:
        layers.append(block.attn.weights(block.norm1(tokens)))
        tokens = block(tokens)
    return layers


def enlarge_maps(maps: torch.Tensor, size: int) -> np.ndarray:
    """Stretch maps (B, H', W') to (B, size, size), bilinear between the middles of the cells; float64."""
    large = functional.interpolate(maps[:, None].double(), size=(size, size), mode="bilinear")
    return large[:, 0].numpy()


def centre_blob(count: int, size: int) -> np.ndarray:
    """Return the map that knows nothing but that photographers aim, `count` times: (count, size, size), 1 in the middle."""
    from_middle = np.arange(size) - (size - 1) / 2
    blob = np.exp(-(from_middle[:, None] ** 2 + from_middle**2) / (2 * (size / 4) ** 2))
    return np.repeat(blob[None], count, axis=0)


def edges(images: np.ndarray) -> np.ndarray:
    """Return how steeply the brightness of images (B, H, W, C) uint8 changes at each pixel: (B, H, W) float64."""
    grey = images.astype(np.float64).mean(axis=3)  # (B, H, W, C) -> (B, H, W)
    down, right = np.gradient(grey, axis=(1, 2))
    return np.hypot(down, right)


def unusual_colour(images: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return how far each pixel of images (B, H, W, C) uint8 is from the colour `usual` (C,) in [0, 255]: (B, H, W)."""
    return np.abs(images - np.asarray(usual, np.float64)).sum(axis=3)  # (B, H, W, C) -> (B, H, W)


def shuffle_weights(model: nn.Module, parts: Iterable[str], generator: torch.Generator) -> nn.Module:
    """Return a copy of a model in which the numbers of some parts have changed places: same numbers, nothing learned.

    Each weight, bias and statistic is shuffled in itself, so its mean and spread stay.

    Parameters
    ----------
    parts : iterable of str
        Names of modules or parameters, such as "network.head".
    """
    shuffled, parts = copy.deepcopy(model), tuple(parts)
    state = shuffled.state_dict()
    found = {part: [n for n in state if n == part or n.startswith(part + ".")] for part in parts}
    for part, names in found.items():
        if not names:
            raise ValueError(f"the model has no part {part!r}; its numbers are called {', '.join(state)}")
        for name in names:
            numbers = state[name]
            order = torch.randperm(numbers.numel(), generator=generator)
            numbers.copy_(numbers.flatten()[order].view(numbers.shape))
    return shuffled


def replaced_in_order(
    image: np.ndarray, other: np.ndarray, heat: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return `image` with its hottest pixels taken from `other`: none, one part, two, … all of them.

    Parameters
    ----------
    image, other : ndarray of shape (H, W, C)
    heat : ndarray of shape (H, W)
        Equally hot pixels go row by row.
    steps : int
        Parts of equal size, up to a pixel.

    Returns
    -------
    images : ndarray of shape (steps + 1, H, W, C)
    shares : ndarray of shape (steps + 1,)
        The share of pixels replaced in each.
    """
    order = np.argsort(-heat.ravel(), kind="stable")
    counts = np.linspace(0, order.size, steps + 1).round().astype(int)
    images = np.repeat(image[None], steps + 1, axis=0).reshape(steps + 1, order.size, -1)
    for i, count in enumerate(counts):
        images[i, order[:count]] = other.reshape(order.size, -1)[order[:count]]
    return images.reshape(steps + 1, *image.shape), counts / order.size


def deletion_and_insertion(
    probability_of: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    fill: np.ndarray,
    heat: np.ndarray,
    steps: int = 8,
) -> tuple[float, float]:
    """Return the areas under the probability as the hottest pixels go first, and as they come first.

    A map that names what the model needs makes the first small and the second large.

    Parameters
    ----------
    probability_of : callable
        Images (B, H, W, C) uint8 to the probability of one class, (B,).
    image : ndarray of shape (H, W, C), uint8
    fill : ndarray of shape (C,), in [0, 255]
        The colour of what is deleted, or not yet inserted.
    heat : ndarray of shape (H, W)

    Source: V. Petsiuk and others, RISE, 2018, section 4.
    """
    if heat.shape != image.shape[:2]:
        raise ValueError(f"heat must have one number a pixel, {image.shape[:2]}, got {heat.shape}")
    plain = np.broadcast_to(np.asarray(fill).astype(image.dtype), image.shape)
    deleted, shares = replaced_in_order(image, plain, heat, steps)
    inserted, _ = replaced_in_order(plain, image, heat, steps)
    probability = probability_of(np.concatenate([deleted, inserted]))
    fewer, more = probability[: steps + 1], probability[steps + 1 :]
    return float(np.trapezoid(fewer, shares)), float(np.trapezoid(more, shares))


def _check(images: torch.Tensor, labels: torch.Tensor) -> None:
    if images.ndim != 4 or labels.shape != images.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"give images (B, C, H, W) and one int64 label for each, got {tuple(images.shape)} "
            f"and {labels.dtype} of shape {tuple(labels.shape)}"
        )
