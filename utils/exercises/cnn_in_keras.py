"""Exercises of the chapter `4_code/cnn_in_keras`."""

import numpy as np

from utils.exercises import Exercise, Mistake

_VALIDATION = np.array([[0.50, 0.62, 0.60, 0.61], [0.48, 0.55, 0.68, 0.64]])
_TEST = np.array([[0.51, 0.59, 0.63, 0.60], [0.47, 0.57, 0.62, 0.65]])


def _convolution_parameters(kernel_size, in_channels, out_channels):
    return (kernel_size * kernel_size * in_channels + 1) * out_channels


def _output_size(size, kernel_size, stride, padding):
    return (size + 2 * padding - kernel_size) // stride + 1


def _honest_accuracy(validation_accuracy, test_accuracy):
    picked = np.argmax(validation_accuracy, axis=1)
    return np.mean(test_accuracy[np.arange(len(picked)), picked])


EXERCISES = (
    Exercise(
        name="convolution_parameters",
        solution=_convolution_parameters,
        cases=((3, 3, 32), (3, 32, 64), (5, 1, 6), (1, 64, 10)),
        mistakes=(
            Mistake(lambda k, c, o: k * k * c * o, "Close: each kernel also has a bias."),
            Mistake(
                lambda k, c, o: (k * k + 1) * o,
                "A kernel reaches through all input channels, not through one.",
            ),
            Mistake(
                lambda k, c, o: k * k * c * o + 1,
                "There is a bias for each kernel, not one for the whole layer.",
            ),
            Mistake(lambda k, c, o: (k * c + 1) * o, "The kernel is a square: its side counts twice."),
        ),
        praise="Nothing in it depends on the size of the picture: that is the point of sharing weights.",
    ),
    Exercise(
        name="output_size",
        solution=_output_size,
        cases=((32, 3, 1, 0), (32, 3, 1, 1), (32, 3, 2, 1), (30, 4, 3, 2), (7, 2, 2, 0)),
        mistakes=(
            Mistake(
                lambda s, k, t, p: (s + p - k) // t + 1, "The padding is added on each of the two sides."
            ),
            Mistake(
                lambda s, k, t, p: (s + 2 * p - k) // t,
                "Count the posts, not the gaps: the first place is one more.",
            ),
            Mistake(
                lambda s, k, t, p: (s + 2 * p - k) / t + 1,
                "A place that does not fit whole does not count: round down.",
            ),
            Mistake(lambda s, k, t, p: s + 2 * p - k + 1, "The window moves `stride` pixels at a time."),
        ),
        praise="With stride 1 and padding (K - 1) / 2 the picture keeps its size.",
    ),
    Exercise(
        name="parameters_for_64",
        solution=646_858,
        mistakes=(
            Mistake(
                122_570,
                "That is the number for 32 × 32. One layer does depend on the size of the picture: which?",
            ),
            Mistake(
                319_178,
                "The grid before `flatten` is not 8 × 8, twice 4 × 4: go through the five sides one by one.",
            ),
            Mistake(490_280, "Not everything grows with the area: the convolutions keep their parameters."),
            Mistake(646_848, "Ten short: the last layer has a bias for each class."),
        ),
        praise="The convolutions did not change at all; the one dense layer grew nine times.",
    ),
    Exercise(
        name="honest_accuracy",
        solution=_honest_accuracy,
        cases=((_VALIDATION, _TEST), (_VALIDATION[::-1, ::-1], _TEST[::-1, ::-1])),
        mistakes=(
            Mistake(
                lambda v, t: t.max(axis=1).mean(),
                "That lets the test set pick the epoch, which is what we must not do.",
            ),
            Mistake(
                lambda v, t: v.max(axis=1).mean(),
                "That reports the validation accuracy, which picked and so flatters.",
            ),
            Mistake(
                lambda v, t: t[:, -1].mean(),
                "That takes the last epoch; the validation set may prefer an earlier one.",
            ),
            Mistake(
                lambda v, t: t[:, v.mean(axis=0).argmax()].mean(),
                "That picks one epoch for all seeds; each seed has a validation curve of its own.",
            ),
        ),
        praise="It is what the record of CIFAR-10 on this page reports.",
    ),
)
