"""Exercises of the chapter `2_concepts/convolution_and_pooling`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_SPOT = np.full((3, 3), -1 / 8)
_SPOT[1, 1] = 1
_SPOT_OF_ALL_NINE = np.full((3, 3), -1 / 9)
_SPOT_OF_ALL_NINE[1, 1] = 8 / 9
_SPOT_UNDIVIDED = np.full((3, 3), -1.0)
_SPOT_UNDIVIDED[1, 1] = 1
_SPOT_OF_FOUR = np.array([[0, -1 / 4, 0], [-1 / 4, 1, -1 / 4], [0, -1 / 4, 0]])


def _layers_to_see(field, kernel_size):
    return -(-(field - 1) // (kernel_size - 1))


def _max_pool_by_reshape(image, size):
    height, width = image.shape
    return image.reshape(height // size, size, width // size, size).max(axis=(1, 3))


def _pool_without_swapping(image, size):
    height, width = image.shape
    return image.reshape(height // size, width // size, size, size).max(axis=(2, 3))


def _pool_columns_only(image, size):
    height, width = image.shape
    return image.reshape(height // size, size, width // size, size).max(axis=3).mean(axis=1)


def _mean_by_reshape(image, size):
    height, width = image.shape
    return image.reshape(height // size, size, width // size, size).mean(axis=(1, 3))


def _weights(side, channels, units):
    return side * side * channels * units


def _weights_saved(size, channels, units, poolings):
    return _weights(size, channels, units) - _weights(size // 2**poolings, channels, units)


_IMAGE = np.array(
    [
        [3.0, 1.0, 4.0, 1.0, 5.0, 9.0],
        [2.0, 6.0, 5.0, 3.0, 5.0, 8.0],
        [9.0, 7.0, 9.0, 3.0, 2.0, 3.0],
        [8.0, 4.0, 6.0, 2.0, 6.0, 4.0],
    ]
)

EXERCISES = (
    Exercise(
        name="layers_to_see",
        solution=_layers_to_see,
        cases=((9, 3), (10, 3), (32, 3), (32, 5), (224, 7), (5, 5), (1, 3)),
        mistakes=(
            Mistake(
                lambda field, kernel_size: (field - 1) // (kernel_size - 1),
                "With that many the view is too narrow: a part of a layer does not exist, so round up.",
            ),
            Mistake(
                lambda field, kernel_size: (field - 1) / (kernel_size - 1),
                "Layers come whole: round up.",
            ),
            Mistake(
                lambda field, kernel_size: -(-field // kernel_size),
                "Each layer widens the view by `kernel_size - 1` pixels, not by `kernel_size`: patches overlap.",
            ),
            Mistake(
                lambda field, kernel_size: -(-field // (kernel_size - 1)),
                "Before the first layer the view is one pixel wide, not none: only `field - 1` are to be added.",
            ),
            Mistake(
                lambda field, kernel_size: -(-(field - 1) // kernel_size),
                "Each layer widens the view by `kernel_size - 1` pixels, half of them on each side.",
            ),
        ),
        praise="More than a hundred layers of 3 × 3 for a photograph 224 pixels wide: this is why networks take strides.",
    ),
    Exercise(
        name="spot_kernel",
        solution=_SPOT,
        mistakes=(
            Mistake(_SPOT_OF_ALL_NINE, "The mean is that of the eight neighbours, without the pixel itself."),
            Mistake(-_SPOT, "The other way round: a bright point should give a positive answer."),
            Mistake(
                _SPOT_UNDIVIDED,
                "Of the neighbours take the mean, not the sum: the nine numbers must add up to 0.",
            ),
            Mistake(_SPOT_OF_FOUR, "A pixel has eight neighbours: count those across the corners too."),
            Mistake(np.abs(_SPOT), "You add the mean of the neighbours; it is to be subtracted."),
        ),
        praise="Its numbers add up to 0, so it is blind to brightness, and for even slopes, too.",
    ),
    Exercise(
        name="max_pool_by_reshape",
        solution=_max_pool_by_reshape,
        cases=((_IMAGE, 2), (_IMAGE[:3, :3], 3), (_IMAGE[:, ::-1], 1), (-_IMAGE.T, 2)),
        mistakes=(
            Mistake(
                _pool_without_swapping,
                "These windows are not squares. In memory a row follows a row: split H in (H / size, size) and "
                "W in (W / size, size), in this order.",
            ),
            Mistake(_mean_by_reshape, "That is the mean of each window, not its largest number."),
            Mistake(_pool_columns_only, "Take the largest along both axes of the window."),
            Mistake(
                lambda image, size: image[::size, ::size],
                "That keeps the corner of each window, as a stride does, and does not look at the others.",
            ),
        ),
        praise="No pixel was copied before the maximum was taken: a reshape only renames the axes.",
    ),
    Exercise(
        name="weights_saved_by_pooling",
        solution=_weights_saved,
        cases=((32, 64, 10, 3), (32, 64, 10, 0), (28, 8, 100, 2), (13, 4, 5, 1), (30, 16, 64, 2)),
        mistakes=(
            Mistake(
                lambda size, channels, units, poolings: (
                    _weights(size, channels, units) - _weights(size, channels, units) / 2**poolings
                ),
                "A pooling halves the height and the width: a quarter of the places is left, not a half.",
            ),
            Mistake(
                lambda size, channels, units, poolings: _weights(size // 2**poolings, channels, units),
                "That many weights are left. How many are saved?",
            ),
            Mistake(
                lambda size, channels, units, poolings: (
                    _weights(size, channels, units) - _weights(size, channels, units) / 4**poolings
                ),
                "With an odd number of rows the last one is dropped: round the side down before you square it.",
            ),
            Mistake(
                lambda size, channels, units, poolings: units * (size**2 - (size // 2**poolings) ** 2),
                "Each place has a number for every channel, and each of them has weights.",
            ),
        ),
        praise="All of them stood in the dense layer. After a mean over all places there is nothing left to save.",
    ),
)
