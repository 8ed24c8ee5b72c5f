"""Exercises of the chapter `4_code/transfer_and_lora`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_LAYERS = (
    ([(64, 192)], 4),
    ([(64, 192), (64, 64), (64, 128), (128, 64)], 1),
    ([(768, 2304), (768, 768)] * 12, 8),
)


def _adapter(rank: int, rows: int = 3, columns: int = 5, alpha: float = 8.0):
    """Return W, A, B and alpha with numbers that are easy to tell apart."""
    weight = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    down = np.arange(1, 1 + rank * columns, dtype=float).reshape(rank, columns) / 10
    up = np.arange(2, 2 + rows * rank, dtype=float).reshape(rows, rank) / 7
    return weight, down, up, alpha


EXERCISES = (
    Exercise(
        name="lora_count",
        solution=lambda layers, rank: sum(rank * (columns + rows) for columns, rows in layers),
        cases=_LAYERS,
        mistakes=(
            Mistake(
                lambda layers, rank: sum(rank * columns * rows for columns, rows in layers),
                "Two thin matrices have the sum of the two sides, times the rank, and not their product.",
            ),
            Mistake(
                lambda layers, rank: sum(rank * columns for columns, rows in layers),
                "That is A alone; B has as many columns as A has rows, and one row for each output.",
            ),
            Mistake(
                lambda layers, rank: sum(rank * rows for columns, rows in layers),
                "That is B alone; A has one column for each input.",
            ),
            Mistake(
                lambda layers, rank: sum(rank * (columns + rows) + rows for columns, rows in layers),
                "The old biases are frozen with the old weights.",
            ),
            Mistake(
                lambda layers, rank: sum(columns * rows for columns, rows in layers),
                "Those are the weights that stay as they are.",
            ),
        ),
        praise="With the sides growing, the sum falls ever further behind the product.",
    ),
    Exercise(
        name="merge",
        solution=lambda weight, down, up, alpha: weight + alpha / len(down) * up @ down,
        cases=(_adapter(1), _adapter(2), _adapter(3, 4, 4, 2.0)),
        mistakes=(
            Mistake(
                lambda weight, down, up, alpha: weight + up @ down,
                "The change is not scaled: alpha / r is missing.",
            ),
            Mistake(
                lambda weight, down, up, alpha: weight + alpha * up @ down,
                "Alpha alone: with rank r the change would be r times too strong.",
            ),
            Mistake(
                lambda weight, down, up, alpha: weight + alpha / len(up) * up @ down,
                "The rank is the number of rows of A, or of columns of B. You divided by the rows of B.",
            ),
            Mistake(
                lambda weight, down, up, alpha: weight + alpha / down.shape[1] * up @ down,
                "The rank is the number of rows of A. You divided by its columns.",
            ),
            Mistake(
                lambda weight, down, up, alpha: alpha / len(down) * up @ down,
                "That is the change alone: the old weights belong to it.",
            ),
            Mistake(
                lambda weight, down, up, alpha: weight - alpha / len(down) * up @ down,
                "The change is added. Taken away, it would undo what was merged before.",
            ),
        ),
        praise="Subtract the same matrix, and the old model is back, but for the last digit.",
    ),
    Exercise(
        name="break_even_rank",
        solution=576,
        mistakes=(
            Mistake(768, "That is the largest rank that there is. Long before it there is nothing to gain."),
            Mistake(384, "That would be right for 768 to 768: this layer has 2,304 outputs."),
            Mistake(1152, "No matrix of this shape has a rank above 768."),
            Mistake(3072, "That is the number of parameters for each rank. Divide by it."),
            Mistake(
                1_769_472,
                "That is the number of weights of the layer. How many ranks of 768 + 2,304 fit into it?",
            ),
        ),
        praise="Ranks of 4 or 8 are a hundred times below that.",
        tolerance=1e-9,
    ),
    Exercise(
        name="bytes_to_train",
        solution=lambda total, trained: 4 * total + 12 * trained,
        cases=((93_000, 260), (86_000_000, 300_000), (1000, 1000)),
        mistakes=(
            Mistake(
                lambda total, trained: 16 * trained,
                "Frozen weights still have to be there: the way forwards and the way back go through them.",
            ),
            Mistake(
                lambda total, trained: 16 * total,
                "What is frozen needs no gradient of its own, and no running means.",
            ),
            Mistake(
                lambda total, trained: 4 * total + 8 * trained,
                "AdamW keeps two means, and each trained number has its gradient as well: three numbers.",
            ),
            Mistake(
                lambda total, trained: 4 * total + 4 * trained,
                "Those are weights and gradients. AdamW keeps two more numbers for each that is trained.",
            ),
            Mistake(
                lambda total, trained: total + 3 * trained,
                "That counts numbers. Each of them has four bytes.",
            ),
        ),
        praise="What is left out are the activations, and with them the larger part for a small network.",
    ),
)
