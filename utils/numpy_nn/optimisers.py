"""From gradients to better parameters: plain descent, momentum, AdamW, and a learning rate that rises and falls.

Built in `3_algorithms/optimisers`. An optimiser changes the arrays of `parameters` in place, so a network that owns
them is trained by it; `gradients` come with the same names.
"""

import math
from collections.abc import Mapping

import numpy as np


class SGD:
    """Step against the gradient: equation `eq-optimisers-sgd`."""

    def __init__(self, parameters: Mapping[str, np.ndarray], learning_rate: float) -> None:
        if not parameters:
            raise ValueError("there is nothing to train: parameters is empty")
        if not learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
        self.parameters, self.learning_rate = dict(parameters), learning_rate

    def step(self, gradients: Mapping[str, np.ndarray]) -> None:
        """Change all parameters once, `eq-optimisers-sgd`."""
        for _, parameter, gradient in self._pairs(gradients):
            parameter -= self.learning_rate * gradient

    def _pairs(self, gradients: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray, np.ndarray]]:
        if gradients.keys() != self.parameters.keys():
            missing = sorted(self.parameters.keys() ^ gradients.keys())
            raise ValueError(f"each parameter needs its gradient; not in both: {', '.join(missing)}")
        for name, gradient in gradients.items():
            if np.shape(gradient) != self.parameters[name].shape:
                raise ValueError(
                    f"the gradient of {name} needs the shape {self.parameters[name].shape}, got {np.shape(gradient)}"
                )
            if not np.isfinite(gradient).all():
                raise ValueError(f"the gradient of {name} is NaN or infinite: try a smaller learning rate")
        return [(name, parameter, gradients[name]) for name, parameter in self.parameters.items()]


class Momentum(SGD):
    """Step along a running sum of gradients, each older one weighed less: equation `eq-optimisers-momentum`.

    Source: B. T. Polyak, Some Methods of Speeding Up the Convergence of Iteration Methods, 1964; without its
    learning rate inside the sum, as PyTorch has it.
    """

    def __init__(
        self, parameters: Mapping[str, np.ndarray], learning_rate: float, momentum: float = 0.9
    ) -> None:
        super().__init__(parameters, learning_rate)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, got {momentum}")
        self.momentum = momentum
        self.velocity = {name: np.zeros_like(parameter) for name, parameter in self.parameters.items()}

    def step(self, gradients: Mapping[str, np.ndarray]) -> None:
        """Change all parameters once, `eq-optimisers-momentum`."""
        for name, parameter, gradient in self._pairs(gradients):
            velocity = self.velocity[name]
            velocity *= self.momentum
            velocity += gradient
            parameter -= self.learning_rate * velocity


class AdamW(SGD):
    """Give each number a step of its own, by the mean and the spread of its gradients: equation `eq-optimisers-adamw`.

    Source: D. P. Kingma and J. Ba, Adam, 2015, algorithm 1; weights decay apart from the gradient as in I. Loshchilov
    and F. Hutter, Decoupled Weight Decay Regularization, 2019, algorithm 2, with the learning rate as factor of the
    decay, as PyTorch and Keras have it.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, learning_rate)
        if not all(0 <= beta < 1 for beta in betas) or not epsilon > 0 or not weight_decay >= 0:
            raise ValueError(
                "betas must be at least 0 and below 1, epsilon above 0 and weight_decay at least 0, "
                f"got {betas}, {epsilon} and {weight_decay}"
            )
        self.betas, self.epsilon, self.weight_decay, self.steps = betas, epsilon, weight_decay, 0
        self.mean = {name: np.zeros_like(parameter) for name, parameter in self.parameters.items()}
        self.square = {name: np.zeros_like(parameter) for name, parameter in self.parameters.items()}

    def step(self, gradients: Mapping[str, np.ndarray]) -> None:
        """Change all parameters once, `eq-optimisers-adamw`."""
        pairs = self._pairs(gradients)
        self.steps += 1
        first, second = self.betas
        for name, parameter, gradient in pairs:
            mean, square = self.mean[name], self.square[name]
            mean += (1 - first) * (gradient - mean)
            square += (1 - second) * (gradient**2 - square)
            unbiased_mean = mean / (1 - first**self.steps)
            unbiased_square = square / (1 - second**self.steps)
            parameter *= 1 - self.learning_rate * self.weight_decay
            parameter -= self.learning_rate * unbiased_mean / (np.sqrt(unbiased_square) + self.epsilon)


def warmup_cosine(step: int, *, steps: int, warmup: int, highest: float) -> float:
    """Return the learning rate of a step: up along a line, down to 0 along half a cosine: `eq-optimisers-schedule`.

    Parameters
    ----------
    step : int, from 0 to `steps`
        The first step of a training is 1.
    steps, warmup : int
        Of the whole training, and of its rise; 0 <= warmup < steps.
    highest : float
        The learning rate at the step `warmup`.

    Source: I. Loshchilov and F. Hutter, SGDR, 2017, equation 5, without restarts.
    """
    if not 0 <= warmup < steps or not 0 <= step <= steps:
        raise ValueError(
            f"need 0 <= warmup < steps and 0 <= step <= steps, got warmup {warmup}, steps {steps}, step {step}"
        )
    if step < warmup:
        return highest * step / warmup
    return highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
