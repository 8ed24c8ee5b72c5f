"""What the study of explanations computes besides the maps."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from utils.explanation_study import rank_correlation


@pytest.mark.parametrize("seed", range(4))
def test_rank_correlation_is_scipys_with_ties_too(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 6, (2, 5, 8, 4)).astype(float)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(rank_correlation(one, other), expected, rtol=0, atol=1e-12)


def test_rank_correlation_sees_order_only_and_a_flat_map_agrees_with_nothing():
    heat = np.random.default_rng(0).random((3, 4, 4))
    np.testing.assert_allclose(rank_correlation(heat, np.exp(5 * heat)), 1)
    np.testing.assert_allclose(rank_correlation(heat, -heat), -1)
    np.testing.assert_allclose(rank_correlation(heat, 0 * heat), 0)


def test_maps_of_two_shapes_cannot_be_compared():
    with pytest.raises(ValueError, match=r"got \(1, 2, 3\) and \(1, 3, 2\)"):
        rank_correlation(np.zeros((1, 2, 3)), np.zeros((1, 3, 2)))
