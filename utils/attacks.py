"""Attacks on a classifier's input: pictures that are changed by next to nothing, and answered wrongly.

A change is bounded: no number of a picture, in [0, 1], may move by more than `epsilon` (the maximum norm). The chapter
`5_trends_and_challenges/security` writes these out.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

Attack = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
"""A model, images (B, C, H, W) in [0, 1] and labels (B,) to changed images (B, C, H, W)."""


def check_epsilon(epsilon: float) -> None:
    """Raise ValueError unless the bound is a number in [0, 1], the range of a picture's numbers."""
    if not 0 <= epsilon <= 1:
        raise ValueError(
            f"epsilon must lie in [0, 1], as the pictures do, got {epsilon}: 8 of 255 is 8 / 255"
        )


def project(images: torch.Tensor, originals: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Return the nearest pictures that are within `epsilon` of the originals and in [0, 1], each (B, C, H, W)."""
    change = (images - originals).clamp(-epsilon, epsilon)
    return (originals + change).clamp(0, 1)


def input_gradient(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return how fast each picture's cross-entropy grows with each of its numbers, (B, C, H, W)."""
    images = images.detach().requires_grad_(True)
    loss = functional.cross_entropy(model(images), labels, reduction="sum")
    return torch.autograd.grad(loss, images)[0]


def fgsm(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Move every number by `epsilon`, to where the loss grows: the fast gradient sign method.

    Parameters
    ----------
    model : Module, in evaluation mode
        Images (B, C, H, W) in [0, 1] to logits (B, Y).
    images : Tensor of shape (B, C, H, W), float32 in [0, 1]
    labels : Tensor of shape (B,), int64
    epsilon : float in [0, 1]

    Returns
    -------
    Tensor of shape (B, C, H, W), in [0, 1]

    Source: I. Goodfellow, J. Shlens, C. Szegedy, Explaining and Harnessing Adversarial Examples, 2015, section 4.
    """
    check_epsilon(epsilon)
    step = epsilon * input_gradient(model, images, labels).sign()
    return project(images + step, images, epsilon)


def pgd(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    epsilon: float,
    *,
    step_size: float,
    steps: int,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Take several steps of `step_size`, each projected back into the ball: projected gradient descent.

    Parameters
    ----------
    model, images, labels, epsilon
        As for `fgsm`, which is one step of the size `epsilon`.
    step_size : float
        How far every number moves in a step.
    steps : int, at least 1
    generator : Generator, optional
        Draws the start, anywhere in the ball; without it the start is the picture.

    Source: A. Madry and others, Towards Deep Learning Models Resistant to Adversarial Attacks, 2018, section 2.1.
    """
    check_epsilon(epsilon)
    if steps < 1 or not step_size > 0:
        raise ValueError(f"need at least one step and a size above 0, got {steps} and {step_size}")
    changed = images
    if generator is not None:
        start = torch.rand(images.shape, generator=generator).to(images) * 2 - 1
        changed = project(images + epsilon * start, images, epsilon)
    for _ in range(steps):
        step = step_size * input_gradient(model, changed, labels).sign()
        changed = project(changed + step, images, epsilon)
    return changed


def random_signs(images: torch.Tensor, epsilon: float, generator: torch.Generator) -> torch.Tensor:
    """Move every number by `epsilon` up or down by a coin: what a change of the same size does without a gradient."""
    check_epsilon(epsilon)
    signs = torch.randint(0, 2, images.shape, generator=generator).to(images) * 2 - 1
    return project(images + epsilon * signs, images, epsilon)


def hardened_by(epsilon: float, *, step_size: float, steps: int, generator: torch.Generator) -> Attack:
    """Return the attack that adversarial training shows its model: PGD from a random start, in evaluation mode.

    `utils.long_training.train_recipe` takes it. The model is left in training mode.
    """

    def attack(model, images, labels):
        model.eval()  # an attack must not move the running means of batch norm
        changed = pgd(model, images, labels, epsilon, step_size=step_size, steps=steps, generator=generator)
        model.train()
        return changed

    return attack


def attacked_answers(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, attack: Attack, batch_size: int = 500
) -> torch.Tensor:
    """Return the classes (B,) that a model, in evaluation mode, names for attacked images, batch after batch."""
    model.eval()
    answers = []
    for batch, truth in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        changed = attack(model, batch, truth)
        with torch.no_grad():
            answers.append(model(changed).argmax(dim=1))
    return torch.cat(answers)
