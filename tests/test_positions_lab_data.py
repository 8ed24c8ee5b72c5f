"""What the lab on positional encoding loads: cosines between the learned positions of two trained models."""

import base64
import json

import numpy as np

from utils.labs import positions


def test_the_script_holds_the_cosines_and_the_vectors():
    (name, text), *others = positions.make().items()
    data = json.loads(text.split("=", 2)[2].rstrip(";\n"))
    assert name == "data-positions.js" and others == [] and len(text) < 150_000
    np.testing.assert_array_equal([data["query"], data["key"]], positions.query_and_key())
    for kind, model in positions.MODELS.items():
        cosines = np.frombuffer(base64.b64decode(data["learned"][kind]), "<f4").reshape(64, 64)
        np.testing.assert_array_equal(cosines, positions.learned_similarity(model))
        np.testing.assert_allclose(np.diagonal(cosines), 1, atol=1e-6)
        np.testing.assert_array_equal(cosines, cosines.T)


def test_neighbours_have_learned_to_be_alike_and_mirrored_corners_in_one_model():
    """What the page asks the reader to see."""
    row, column = np.divmod(np.arange(64), 8)
    steps = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)  # (64, 64)
    for model in positions.MODELS.values():
        cosines = positions.learned_similarity(model)
        assert cosines[steps == 1].mean() > cosines[steps == 2].mean() > cosines[steps == 4].mean()
    corner = positions.learned_similarity("vit_cifar10")[0].reshape(8, 8)
    assert corner[0, 7] > 0.5 and abs(corner[7, 0]) < 0.1
