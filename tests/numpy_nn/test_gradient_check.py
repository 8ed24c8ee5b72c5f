import numpy as np
import pytest

from utils.numpy_nn import (
    Dense,
    MaxPool,
    ReLU,
    Sequential,
    central_differences,
    compare_gradients,
    far_from_kinks,
    relative_difference,
)


def test_central_differences_are_exact_for_a_parabola_and_leave_the_array_alone():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    kept = x.copy()
    np.testing.assert_allclose(central_differences(lambda: float(np.sum(x**2)), x), 2 * x, rtol=1e-8)
    np.testing.assert_array_equal(x, kept)
    with pytest.raises(ValueError, match="need float64, got float32"):
        central_differences(lambda: 0.0, np.zeros(2, np.float32))


def test_the_error_shrinks_with_the_square_of_the_step():
    x = np.array([0.7])
    errors = [
        abs(central_differences(lambda: float(np.exp(x[0])), x, h)[0] - np.exp(0.7)) for h in (1e-2, 1e-3)
    ]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)
    assert errors[1] == pytest.approx(np.exp(0.7) * 1e-6 / 6, rel=0.01)  # the next term of Taylor's series


@pytest.mark.parametrize("kind", ["weight", "bias", "x"])
def test_a_wrong_gradient_is_found_and_named(kind):
    class Wrong(Dense):
        def backward(self, dz):
            dx = super().backward(dz)
            if kind in self.gradients:
                self.gradients[kind] = self.gradients[kind] * 1.001
            return dx * 1.001 if kind == "x" else dx

    rng = np.random.default_rng(0)
    errors = compare_gradients(Wrong(3, 2, rng, dtype=np.float64), rng.standard_normal((4, 3)), rng)
    assert errors.pop(kind) == pytest.approx(1e-3, rel=1e-3) and max(errors.values()) < 1e-8


def test_relative_difference_counts_in_the_largest_number_expected():
    assert relative_difference(np.array([1.0, 4.4]), np.array([1.0, 4.0])) == pytest.approx(0.1)
    assert relative_difference(np.array([0.5]), np.array([0.0])) == 0.5
    with pytest.raises(ValueError, match=r"different shapes, \(1,\) and \(2,\)"):
        relative_difference(np.zeros(1), np.zeros(2))


def test_close_decisions_of_relu_and_pooling_are_found_and_ties_are_none():
    maps = np.array([[1.0, 2.0, 0.5, -1.0]] * 5).reshape(5, 2, 2, 1)
    maps[1, 0, 0] = 1e-7  # a sign that hangs by a thread
    maps[2, 0, 0] = 2 - 1e-7  # two that nearly tie for the largest
    maps[3, 0, 0] = 2  # a tie
    maps[4, 0, 0] = 0.01
    network = Sequential({"relu": ReLU(), "pooling": MaxPool(2)})
    assert far_from_kinks(network, maps).tolist() == [True, False, False, True, True]
    assert far_from_kinks(network, maps, margin=0.1).tolist() == [True, False, False, True, False]
    assert far_from_kinks(Sequential({"pooling": MaxPool(2)}), maps).tolist() == [
        True,
        True,
        False,
        True,
        True,
    ]
