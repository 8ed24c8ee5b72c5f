"""The bridge to pycocotools, on a scene that can be counted by hand; the random scenes are in tests/metrics."""

import numpy as np
import pytest

from utils.coco_reference import coco_average_precision_table


def test_a_scene_counted_by_hand(capsys):
    """One of two objects is found, by a box that covers three quarters of it; the second class is in no image."""
    truth = [([[0, 0, 4, 4], [8, 0, 12, 4]], [0, 0]), ([], [])]
    predictions = [([[0, 0, 4, 3]], [0], [0.9]), ([[0, 0, 1, 1]], [1], [0.8])]
    table, mean = coco_average_precision_table(truth, predictions, 2)
    np.testing.assert_allclose(table[0], [51 / 101] * 6 + [0] * 4, rtol=0, atol=1e-12)
    assert np.isnan(table[1]).all()
    assert mean == pytest.approx(0.6 * 51 / 101, abs=1e-12)
    assert capsys.readouterr().out == ""
