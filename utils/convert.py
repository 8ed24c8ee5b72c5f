"""Carry weights between NumPy, PyTorch and Keras: the same numbers, in the order and under the names of each.

NumPy's names and layouts, those of `utils.numpy_nn`, are the middle: what comes from PyTorch or Keras is turned into a
dictionary that `Layer.load` takes, and the reverse. A dense weight is (in, out) in NumPy and Keras, (out, in) in PyTorch;
a kernel is (K, K, C, O) there and (O, C, K, K) here; and behind a flatten PyTorch counts channel by channel, the others
pixel by pixel. Written out in `3_algorithms` and put to the test in `4_code`.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np
import torch
from torch import nn

from utils.numpy_nn.layer import check_state

KerasModel = Any
"""A `keras.Model`; Keras is not imported here, so that weights move to PyTorch without waiting for TensorFlow."""

State = Mapping[str, np.ndarray]
"""Arrays by the names of `utils.numpy_nn.Layer.named_parameters`."""


def from_torch(model: nn.Module) -> dict[str, np.ndarray]:
    """Return copies of a model's parameters with NumPy's layout, by the names of `named_parameters`.

    The parts of `torch.nn.MultiheadAttention` get the names of those of `utils.numpy_nn.Attention`.
    """
    channels = dict(_channels_before(model))
    return {
        name: _turn(parameter.detach().numpy(), channels.get(name), back=True).copy()
        for name, parameter in _torch_parameters(model)
    }


def gradients_from_torch(model: nn.Module) -> dict[str, np.ndarray]:
    """Return copies of the gradients that `backward` left in a model, under the names and in the layout of `from_torch`."""
    channels, gradients = dict(_channels_before(model)), {}
    for name, parameter in _torch_parameters(model):
        if parameter.grad is None:
            raise ValueError(f"{name} has no gradient yet: call backward on the loss first")
        gradients[name] = _turn(parameter.grad.numpy(), channels.get(name), back=True).copy()
    return gradients


def to_torch(state: State, model: nn.Module) -> None:
    """Copy `state` into a model of PyTorch; ValueError unless names and shapes fit."""
    channels = dict(_channels_before(model))
    check_state(state, {name: array.shape for name, array in from_torch(model).items()})
    with torch.no_grad():
        for name, parameter in _torch_parameters(model):
            turned = _turn(np.asarray(state[name]), channels.get(name), back=False)
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(turned)))


def from_keras(model: KerasModel) -> dict[str, np.ndarray]:
    """Return copies of a model's weights by NumPy's names; the parts of attention are put side by side."""
    return {
        name: np.concatenate([_flat(name, v.numpy()) for v in variables], axis=-1)
        for name, variables in _keras_variables(model)
    }


def gradients_from_keras(model: KerasModel, gradients: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return gradients of a model under the names and in the layout of `from_keras`.

    Parameters
    ----------
    model : Model
    gradients : sequence of tensors
        One for each of `model.trainable_variables`, in their order, as a gradient tape gives them.
    """
    variables = model.trainable_variables
    if len(gradients) != len(variables):
        raise ValueError(f"need one gradient for each of {len(variables)} variables, got {len(gradients)}")
    of = {id(variable): np.asarray(gradient) for variable, gradient in zip(variables, gradients, strict=True)}
    return {
        name: np.concatenate([_flat(name, of[id(part)]) for part in parts], axis=-1)
        for name, parts in _keras_variables(model)
    }


def to_keras(state: State, model: KerasModel) -> None:
    """Copy `state` into a model of Keras; ValueError unless names and shapes fit."""
    check_state(state, {name: array.shape for name, array in from_keras(model).items()})
    for name, variables in _keras_variables(model):
        for part, variable in zip(
            np.split(np.asarray(state[name]), len(variables), axis=-1), variables, strict=True
        ):
            variable.assign(part.reshape(variable.shape))


def _turn(array: np.ndarray, channels: int | None, *, back: bool) -> np.ndarray:
    """Give a weight the other layout: PyTorch's, or with `back` NumPy's; `channels` only for a weight behind a flatten."""
    if channels:
        return _pixels_to_channels(array, channels, back=back)
    if array.ndim == 4:
        return (
            array.transpose(2, 3, 1, 0) if back else array.transpose(3, 2, 0, 1)
        )  # (O, C, K, K) and (K, K, C, O)
    return array.T if array.ndim == 2 else array


def _pixels_to_channels(weight: np.ndarray, channels: int, *, back: bool) -> np.ndarray:
    """Change the order in which a dense layer counts the numbers of a flattened map, S × S pixels of C channels."""
    if back:
        side = isqrt(weight.shape[1] // channels)
        maps = weight.reshape(len(weight), channels, side, side)  # (out, C·S·S) -> (out, C, S, S)
        return maps.transpose(2, 3, 1, 0).reshape(-1, len(weight))  # -> (S, S, C, out) -> (S·S·C, out)
    side = isqrt(len(weight) // channels)
    maps = weight.reshape(side, side, channels, -1)  # (S·S·C, out) -> (S, S, C, out)
    return maps.transpose(3, 2, 0, 1).reshape(weight.shape[1], -1)  # -> (out, C, S, S) -> (out, C·S·S)


def _torch_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the parameters of a model by NumPy's names, which differ for PyTorch's own attention alone."""
    for name, parameter in model.named_parameters():
        yield name.replace("in_proj_", "qkv.").replace("out_proj.", "proj."), parameter


def _channels_before(model: nn.Module) -> Iterator[tuple[str, int]]:
    """Yield the name of each dense weight that stands behind a flatten, and how many channels were flattened."""
    channels, flat = 0, False
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            channels = module.out_channels
        elif isinstance(module, nn.Flatten):
            flat = True
        elif isinstance(module, nn.Linear):
            if flat:
                yield f"{name}.weight", channels
            flat = False


def _keras_variables(model: KerasModel) -> Iterator[tuple[str, list]]:
    """Yield NumPy's name for each weight of a model, and the variables that hold it, side by side."""
    for layer in model.layers:
        if hasattr(layer, "query_dense"):
            parts = (layer.query_dense, layer.key_dense, layer.value_dense)
            yield f"{layer.name}.qkv.weight", [part.kernel for part in parts]
            yield f"{layer.name}.qkv.bias", [part.bias for part in parts]
            yield f"{layer.name}.proj.weight", [layer.output_dense.kernel]
            yield f"{layer.name}.proj.bias", [layer.output_dense.bias]
        elif len(layer.weights) == 1:
            yield layer.name, [layer.weights[0]]
        elif layer.weights:
            weight, bias = layer.weights
            yield f"{layer.name}.weight", [weight]
            yield f"{layer.name}.bias", [bias]


def _flat(name: str, array: np.ndarray) -> np.ndarray:
    """Join the axes of heads: (D, A, E) to (D, D), (A, E) to (D), and at the end of attention (A, E, D) to (D, D)."""
    if array.ndim == 3 and name.endswith("proj.weight"):
        return array.reshape(-1, array.shape[2])
    if array.ndim == 3 and name.endswith("qkv.weight"):
        return array.reshape(len(array), -1)
    return array.reshape(-1) if name.endswith("qkv.bias") else array
