"""Flow matching: a network that turns noise into pictures of a class; the same network as a recogniser; and its judges.

Written out in `6_faq/recognition_or_generation`. Pictures are float32 (B, C, H, W) in [0, 1]; inside the flow they are
stretched to [-1, 1]. Time t runs from 0, where all is noise, to 1, where all is picture.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from utils.attacks import input_gradient
from utils.torch_training import first_weights, predict, train


class VelocityMlp(nn.Module):
    """Say for a mixture of noise and picture where it should move: 167,488 parameters for 8 × 8 × 1 and 10 classes.

    Mixtures (B, C, H, W), times (B,) in [0, 1] and labels (B,) int64 to velocities (B, C, H, W).
    """

    def __init__(self, image_size: int = 8, in_channels: int = 1, num_classes: int = 10, width: int = 256):
        super().__init__()
        pixels = in_channels * image_size**2
        self.num_classes = num_classes
        self.layers = nn.Sequential(
            nn.Linear(pixels + 1 + num_classes, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, pixels),
        )

    def forward(self, mixtures, times, labels):
        classes = functional.one_hot(labels, self.num_classes)  # (B, Y)
        inputs = torch.cat([mixtures.flatten(1), times[:, None], classes], dim=1)
        return self.layers(inputs).view_as(mixtures)  # (B, CHW) -> (B, C, H, W)


def flow_matching_loss(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Return the mean squared error of the velocities of random mixtures of these pictures with noise.

    Source: Y. Lipman and others, Flow Matching for Generative Modeling, 2023, with the path of X. Liu and others, Flow
    Straight and Fast, 2023: x_t = (1 - t) x_0 + t x_1, whose velocity is x_1 - x_0.
    """
    pictures = 2 * images - 1
    noise = torch.randn(images.shape, generator=generator)
    times = torch.rand(len(images), generator=generator)
    mixtures = torch.lerp(noise, pictures, times.view(-1, 1, 1, 1))
    return functional.mse_loss(model(mixtures, times, labels), pictures - noise)


def train_flow(
    images: torch.Tensor, labels: torch.Tensor, *, epochs: int, seed: int
) -> tuple[VelocityMlp, list[float]]:
    """Train a `VelocityMlp` on pictures (B, C, H, W) in [0, 1] with labels (B,); return it and the loss of each pass."""
    with first_weights(seed):
        model = VelocityMlp(images.shape[2], images.shape[1])
    generator = torch.Generator().manual_seed(seed)

    def loss(model, images, labels):
        return flow_matching_loss(model, images, labels, generator)

    losses = train(
        model, (images, labels), epochs=epochs, learning_rate=5e-3, batch_size=128,
        weight_decay=0.0, generator=generator, loss=loss,
    )  # fmt: skip
    return model.eval(), losses


def euler(
    velocity: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], start: torch.Tensor, steps: int
) -> torch.Tensor:
    """Follow `velocity(x, times)` from `start` (B, ...) at t = 0 to t = 1, in `steps` equal steps; ValueError below 1."""
    if steps < 1:
        raise ValueError(f"the way from noise to picture takes at least one step, got {steps}")
    x = start
    for k in range(steps):
        times = torch.full((len(x),), k / steps, dtype=x.dtype)
        x = x + velocity(x, times) / steps
    return x


@torch.no_grad()
def sample(model: VelocityMlp, labels: torch.Tensor, noise: torch.Tensor, steps: int) -> torch.Tensor:
    """Turn noise (B, C, H, W), standard normal, into pictures of the classes `labels` (B,), in [0, 1]."""
    end = euler(lambda x, times: model(x, times, labels), noise, steps)
    return ((end + 1) / 2).clamp(0, 1)


@torch.no_grad()
def class_losses(
    model: VelocityMlp,
    images: torch.Tensor,
    draws: int,
    generator: torch.Generator,
    weight: Callable[[float], float] = lambda t: 1.0,
) -> torch.Tensor:
    """Return how badly each class explains each picture: (B, Y), squared errors of the velocity, summed over pixels.

    All classes see the same noise and times: the mean over `draws` of `weight(t)` times the error. The times are spread
    evenly, one in each of `draws` equal parts of [0, 1].

    Source: A. Li and others, Your Diffusion Model Is Secretly a Zero-Shot Classifier, 2023.
    """
    if draws < 1:
        raise ValueError(f"a mean needs at least one draw, got {draws}")
    pictures = 2 * images - 1
    total = torch.zeros(len(images), model.num_classes)
    for k in range(draws):
        t = (k + torch.rand(1, generator=generator).item()) / draws
        times = torch.full((len(images),), t)
        noise = torch.randn(images.shape, generator=generator)
        mixtures = torch.lerp(noise, pictures, t)
        for label in range(model.num_classes):
            velocity = model(mixtures, times, torch.full((len(images),), label))
            error = (velocity - (pictures - noise)).square().flatten(1).sum(dim=1)
            total[:, label] += weight(t) * error / draws
    return total


def nearest(images: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each picture the Euclidean distance to the nearest of `others`, and which it is, each (B,)."""
    found = torch.cdist(
        images.flatten(1), others.flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
    ).min(dim=1)
    return found.values, found.indices


def variety(images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the mean distance between two pictures (B, C, H, W) of one class (B,), averaged over the classes."""
    classes = labels.unique()
    means = [torch.pdist(images[labels == label].flatten(1)).mean() for label in classes]
    return float(torch.stack(means).mean())


def measures(
    pictures: torch.Tensor,
    asked: torch.Tensor,
    *,
    judge: nn.Module,
    own: torch.Tensor,
    held_out: torch.Tensor,
    held_out_labels: torch.Tensor,
) -> dict[str, float]:
    """Measure pictures (B, C, H, W) of the classes `asked` (B,) against real ones, in four numbers.

    Parameters
    ----------
    judge : Module
        A classifier, in evaluation mode.
    own : Tensor
        The pictures that the generator was trained on, and may have copied.
    held_out, held_out_labels : Tensors
        Real pictures that it has not seen: how near do *they* come to `own`?

    Returns
    -------
    dict
        `judged`, the share that the judge takes for what was asked; `distance` to the nearest own picture, the median, in
        units of that of the held-out ones; `too_near`, the share that is nearer than all but 5 % of these; `variety`
        within a class, in units of theirs.
    """
    real, _ = nearest(held_out, own)
    distance, _ = nearest(pictures, own)
    return {
        "judged": float((predict(judge, pictures).argmax(axis=1) == asked.numpy()).mean()),
        "distance": float(distance.median() / real.median()),
        "too_near": float((distance < real.quantile(0.05)).float().mean()),
        "variety": variety(pictures, asked) / variety(held_out, held_out_labels),
    }


def climb(
    classifier: nn.Module, labels: torch.Tensor, start: torch.Tensor, steps: int, step_size: float = 0.02
) -> torch.Tensor:
    """Change pictures (B, C, H, W) in [0, 1] until the classifier is sure of `labels` (B,): gradient ascent."""
    images = start
    for _ in range(steps):
        uphill = -input_gradient(classifier, images, labels).sign()
        images = (images + step_size * uphill).clamp(0, 1)
    return images
