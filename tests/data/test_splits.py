import numpy as np
import pytest

from utils.data.dataset import ImageDataset
from utils.data.splits import (
    assert_disjoint,
    check_split,
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


def test_disjoint_is_noticed_by_pixels():
    assert_disjoint(train=dataset([1, 2, 2]), test=dataset([3, 4]))
    with pytest.raises(ValueError, match="in 'train' and in 'test'"):
        assert_disjoint(train=dataset([1, 2]), validation=dataset([5]), test=dataset([4, 2]))


def test_hashes_see_one_changed_value():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, 3, 3, 2] = 1
    assert len(set(pixel_hashes(images))) == 2


def test_unknown_split():
    with pytest.raises(ValueError, match="unknown split 'val': choose one of 'train', 'validation', 'test'"):
        check_split("val")
