"""What the tests of layers share: the same numbers through NumPy and PyTorch, forwards and backwards, and differences."""

import numpy as np
import pytest
import torch

from utils import convert, numpy_nn

TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}
"""Largest difference from PyTorch, relative to the largest number, of outputs and of all gradients."""

both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def randomise(layer, rng, scale=0.5):
    """Give all parameters random numbers, so that no bias is 0 and no gain is 1."""
    for parameter in layer.named_parameters().values():
        parameter[...] = scale * rng.standard_normal(parameter.shape)
    return layer


def assert_close(given, expected, dtype, what):
    given, expected = np.asarray(given), np.asarray(expected)
    assert given.dtype == dtype, f"{what} is {given.dtype}, not {np.dtype(dtype)}"
    difference = numpy_nn.relative_difference(given, expected)
    assert difference <= TOLERANCE[dtype], f"{what} differs by {difference:.1e}"


def assert_equals_pytorch(layer, module, x, rng):
    """Compare output, gradient of the input and gradients of all parameters, on the layer's own weights.

    Images and maps (B, H, W, C) are given to the module as (B, C, H, W), and maps that come out are turned back.
    """
    dtype = x.dtype.type
    module = module.to(torch.float64 if dtype == np.float64 else torch.float32)
    convert.to_torch(layer.named_parameters(), module)
    theirs_x = torch.from_numpy(x.copy()).requires_grad_()
    theirs = module(theirs_x.movedim(3, 1) if x.ndim == 4 else theirs_x)  # (B, H, W, C) -> (B, C, H, W)
    theirs = theirs.movedim(1, 3) if theirs.ndim == 4 else theirs
    ours = layer.forward(x)
    dz = rng.standard_normal(ours.shape).astype(dtype)
    theirs.backward(torch.from_numpy(dz))
    assert_close(ours, theirs.detach(), dtype, "the output")
    assert_close(layer.backward(dz), theirs_x.grad, dtype, "dx")
    with torch.no_grad():  # gradients have the layout of their parameters, so they are carried like weights
        for parameter in module.parameters():
            parameter.copy_(parameter.grad)
    expected = convert.from_torch(module)
    assert layer.named_gradients().keys() == expected.keys()
    for name, gradient in layer.named_gradients().items():
        assert_close(gradient, expected[name], dtype, f"the gradient of {name}")


def assert_gradients_are_differences(layer, x, rng, tolerance=1e-7):
    for name, difference in numpy_nn.compare_gradients(layer, x, rng).items():
        assert difference <= tolerance, f"the gradient of {name} is {difference:.1e} from central differences"
