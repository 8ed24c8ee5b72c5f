"""Exercises of the chapter `6_faq/recognition_or_detection`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _place(class_map, cell):
    row, column = np.unravel_index(np.argmax(class_map), class_map.shape)
    return np.array([(column + 0.5) * cell, (row + 0.5) * cell])


def _hours(pictures, objects, naming, drawing):
    return (pictures * objects * (naming + drawing) - pictures * naming) / 3600


_MAP = np.array([[0.1, 0.2, 0.9], [0.3, 0.0, 0.4], [0.2, 0.5, 0.1]])

EXERCISES = (
    Exercise(
        name="strongest_place",
        solution=_place,
        cases=((_MAP, 4), (np.eye(5)[::-1] * np.arange(5), 8), (-_MAP, 4)),
        mistakes=(
            Mistake(
                lambda m, c: _place(m, c)[::-1], "You gave the row first. x is the column's, y the row's."
            ),
            Mistake(
                lambda m, c: _place(m, c) - c / 2,
                "That is the upper left corner of the cell. Its middle lies half a cell further.",
            ),
            Mistake(
                lambda m, c: _place(m, c) / c, "That is counted in cells. Multiply by the pixels of a cell."
            ),
            Mistake(lambda m, c: _place(-m, c), "That is the weakest cell."),
        ),
        praise="With a few boxes at hand you can now play the pointing game with any classifier.",
    ),
    Exercise(
        name="extra_hours",
        solution=_hours,
        cases=((1000, 3, 2, 7), (500, 1, 1, 35), (200, 2.5, 4, 7)),
        mistakes=(
            Mistake(
                lambda p, o, n, d: p * o * (n + d) / 3600,
                "That is the whole bill of the detector. Subtract what the classifier would have cost.",
            ),
            Mistake(
                lambda p, o, n, d: p * o * d / 3600,
                "You counted the boxes. Each object's class is named too, not one a picture.",
            ),
            Mistake(
                lambda p, o, n, d: p * (n + d - n) / 3600,
                "That is one object a picture. The boxes are one for each object.",
            ),
            Mistake(lambda p, o, n, d: _hours(p, o, n, d) * 60, "Those are minutes."),
        ),
        praise="Put in the time of a box that you measured yourself: it is worth the ten minutes.",
    ),
)
