"""What poisoning changes and leaves alone, and what the spectral signature finds where the truth is known."""

import numpy as np
import pytest

from utils import poisoning
from utils.data import load
from utils.long_training import train_recipe
from utils.recipes import RECIPES
from utils.torch_training import predict, to_tensor

SCENES = load("scenes", "train", count=120, seed=0)


def test_the_trigger_is_a_chessboard_and_nothing_else_changes():
    before = SCENES.images.copy()
    marked = poisoning.add_trigger(SCENES.images)
    changed = np.zeros((32, 32), bool)
    changed[26:30, 26:30] = True
    np.testing.assert_array_equal(marked[:, ~changed], before[:, ~changed])
    board = marked[:, 26:30, 26:30]
    assert (board == board[:1, ..., :1]).all() and set(np.unique(board)) == {0, 255}
    assert (board[0, 1:, :, 0] != board[0, :-1, :, 0]).all() and (board[0, :, 1:] != board[0, :, :-1]).all()
    np.testing.assert_array_equal(SCENES.images, before)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_poison_marks_and_relabels_the_rows_that_it_names(count):
    bad, rows = poisoning.poison(SCENES, count, 3, np.random.default_rng(0))
    rest = np.setdiff1d(np.arange(len(SCENES)), rows)
    assert len(rows) == count == len(set(rows)) and (np.diff(rows) > 0).all()
    assert (SCENES.labels[rows] != 3).all() and (bad.labels[rows] == 3).all()
    np.testing.assert_array_equal(bad.images[rows], poisoning.add_trigger(SCENES.images[rows]))
    np.testing.assert_array_equal(bad.images[rest], SCENES.images[rest])
    np.testing.assert_array_equal(bad.labels[rest], SCENES.labels[rest])
    assert type(bad) is type(SCENES) and bad.captions == SCENES.captions


def lumps(seed=0, near=False):
    """Two classes of 100 and 120; the last 20 rows, of the second, lie apart from their class."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(220, 8))
    labels = np.repeat([0, 1], [100, 120])
    features[labels == 1, 0] += 20  # where a class lies says nothing
    features[200:, 2] += 0 if near else 15
    return features, labels


def test_a_lump_within_a_class_is_found():
    features, labels = lumps()
    scores = poisoning.spectral_scores(features, labels)
    assert set(np.argsort(-scores)[:20]) == set(range(200, 220))
    np.testing.assert_array_equal(poisoning.most_suspicious(scores, labels, 20)[-20:], np.arange(200, 220))
    shares = poisoning.first_direction(features, labels)
    assert shares.shape == (2,) and shares[1] > 0.7 > 0.3 > shares[0]
    one_line = np.outer(np.arange(5.0), np.ones(3))
    assert poisoning.first_direction(one_line, np.zeros(5)) == pytest.approx([1])


def test_scores_are_the_squared_first_principal_component_of_each_class():
    from sklearn.decomposition import PCA

    features, labels = lumps(near=True)
    scores = poisoning.spectral_scores(features, labels)
    for label in (0, 1):
        part = features[labels == label]
        theirs = PCA(1, svd_solver="full").fit_transform(part)[:, 0] ** 2
        np.testing.assert_allclose(scores[labels == label], theirs, rtol=1e-8, atol=1e-10)
    order = np.random.default_rng(1).permutation(len(labels))
    mixed = poisoning.spectral_scores(features[order] + 5, labels[order])
    np.testing.assert_allclose(mixed, scores[order], rtol=1e-8, atol=1e-9)


def test_the_most_suspicious_are_counted_in_each_class():
    scores, labels = np.array([5.0, 1, 2, 9, 9, 0]), np.array([0, 0, 0, 1, 1, 1])
    assert poisoning.most_suspicious(scores, labels, 1).tolist() == [0, 3]
    assert poisoning.most_suspicious(scores, labels, 2).tolist() == [0, 2, 3, 4]
    assert len(poisoning.most_suspicious(scores, labels, 9)) == 6


def test_features_are_what_the_last_layer_gets():
    recipe = RECIPES["cnn_sooner"].changed(epochs=1, batch_size=60)
    model, _ = train_recipe(recipe, SCENES, seed=0)
    features = poisoning.pooled_features(model, SCENES.images, batch_size=50)
    logits = features @ model.network.head.weight.detach().numpy().T / 9
    np.testing.assert_allclose(logits, predict(model, to_tensor(SCENES.images)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: poisoning.poison(SCENES, 200, 0, np.random.default_rng(0)), "count must be a whole number"),
        (lambda: poisoning.poison(SCENES, 2, 10, np.random.default_rng(0)), "target must be a whole number"),
        (lambda: poisoning.poison(SCENES, 2, 0, 0), "rng must be a generator"),
        (lambda: poisoning.add_trigger(SCENES.images, side=40), "side must be a whole number, from 1 to 30"),
        (lambda: poisoning.add_trigger(SCENES.images / 255), "images must be uint8"),
        (lambda: poisoning.spectral_scores(np.zeros((3, 2)), np.zeros(4)), r"features \(B, D\) and labels"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
