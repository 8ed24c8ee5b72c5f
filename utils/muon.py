"""Muon: momentum, with each step of a matrix made orthogonal.

A gradient of a weight matrix is often a few strong directions and many weak ones; a step along it changes the strong
ones alone. Muon steps by the nearest matrix whose singular values are all near 1, so that weak directions move as far.
The chapter `4_code/training_recipes` shows what that is worth.
"""

from collections.abc import Iterable

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Move all singular values of a matrix (R, S), or of each of several (..., R, S), near 1, and keep its singular vectors.

    Each step applies an odd polynomial to the singular values, by matrix products alone. It was tuned for speed: after
    five steps, singular values from a hundredth of the norm on lie between 0.7 and 1.2, not at 1.

    Source: K. Jordan and others, Muon: An Optimizer for Hidden Layers in Neural Networks, 2024.
    """
    if matrix.ndim < 2:
        raise ValueError(f"a matrix has two axes, got shape {tuple(matrix.shape)}")
    a, b, c = _COEFFICIENTS
    rows, columns = matrix.shape[-2:]
    wide = matrix if rows <= columns else matrix.mT
    wide = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = wide @ wide.mT
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if rows <= columns else wide.mT


class Muon(torch.optim.Optimizer):
    """Step along the orthogonalised momentum of each weight; kernels (O, C, K, K) count as matrices (O, C·K·K).

    For biases, gains, first and last layers use another optimiser.

    Source: K. Jordan and others, Muon, 2024; with `fixed_norm` as in K. Jordan, cifar10-airbench, 2024.

    Parameters
    ----------
    parameters : iterable of Parameters of two or more axes
    learning_rate : float
        The size of a step of each singular value; times sqrt(R / S) for matrices (R, S) with more rows than columns.
    momentum : float
        In [0, 1); used as by Nesterov.
    weight_decay : float
        Share of the weight taken off at each step, in units of the learning rate.
    fixed_norm : bool
        Keep each weight at the norm sqrt(R) instead: for layers that a normalisation follows, whose scale says nothing.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        learning_rate: float,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        fixed_norm: bool = False,
    ):
        parameters = list(parameters)
        if any(parameter.ndim < 2 for parameter in parameters):
            raise ValueError("Muon is for matrices and kernels: give biases and gains to another optimiser")
        if not learning_rate > 0 or not 0 <= momentum < 1:
            raise ValueError(
                f"need a learning rate above 0 and a momentum in [0, 1), got {learning_rate}, {momentum}"
            )
        super().__init__(
            parameters,
            {
                "lr": learning_rate,
                "momentum": momentum,
                "weight_decay": weight_decay,
                "fixed_norm": fixed_norm,
            },
        )

    @torch.no_grad()
    def step(self, closure=None):
        """Change all parameters once; matrices of one shape are made orthogonal together, which spares a GPU many calls."""
        for group in self.param_groups:
            with_gradient = [parameter for parameter in group["params"] if parameter.grad is not None]
            for shape in dict.fromkeys(parameter.shape for parameter in with_gradient):
                same = [parameter for parameter in with_gradient if parameter.shape == shape]
                directions = [self._direction(parameter, group["momentum"]) for parameter in same]
                together = torch.stack(directions) if len(same) > 1 else directions[0]
                updates = orthogonalise(together).reshape(len(same), *shape)
                for parameter, update in zip(same, updates, strict=True):
                    _change(parameter, update, group)

    def _direction(self, parameter: torch.Tensor, momentum: float) -> torch.Tensor:
        """Return where the momentum points, as a matrix: kernels (O, C, K, K) become (O, C·K·K)."""
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].mul_(momentum).add_(parameter.grad)
        ahead = parameter.grad.add(average, alpha=momentum)  # Nesterov's look ahead
        return ahead.reshape(len(ahead), -1)


def _change(parameter: torch.Tensor, update: torch.Tensor, group: dict) -> None:
    """Take one step, by one learning rate in the direction of each singular value."""
    if group["fixed_norm"]:
        parameter.mul_(len(parameter) ** 0.5 / parameter.norm())
        size = group["lr"]
    else:
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        size = group["lr"] * max(1.0, len(parameter) / parameter[0].numel()) ** 0.5
    parameter.add_(update, alpha=-size)
