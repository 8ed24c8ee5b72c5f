"""What the chapter on data writes out gives the same as the package's copy, on random images, labels and groups."""

import numpy as np
import pytest
from lessons import written_out

from utils.data import duplicates, splits, transforms

FRACTIONS = {"train": 0.5, "validation": 0.3, "test": 0.2}


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out("1_background/data", np=np)


@pytest.fixture(params=range(5))
def rng(request):
    return np.random.default_rng(request.param)


def test_standardising(lesson, rng):
    images = rng.normal(3, 2, (20, 5, 7, 3)) * [1, 2, 3]
    ours, theirs = lesson["channel_statistics"](images), transforms.channel_statistics(images)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    standardised = lesson["standardise"](images, *ours)
    np.testing.assert_allclose(standardised, transforms.standardise(images, *theirs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["stratified_split", "group_split"])
def test_splits(lesson, rng, name):
    numbers, seed = rng.integers(0, 9, 200), int(rng.integers(1000))
    ours, theirs = (
        split(numbers, FRACTIONS, np.random.default_rng(seed))
        for split in (lesson[name], getattr(splits, name))
    )
    assert list(ours) == list(theirs)
    for part in ours:
        np.testing.assert_array_equal(ours[part], theirs[part])


def test_similarity(lesson, rng):
    images, others = rng.integers(0, 256, (2, 30, 6, 6, 3)).astype(np.uint8)
    indices, similarity = lesson["most_similar"](images, others)
    expected_indices, expected = duplicates.most_similar(images, others)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(similarity, expected, rtol=0, atol=1e-6)
