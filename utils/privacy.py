"""Differentially private training written out, and what its guarantee says; see `5_trends_and_challenges/privacy`.

Source: M. Abadi and others, Deep Learning with Differential Privacy, 2016, algorithm 1. opacus counts the privacy spent.
"""

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional


def per_example_gradients(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return the gradient of each picture's own loss: for each parameter, by name, a tensor (B, *shape).

    Parameters
    ----------
    model : Module
        Without batch norm, in which no picture has a loss of its own.
    images : Tensor of shape (B, C, H, W), labels : int64 Tensor of shape (B,)
        At least one.
    """
    if any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in model.modules()):
        raise ValueError("batch norm mixes the pictures of a batch: take GroupNorm, or none")
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters, image, label):
        logits = functional_call(model, parameters, (image[None],))  # (1, Y)
        return functional.cross_entropy(logits, label[None])

    return vmap(grad(loss), in_dims=(None, 0, 0))(parameters, images, labels)


def clipped_sum(gradients: dict[str, torch.Tensor], clip: float) -> dict[str, torch.Tensor]:
    """Shorten each picture's gradient to at most `clip`, over all parameters together, and add up: by name, (*shape)."""
    if not clip > 0:
        raise ValueError(f"clip must be above 0, got {clip}")
    lengths = sum(g.flatten(1).square().sum(dim=1) for g in gradients.values()).sqrt()  # (B,)
    factors = (clip / lengths).clamp(max=1)  # a gradient of length 0 gives inf, and so 1
    return {name: torch.tensordot(factors, g, dims=1) for name, g in gradients.items()}


def train_private(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    steps: int,
    sampling_rate: float,
    lot_size: float,
    learning_rate: float,
    clip: float,
    noise_multiplier: float,
    generator: torch.Generator,
    momentum: float = 0.9,
) -> nn.Module:
    """Train `model` in place with DP-SGD, and return it.

    In each step every picture comes with the probability q, independently; the clipped gradients are added up, normal
    noise of the standard deviation noise_multiplier · clip is added to each number of the sum, and the sum is divided
    by `lot_size`, never by how many came.

    Parameters
    ----------
    images : Tensor of shape (n, C, H, W), labels : int64 Tensor of shape (n,)
    sampling_rate, lot_size : float
        q, and about q · n; both fixed beforehand, so that they do not depend on whether one picture is there.
    noise_multiplier : float
        σ; 0 for none, and no privacy.
    generator : Generator
        Draws who comes, and the noise.
    """
    if not 0 < sampling_rate <= 1 or not lot_size > 0 or noise_multiplier < 0:
        raise ValueError(
            "need a sampling_rate in (0, 1], a lot_size above 0 and a noise_multiplier from 0 on, "
            f"got {sampling_rate}, {lot_size}, {noise_multiplier}"
        )
    optimiser = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum)
    for _ in range(steps):
        comes = torch.rand(len(images), generator=generator) < sampling_rate
        total = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
        if comes.any():
            total = clipped_sum(per_example_gradients(model, images[comes], labels[comes]), clip)
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.grad = (total[name] + noise_multiplier * clip * noise) / lot_size
        optimiser.step()
    return model


def spent_epsilon(
    noise_multiplier: float, sampling_rate: float, steps: int, delta: float, accountant: str = "rdp"
) -> float:
    """Return the ε that DP-SGD has spent, at this δ, by opacus' accountant "rdp" or the tighter "prv".

    Neighbours are two training sets of which one has one picture more.
    """
    from opacus.accountants import create_accountant

    counter = create_accountant(accountant)
    counter.history = [(noise_multiplier, sampling_rate, steps)]
    orders = {"alphas": _ORDERS} if accountant == "rdp" else {}
    return float(counter.get_epsilon(delta=delta, **orders))


_ORDERS = (
    1.01,
    1.02,
    1.05,
    *(1 + i / 10 for i in range(1, 100)),
    *range(12, 64),
    72,
    80,
    96,
    128,
    192,
    256,
    512,
)
"""Orders of Rényi divergence to choose from: opacus' own, and smaller and larger ones for a large and a small ε."""


def noise_for(epsilon: float, sampling_rate: float, steps: int, delta: float) -> float:
    """Return the smallest noise multiplier, to a thousandth, with which DP-SGD spends at most `epsilon` by "rdp"."""
    if not 0.1 <= epsilon <= 100:
        raise ValueError(f"epsilon must lie in 0.1 … 100, got {epsilon}")
    low = high = 1.0
    while spent_epsilon(high, sampling_rate, steps, delta) > epsilon:
        low, high = high, 2 * high
    while spent_epsilon(low, sampling_rate, steps, delta) <= epsilon:
        low, high = low / 2, low
    while high - low > 1e-3:
        middle = (low + high) / 2
        if spent_epsilon(middle, sampling_rate, steps, delta) <= epsilon:
            high = middle
        else:
            low = middle
    return high


def largest_true_rate(false_rate: np.ndarray, epsilon: float, delta: float) -> np.ndarray:
    """Return the largest true-positive rate that (ε, δ) allows any attack at these false-positive rates.

    With and without the picture, a model comes out alarming with chances that differ by no more than a factor e^ε and
    δ; the same for not alarming.
    Source: P. Kairouz, S. Oh, P. Viswanath, The Composition Theorem for Differential Privacy, 2015, theorem 2.1.
    """
    false_rate = np.asarray(false_rate, dtype=np.float64)
    if epsilon < 0 or not 0 <= delta <= 1 or (false_rate < 0).any() or (false_rate > 1).any():
        raise ValueError(f"need ε from 0 on, δ and rates in 0 … 1, got {epsilon}, {delta}, {false_rate}")
    by_alarm = np.exp(epsilon) * false_rate + delta
    by_silence = 1 - np.exp(-epsilon) * (1 - delta - false_rate)
    return np.minimum(np.minimum(by_alarm, by_silence), 1)
