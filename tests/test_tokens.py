import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch.nn import functional

from utils import tokens


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("height, width, channels, patch_size", [(8, 8, 3, 4), (6, 9, 1, 3), (4, 8, 2, 1)])
def test_patches_are_those_of_torch_and_come_together_again(rng, height, width, channels, patch_size):
    image = rng.integers(0, 256, (height, width, channels)).astype(np.uint8)
    cut = tokens.patchify(image, patch_size)
    assert cut.dtype == np.uint8 and cut.shape == (
        height * width // patch_size**2,
        patch_size**2 * channels,
    )
    theirs = functional.unfold(
        torch.from_numpy(image).permute(2, 0, 1)[None].double(), patch_size, stride=patch_size
    )[0]  # (C·P², N), channels outermost
    theirs = theirs.T.reshape(len(cut), channels, -1).swapaxes(1, 2).reshape(len(cut), -1)
    np.testing.assert_array_equal(cut, theirs)
    np.testing.assert_array_equal(tokens.unpatchify(cut, height, width, patch_size), image)


def test_patchify_wants_an_image_that_patches_fill():
    with pytest.raises(ValueError, match=r"shape \(H, W, C\), got \(8, 8\)"):
        tokens.patchify(np.zeros((8, 8)), 4)
    for patch_size in (3, 0, -4):
        with pytest.raises(ValueError, match="do not fill an image of 8 × 8"):
            tokens.patchify(np.zeros((8, 8, 3)), patch_size)
    with pytest.raises(ValueError, match="do not fill an image of 0 × 8"):
        tokens.patchify(np.zeros((0, 8, 3)), 4)


def test_unpatchify_wants_the_right_number_of_patches_and_numbers():
    with pytest.raises(ValueError, match="are 4 patches, got"):
        tokens.unpatchify(np.zeros((3, 48)), 8, 8, 4)
    with pytest.raises(ValueError, match="are 4 patches, got"):
        tokens.unpatchify(np.zeros((4, 0)), 8, 8, 4)
    with pytest.raises(ValueError, match="50 numbers are no patch"):
        tokens.unpatchify(np.zeros((4, 50)), 8, 8, 4)


def test_attention_equals_torch_and_is_carried_along_by_a_permutation(rng):
    queries, keys, values = rng.normal(size=(3, 7, 4)) * 2
    outputs, weights = tokens.attention(queries, keys, values)
    theirs = functional.scaled_dot_product_attention(*(torch.from_numpy(a) for a in (queries, keys, values)))
    np.testing.assert_allclose(outputs, theirs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    order = rng.permutation(7)
    shuffled, _ = tokens.attention(queries[order], keys[order], values[order])
    np.testing.assert_allclose(shuffled, outputs[order], rtol=0, atol=1e-12)
    few, _ = tokens.attention(queries[:2], keys, values[:, :1])
    np.testing.assert_allclose(few, outputs[:2, :1], rtol=0, atol=1e-12)


def test_attention_says_what_is_wrong():
    good = np.ones((3, 2))
    with pytest.raises(ValueError, match="need one width"):
        tokens.attention(np.ones((3, 4)), good, good)
    with pytest.raises(ValueError, match="need one width"):
        tokens.attention(good, good, np.ones((4, 2)))
    for bad in (np.ones(3), np.ones((0, 2)), np.full((3, 2), np.nan)):
        with pytest.raises(ValueError, match="keys must be finite numbers"):
            tokens.attention(good, bad, good)


def test_sine_positions_follow_the_formula():
    table = tokens.sine_positions(5, 6)
    assert table.shape == (5, 6)
    for n in range(5):
        for k in range(3):
            angle = n / 10_000 ** (2 * k / 6)
            np.testing.assert_allclose(table[n, 2 * k : 2 * k + 2], [np.sin(angle), np.cos(angle)])
    for bad in ((0, 4), (3, 0), (3, 5)):
        with pytest.raises(ValueError, match="at least one position and an even width"):
            tokens.sine_positions(*bad)


def patches_in_order(image):
    return np.array(sorted(map(tuple, tokens.patchify(image, 8))))


def test_pairs_of_sun_and_sail_hold_the_same_patches_and_opposite_labels():
    images, labels = tokens.sun_and_sail(30, np.random.default_rng(0))
    assert images.shape == (60, 32, 32, 3) and images.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.tile([1, 0], 30))
    row_of = {name: [] for name in ("sun", "sail")}
    for image in images:
        for name, colour in (("sun", tokens.SUN), ("sail", tokens.SAIL)):
            row_of[name].append(np.flatnonzero((image == colour).all(axis=2).any(axis=1))[0] // 8)
    np.testing.assert_array_equal(np.array(row_of["sun"]) < row_of["sail"], labels == 1)
    assert set(row_of["sun"]) == set(row_of["sail"]) == {0, 1, 2, 3}
    for first, second in images.reshape(30, 2, 32, 32, 3):
        np.testing.assert_array_equal(patches_in_order(first), patches_in_order(second))
        assert (first != second).any()
    with pytest.raises(ValueError, match="at least one pair of pictures, got 0"):
        tokens.sun_and_sail(0, np.random.default_rng(0))


def test_jensen_shannon_equals_scipy(rng):
    p, q = rng.dirichlet(np.ones(6), (2, 5))
    p[0, :5], p[0, 5] = 0, 1
    ours = tokens.jensen_shannon(p, q)
    np.testing.assert_allclose(ours, jensenshannon(p, q, base=2, axis=-1) ** 2, atol=1e-12)
    np.testing.assert_allclose(tokens.jensen_shannon(p, p), 0, atol=1e-12)
    assert tokens.jensen_shannon([1.0, 0.0], [0.0, 1.0]) == 1
    for bad in ([0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], [], 1.0):
        with pytest.raises(ValueError, match="sum to 1"):
            tokens.jensen_shannon(bad, [0.5, 0.5])
    with pytest.raises(ValueError, match="have 3 and 2 shares"):
        tokens.jensen_shannon([0.2, 0.3, 0.5], [0.5, 0.5])


def test_attention_distance_is_in_pixels():
    weights = np.zeros((6, 6))  # two rows of three patches
    weights[:, 0] = 1  # everybody looks at the first
    expected = 4 * np.mean([0, 1, 2, 1, np.sqrt(2), np.sqrt(5)])
    np.testing.assert_allclose(tokens.attention_distance(weights, 3, 4), expected)
    assert tokens.attention_distance(np.eye(6), 3, 4) == 0
    assert tokens.attention_distance(np.tile(weights, (2, 5, 1, 1)), 3, 4).shape == (2, 5)
    with pytest.raises(ValueError, match=r"shape \(..., N, N\), got \(6, 5\)"):
        tokens.attention_distance(np.ones((6, 5)), 3, 4)
    for columns, patch_size in ((4, 4), (0, 4), (3, 0)):
        with pytest.raises(ValueError, match="do not stand in rows"):
            tokens.attention_distance(weights, columns, patch_size)
