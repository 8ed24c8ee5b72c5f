import numpy as np
import pytest
import torch
from parity import assert_close, both_dtypes

from utils import metrics
from utils.numpy_nn import central_differences, cross_entropy, relative_difference, softmax, softmax_backward


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@both_dtypes
@pytest.mark.parametrize("shape", [(1, 2), (5, 3), (7, 10)])
def test_cross_entropy_equals_pytorch(rng, shape, dtype):
    z, y = (3 * rng.standard_normal(shape)).astype(dtype), rng.integers(0, shape[1], shape[0])
    theirs = torch.from_numpy(z).requires_grad_()
    expected = torch.nn.functional.cross_entropy(theirs, torch.from_numpy(y))
    expected.backward()
    loss, dz = cross_entropy(z, y)
    assert loss == pytest.approx(expected.item(), rel=1e-10 if dtype == np.float64 else 1e-5)
    assert_close(dz, theirs.grad, dtype, "dz")


def test_cross_entropy_gradient_is_central_differences(rng):
    z, y = rng.standard_normal((4, 5)), np.array([0, 4, 2, 2])
    slopes = central_differences(lambda: cross_entropy(z, y)[0], z)
    assert relative_difference(cross_entropy(z, y)[1], slopes) < 1e-8


def test_cross_entropy_knows_simple_cases():
    assert cross_entropy(np.zeros((3, 10)), np.arange(3))[0] == pytest.approx(np.log(10), abs=1e-12)
    sure, wrong = np.array([[1e4, 0.0]]), np.array([[0.0, 1e4]])
    assert cross_entropy(sure, np.array([0]))[0] == 0
    assert cross_entropy(wrong, np.array([0]))[0] == pytest.approx(1e4)
    assert abs(cross_entropy(wrong, np.array([0]))[1]).max() == 1


@both_dtypes
def test_softmax_equals_pytorch_forwards_and_backwards(rng, dtype):
    z = (4 * rng.standard_normal((2, 3, 5))).astype(dtype)
    dp = rng.standard_normal(z.shape).astype(dtype)
    theirs = torch.from_numpy(z).requires_grad_()
    expected = theirs.softmax(dim=-1)
    expected.backward(torch.from_numpy(dp))
    p = softmax(z)
    assert_close(p, expected.detach(), dtype, "p")
    assert_close(softmax_backward(dp, p), theirs.grad, dtype, "dz")


def test_softmax_gradient_is_central_differences(rng):
    z, factors = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    slopes = central_differences(lambda: float(np.sum(factors * softmax(z))), z)
    assert relative_difference(softmax_backward(factors, softmax(z)), slopes) < 1e-8


def test_softmax_is_that_of_the_metrics_and_does_not_overflow(rng):
    z = rng.standard_normal((4, 5))
    np.testing.assert_allclose(softmax(z), metrics.softmax(z), rtol=0, atol=1e-15)
    np.testing.assert_allclose(softmax(z + 1e4), softmax(z), rtol=0, atol=1e-11)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(softmax(np.array([1e4, 0, -1e4])), [1, 0, 0])


@pytest.mark.parametrize(
    ("z", "y", "message"),
    [
        (np.zeros(3), np.zeros(3, int), r"need logits z \(B, Y\) and classes y \(B\), got \(3,\) and \(3,\)"),
        (np.zeros((3, 2)), np.zeros(2, int), r"got \(3, 2\) and \(2,\)"),
        (np.zeros((0, 2)), np.zeros(0, int), "need logits"),
        (np.zeros((2, 3)), np.array([0, 3]), "whole numbers from 0 to 2, got int64 from 0 to 3"),
        (np.zeros((2, 3)), np.array([-1, 0]), "from -1 to 0"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "whole numbers from 0 to 2, got float64"),
        (np.full((2, 3), np.nan), np.array([0, 1]), "z must hold finite"),
    ],
)
def test_cross_entropy_says_what_is_wrong(z, y, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy(z, y)
