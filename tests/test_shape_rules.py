"""Rules for shapes: their measures against geometry, and what `6_faq/recognition_and_ai` writes out against `utils`."""

import numpy as np
import pytest
from lessons import written_out
from scipy.ndimage import binary_fill_holes
from scipy.spatial import ConvexHull
from skimage.filters import threshold_otsu
from skimage.measure import label

from utils import shape_learners, shape_rules
from utils.data.scene_shapes import SHAPES


def drawn(name, size=801):
    axis = np.linspace(-1.1, 1.1, size, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    return SHAPES[name](u, v) < 0


@pytest.mark.parametrize("name", shape_rules.NAMES)
def test_the_measures_of_a_large_shape_are_those_of_geometry(name):
    ideal = shape_rules.ideal_measures()[name]
    np.testing.assert_allclose(shape_rules.measure(drawn(name)), ideal, atol=0.01)
    assert shape_rules.name_by_rules(*ideal)[0] == name


@pytest.mark.parametrize("name", shape_rules.NAMES)
def test_turning_and_moving_leave_the_measures(name):
    mask = drawn(name, 201)
    measures = shape_rules.measure(mask)
    np.testing.assert_allclose(shape_rules.measure(np.rot90(mask)), measures, atol=1e-9)
    np.testing.assert_allclose(shape_rules.measure(np.pad(mask, ((9, 0), (0, 4)))), measures, atol=1e-9)


@pytest.mark.parametrize("condition", ["clean", "turned"])
@pytest.mark.parametrize("seed", range(3))
def test_the_rules_are_right_on_calm_pictures(condition, seed):
    images, labels = shape_rules.draw_shapes(120, np.random.default_rng(seed), condition)
    assert images.shape == (120, 32, 32, 3) and set(labels) == set(range(6))
    answers = shape_rules.answers_by_rules(shape_rules.measure_all(images))
    assert (answers == labels).mean() > 0.97


def test_an_unknown_condition_is_named():
    with pytest.raises(ValueError, match="foggy.*clean"):
        shape_rules.draw_shapes(3, np.random.default_rng(0), "foggy")


def test_the_lesson_writes_out_what_utils_has():
    lesson = written_out(
        "6_faq/recognition_and_ai",
        np=np,
        label=label,
        threshold_otsu=threshold_otsu,
        binary_fill_holes=binary_fill_holes,
        ConvexHull=ConvexHull,
    )
    images, _ = shape_rules.draw_shapes(40, np.random.default_rng(5), "all at once")
    for image in images:
        mask = lesson["find_object"](image)
        np.testing.assert_array_equal(mask, shape_rules.find_object(image))
        np.testing.assert_array_equal(lesson["measure"](mask), shape_rules.measure(mask))
    for row in np.random.default_rng(0).random((200, 3)):
        assert lesson["name_by_rules"](*row) == shape_rules.name_by_rules(*row)


def test_tree_and_network_learn_calm_shapes_by_heart():
    images, labels = shape_rules.draw_shapes(24, np.random.default_rng(0))
    measures = shape_rules.measure_all(images)
    np.testing.assert_array_equal(shape_learners.grow_tree(measures, labels).predict(measures), labels)
    losses = []
    model = shape_learners.train_shape_cnn(
        images, labels, steps=120, report=lambda epoch, loss: losses.append(loss)
    )
    assert len(losses) == 120 and losses[-1] < 0.5 * losses[0]
    assert (shape_learners.answers_by_cnn(model, images) == labels).mean() > 0.8
