"""Exercises of the chapter `6_faq/cnn_or_dense`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _neurons(parameters, inputs, classes):
    return (parameters - classes) // (inputs + 1 + classes)


def _as_dense(kernel, height):
    size, side = len(kernel), height - len(kernel) + 1
    weights = np.zeros((side, side, height, height))
    for i in range(side):
        for j in range(side):
            weights[i, j, i : i + size, j : j + size] = kernel
    return weights.reshape(side**2, height**2)


KERNEL = np.array([[1.0, 2.0], [3.0, 5.0]])

EXERCISES = (
    Exercise(
        name="hidden_neurons",
        solution=_neurons,
        cases=((122_570, 3072, 10), (72_842, 64, 10), (16, 2, 1), (17, 2, 1)),
        mistakes=(
            Mistake(
                lambda p, i, c: p // i,
                "A hidden neuron also has a bias, and a weight for each class.",
            ),
            Mistake(
                lambda p, i, c: (p - c) // (i + c),
                "The biases of the hidden neurons are missing: one more for each.",
            ),
            Mistake(
                lambda p, i, c: p // (i + 1 + c),
                "The biases of the classes are missing. They are there once, however many neurons there are.",
            ),
            Mistake(
                lambda p, i, c: (p - c) / (i + 1 + c),
                "There is no part of a neuron: round down.",
            ),
        ),
        praise="A picture makes neurons dear: each costs a weight for every number of it.",
    ),
    Exercise(
        name="as_dense",
        solution=_as_dense,
        cases=((KERNEL, 3), (KERNEL, 4), (np.arange(9.0).reshape(3, 3), 4)),
        mistakes=(
            Mistake(
                lambda k, h: _as_dense(k[::-1, ::-1], h),
                "You flipped the kernel. What deep learning calls a convolution does not.",
            ),
            Mistake(
                lambda k, h: _as_dense(k, h).T,
                "Inputs and outputs are exchanged: a row for each output, a column for each pixel.",
            ),
            Mistake(lambda k, h: _as_dense(k.T, h), "Rows and columns of the kernel are exchanged."),
        ),
        praise="A convolution is a dense layer with most weights held at 0 and the others shared.",
    ),
)
