"""What an answer costs: multiply-adds of each layer, memory, time with its spread, and an estimate of the energy.

The chapter `5_trends_and_challenges/efficiency` writes `layer_costs`,
`time_side_by_side`, `not_beaten` and `cheapest_within` out.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from utils.checks import check_whole
from utils.model_sizes import Layer
from utils.torch_models import Attention

PICOJOULES = {"float32": 3.7 + 0.9, "float16": 1.1 + 0.4, "int8": 0.2 + 0.1}
"""A multiplication and the addition behind it in a chip of 45 nm; int8 products are added up in 32 bits.

Source: M. Horowitz, Computing's Energy Problem (and What We Can Do about It), 2014, figure 1.1.9.
"""


def layer_costs(model: nn.Module, images: torch.Tensor) -> list[Layer]:
    """Return what each layer of a model costs for one image, in the order in which the layers answer.

    Counted as in `utils.model_sizes`: convolutions, dense layers, and the two products of `torch_models.Attention`. A
    layer of another kind counts with its parameters and outputs, and no work.

    Parameters
    ----------
    model : Module
        Images (B, C, H, W) to anything; put into evaluation mode.
    images : Tensor of shape (B, C, H, W)
        Only their shape counts.

    Returns
    -------
    list of Layer
        A layer that is used twice is there twice.
    """
    found, handles = [], []

    def note(name):
        def hook(module, inputs, output):
            places = output[0].numel()  # of the first image: (B, ...) -> (...)
            work = 0
            if isinstance(module, nn.Conv2d | nn.Linear):
                work = places * module.weight[0].numel()  # each output reads one row
            elif isinstance(module, Attention):
                _, n, d = output.shape  # (B, N, D)
                work = 2 * n**2 * d  # queries with keys, weights with values
            own = sum(p.numel() for p in module.parameters(recurse=False))
            found.append(Layer(name, own, work, places))

        return hook

    for name, module in model.named_modules():
        leaf = not list(module.children())
        if leaf or isinstance(module, Attention) or list(module.parameters(recurse=False)):
            handles.append(module.register_forward_hook(note(name)))
    try:
        with torch.no_grad():
            model.eval()(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def working_numbers(layers: Sequence[Layer]) -> int:
    """Return how many numbers a chain of layers has to keep at once, at least: what one takes in and what it hands on.

    Only for layers that follow each other without a bypass; weights come on top.
    """
    if len(layers) < 2:
        raise ValueError(f"need at least two layers, got {len(layers)}")
    return max(before.outputs + after.outputs for before, after in pairwise(layers))


def time_side_by_side(
    actions: Mapping[str, Callable[[], object]],
    rounds: int,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Time several actions in turn, so that whatever else the machine does disturbs all of them alike.

    Parameters
    ----------
    actions : mapping of callables without arguments
    rounds : int
        How often each is timed.
    warm_up : int
        How often each is run before, without being timed: the first calls allocate memory and fill caches.
    clock : callable
        Gives the time in seconds.

    Returns
    -------
    dict of arrays of shape (rounds,)
        Seconds.
    """
    check_whole("rounds", rounds, 1)
    check_whole("warm_up", warm_up)
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(warm_up + rounds):
        for name, action in actions.items():
            start = clock()
            action()
            if turn >= warm_up:
                seconds[name].append(clock() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def median_and_quartiles(seconds: np.ndarray) -> dict[str, float]:
    """Return `median`, `low` and `high` of some times: a quarter of them lies below `low`, a quarter above `high`."""
    seconds = np.asarray(seconds, dtype=np.float64)
    if seconds.ndim != 1 or not len(seconds):
        raise ValueError(f"need a list of at least one time, got an array of shape {seconds.shape}")
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75])
    return {"median": float(median), "low": float(low), "high": float(high)}


def cheapest_within(accuracy: np.ndarray, cost: np.ndarray, points: float = 0.01) -> int:
    """Return which model costs least among those that are at most `points` less accurate than the best: its place.

    Of two that cost the same, the more accurate one.
    """
    accuracy, cost = np.asarray(accuracy, dtype=float), np.asarray(cost, dtype=float)
    _check_pairs(accuracy, cost)
    good = accuracy >= accuracy.max() - points - 1e-12
    return int(np.lexsort((-accuracy, np.where(good, cost, np.inf)))[0])


def not_beaten(accuracy: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return (n,) bool: True for a model if no other is at least as accurate and as cheap, and better in one of both."""
    accuracy, cost = np.asarray(accuracy, dtype=float), np.asarray(cost, dtype=float)
    _check_pairs(accuracy, cost)
    as_good = (accuracy[None] >= accuracy[:, None]) & (
        cost[None] <= cost[:, None]
    )  # (n, n): [i, j], is j as good as i
    better = (accuracy[None] > accuracy[:, None]) | (cost[None] < cost[:, None])
    return ~(as_good & better).any(axis=1)


def _check_pairs(accuracy: np.ndarray, cost: np.ndarray) -> None:
    if accuracy.shape != cost.shape or accuracy.ndim != 1 or not len(accuracy):
        raise ValueError(
            f"need one accuracy and one cost for each model, got the shapes {accuracy.shape} and {cost.shape}"
        )
