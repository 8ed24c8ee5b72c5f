import numpy as np
import pytest

from utils.data.dataset import ImageDataset
from utils.data.splits import (
    assert_disjoint,
    check_split,
    group_split,
    pixel_hashes,
    stratified_choice,
    stratified_counts,
    stratified_split,
)

LABELS = np.random.default_rng(0).choice(4, 500, p=[0.55, 0.25, 0.15, 0.05])


def dataset(values):
    images = np.array(values, np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    return ImageDataset(images, np.zeros(len(values), np.int64), ("only",))


def test_split_is_a_partition_with_the_same_mix():
    parts = stratified_split(LABELS, {"a": 0.7, "b": 0.2, "c": 0.1}, np.random.default_rng(1))
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(500))
    for name, fraction in {"a": 0.7, "b": 0.2, "c": 0.1}.items():
        expected = fraction * np.bincount(LABELS)
        assert np.abs(np.bincount(LABELS[parts[name]], minlength=4) - expected).max() <= 1


def test_split_follows_the_seed():
    one, same, other = (
        stratified_split(LABELS, {"a": 0.5, "b": 0.5}, np.random.default_rng(s))["a"] for s in (1, 1, 2)
    )
    assert np.array_equal(one, same) and not np.array_equal(np.sort(one), np.sort(other))


def test_split_fractions_must_sum_to_one():
    with pytest.raises(ValueError, match="must sum to 1"):
        stratified_split(LABELS, {"a": 0.5, "b": 0.6}, np.random.default_rng(0))


GROUPS = np.random.default_rng(1).integers(0, 40, 300)


def test_no_group_is_in_two_parts():
    parts = group_split(GROUPS, {"a": 0.5, "b": 0.25, "c": 0.25}, np.random.default_rng(2))
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(300))
    members = [set(GROUPS[part]) for part in parts.values()]
    assert [len(part) for part in members] == [20, 10, 10]
    assert not members[0] & members[1] and not members[0] & members[2] and not members[1] & members[2]


def test_group_split_follows_the_seed():
    one, same, other = (
        group_split(GROUPS, {"a": 0.5, "b": 0.5}, np.random.default_rng(s))["a"] for s in (1, 1, 2)
    )
    assert np.array_equal(one, same) and not np.array_equal(np.sort(one), np.sort(other))
    assert not np.array_equal(one, np.sort(one)), "shuffled, or the frames of a group stay side by side"


@pytest.mark.parametrize("split", [stratified_split, group_split])
@pytest.mark.parametrize(
    "numbers, fractions, message",
    [
        ([], {"a": 1.0}, "are empty: there is nothing to split"),
        ([[0, 1]], {"a": 1.0}, r"one number for each image, shape \(B,\), got shape \(1, 2\)"),
        ([0.5, 1.0], {"a": 1.0}, "must be whole numbers, got float64"),
        (["cat", "dog"], {"a": 1.0}, "must be whole numbers, got <U3"),
        ([0, -1], {"a": 1.0}, "must not be negative, got -1"),
        ([0, 1], {"a": 0.5, "b": 0.6}, "must sum to 1"),
        ([0, 1], {"a": 1.5, "b": -0.5}, r"the fraction of 'a' must lie in \[0, 1\], got 1.5"),
        ([0, 1], {"a": np.nan, "b": 1.0}, "the fraction of 'a' must lie in .* got nan"),
        ([0, 1], {"a": "half", "b": 0.5}, "the fraction of 'a' must be a number, got 'half'"),
        ([0, 1], {}, "fractions must be a dict of names and numbers"),
        ([0, 1], [0.5, 0.5], "fractions must be a dict of names and numbers"),
    ],
)
def test_bad_input_of_the_splits(split, numbers, fractions, message):
    with pytest.raises(ValueError, match=message):
        split(np.array(numbers), fractions, np.random.default_rng(0))


@pytest.mark.parametrize("split", [stratified_split, group_split])
def test_the_splits_draw_from_a_generator(split):
    with pytest.raises(ValueError, match="rng must be a generator such as"):
        split(LABELS, {"a": 1.0}, 0)


@pytest.mark.parametrize("count", [0, 1, 7, 250, 500])
def test_choice_is_distinct_and_in_proportion(count):
    chosen = stratified_choice(LABELS, count, np.random.default_rng(0))
    assert len(chosen) == len(set(chosen)) == count
    expected = np.bincount(LABELS) * count / 500
    assert np.abs(np.bincount(LABELS[chosen], minlength=4) - expected).max() < 1


def test_counts_sum_and_refuse_too_many():
    assert stratified_counts(LABELS, 33).sum() == 33
    with pytest.raises(ValueError, match="asked for 501 of 500 images"):
        stratified_counts(LABELS, 501)
    for count, message in (
        (-1, "at least 0, got -1"),
        (2.5, "a whole number, .*got 2.5"),
        (np.nan, "got nan"),
    ):
        with pytest.raises(ValueError, match=f"count must be .*{message}"):
            stratified_choice(LABELS, count, np.random.default_rng(0))
    assert stratified_choice([], 0, np.random.default_rng(0)).shape == (0,)


def test_disjoint_is_noticed_by_pixels():
    assert_disjoint(train=dataset([1, 2, 2]), test=dataset([3, 4]))
    with pytest.raises(ValueError, match="in 'train' and in 'test'"):
        assert_disjoint(train=dataset([1, 2]), validation=dataset([5]), test=dataset([4, 2]))


def test_hashes_see_one_changed_value():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, 3, 3, 2] = 1
    assert len(set(pixel_hashes(images))) == 2


def test_hashes_and_comparisons_refuse_what_they_cannot_compare():
    with pytest.raises(ValueError, match=r"images must be uint8 of shape \(B, H, W, C\), got float64"):
        pixel_hashes(np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match=r"got uint8 of shape \(4, 4, 3\)"):
        pixel_hashes(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="at least two data sets to compare, got 1"):
        assert_disjoint(train=dataset([1]))


def test_unknown_split():
    with pytest.raises(ValueError, match="unknown split 'val': choose one of 'train', 'validation', 'test'"):
        check_split("val")
    with pytest.raises(ValueError, match="unknown split 0"):
        check_split(0)
