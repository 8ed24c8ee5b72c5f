import nbformat
import numpy as np

from utils.data.transforms import unit_range
from utils.runs import ROOT

IMAGES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


def test_the_ends_of_the_range_and_the_type():
    scaled = unit_range(IMAGES)
    assert scaled.dtype == np.float32 and scaled.shape == IMAGES.shape
    assert scaled.min() == 0 and scaled.max() == 1
    np.testing.assert_allclose(255 * scaled, IMAGES, rtol=0, atol=1e-4)


def test_the_lesson_does_the_same():
    notebook = nbformat.read(ROOT / "chapters/4_code/cnn_in_keras.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "unit-range"]
    scope = {"np": np}
    exec(cell.source.split("\n\n\n")[0], scope)
    np.testing.assert_array_equal(scope["unit_range"](IMAGES), unit_range(IMAGES))
