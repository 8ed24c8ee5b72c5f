"""What the lesson on attention writes out gives the same as the package's copies."""

from collections import namedtuple

import numpy as np
import pytest
from lessons import written_out

from utils import metrics, model_sizes, tokens

EQUAL = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out("2_concepts/attention_and_tokens", np=np, metrics=metrics, namedtuple=namedtuple)


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def test_patches(lesson, rng):
    image = rng.random((6, 9, 2))
    cut = tokens.patchify(image, 3)
    np.testing.assert_array_equal(lesson["patchify"](image, 3), cut)
    np.testing.assert_array_equal(lesson["unpatchify"](cut, 6, 9, 3), tokens.unpatchify(cut, 6, 9, 3))


def test_attention(lesson, rng):
    arrays = rng.normal(size=(3, 5, 4))
    for one, other in zip(lesson["attention"](*arrays), tokens.attention(*arrays), strict=True):
        np.testing.assert_allclose(one, other, **EQUAL)


def test_positions_and_their_task(lesson, rng):
    np.testing.assert_allclose(lesson["sine_positions"](7, 6), tokens.sine_positions(7, 6), **EQUAL)
    seed = int(rng.integers(1000))
    ours, theirs = (f(4, np.random.default_rng(seed)) for f in (lesson["sun_and_sail"], tokens.sun_and_sail))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_heads_look_at(lesson, rng):
    p, q = rng.dirichlet(np.ones(6), (2, 6))
    for name, arguments in (("jensen_shannon", (p, q)), ("attention_distance", (p, 3, 4))):
        np.testing.assert_allclose(lesson[name](*arguments), getattr(tokens, name)(*arguments), **EQUAL)


@pytest.mark.parametrize("options", [{}, {"num_classes": 5}, {"class_token": False}])
def test_sizes(lesson, options):
    shape = (28, 7, 12, 3, 20, 4)
    ours, theirs = (
        module(*shape, **options) for module in (lesson["vision_transformer"], model_sizes.vision_transformer)
    )
    assert [tuple(layer) for layer in ours] == [
        (layer.name, layer.parameters, layer.multiply_adds, layer.outputs) for layer in theirs
    ]
    assert lesson["totals"](ours) == model_sizes.totals(theirs)
    grouped = ("g", 5, 4, 8, 3, 2, False)
    assert lesson["convolution"](*grouped)[1:3] == (
        model_sizes.convolution(*grouped).parameters,
        model_sizes.convolution(*grouped).multiply_adds,
    )
