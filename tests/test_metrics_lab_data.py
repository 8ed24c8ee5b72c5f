"""What the lab on metrics loads: the scores of the trained network, and the pictures that it ranks worst."""

import base64
import json

import numpy as np
import pytest
import yaml

from utils import data
from utils.labs import metrics as lab
from utils.runs import ROOT


@pytest.fixture(scope="module")
def scenes():
    return data.load("scenes", "validation", lab.COUNT)


@pytest.fixture(scope="module")
def facts():
    """Return what the script of the lab holds."""
    text = lab.make()["data-metrics.js"]
    assert len(text) <= 150_000
    return json.loads(text.split('courseData["metrics"] = ')[1].removesuffix(";\n"))


def unpacked(text, dtype, shape):
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


def test_scores_are_the_probabilities_of_the_network(facts, scenes):
    scores = unpacked(facts["scores"], "<u2", (10, lab.COUNT)).T
    assert facts["labels"] == scenes.labels.tolist()
    np.testing.assert_allclose(scores.sum(axis=1), facts["steps"], atol=5)
    right = scores.argmax(axis=1) == scenes.labels
    assert 0.6 < right.mean() < 0.9  # the record of the network: 0.716 on all validation scenes


def test_pictures_are_those_that_are_ranked_worst(facts, scenes):
    scores = unpacked(facts["scores"], "<u2", (10, lab.COUNT)).T.astype(int)
    images = unpacked(facts["images"], np.uint8, (10, 2, 32, 32, 3))
    for shape, (other, own) in enumerate(facts["worst"]):
        is_it = scenes.labels == shape
        assert not is_it[other] and is_it[own]
        assert scores[other, shape] == scores[~is_it, shape].max()
        assert scores[own, shape] == scores[is_it, shape].min()
        np.testing.assert_array_equal(images[shape], scenes.images[[other, own]])


def test_words_name_the_classes_in_their_order(scenes):
    words = yaml.safe_load((ROOT / "book" / "labs.yml").read_text("utf-8"))["labs"]["metrics"]["words"]
    assert tuple(words["classes"].split(", ")) == scenes.class_names
