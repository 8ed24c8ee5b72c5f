"""Exercises of the chapter `3_algorithms/cnn_forward`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _places(size, kernel_size, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def _work(size, channels, kernels, kernel_size, stride, groups):
    side = (size - 1) // stride + 1
    return side**2 * kernel_size**2 * (channels // groups) * kernels


def _loss(z, t):
    above = z - z.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(above).sum(axis=1)) - (t * above).sum(axis=1))


def _loss_of_rounded_probabilities(z, t):
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    with np.errstate(divide="ignore"):
        return np.mean(-np.log((t * powers).sum(axis=1) / powers.sum(axis=1)))


def _loss_that_overflows(z, t):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.mean(np.log(np.exp(z).sum(axis=1)) - (t * z).sum(axis=1))


_ONE_HOT = np.eye(3)[[1, 0]]

EXERCISES = (
    Exercise(
        name="places_of_a_kernel",
        solution=_places,
        cases=((8, 3, 1, 0, 1), (8, 3, 1, 1, 1), (9, 3, 2, 1, 1), (8, 3, 2, 0, 1), (12, 3, 1, 2, 3)),
        mistakes=(
            Mistake(
                lambda size, kernel_size, stride, padding, dilation: (
                    (size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1
                ),
                "Places come whole: what is left over below is never looked at, so round down before you add 1.",
            ),
            Mistake(
                lambda size, kernel_size, stride, padding, dilation: (
                    (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride
                ),
                "The first place needs no step: with as many pixels as the kernel is wide there is one place, not none.",
            ),
            Mistake(
                lambda size, kernel_size, stride, padding, dilation: (
                    (size + padding - dilation * (kernel_size - 1) - 1) // stride + 1
                ),
                "The rim is on both sides.",
            ),
            Mistake(
                lambda size, kernel_size, stride, padding, dilation: (
                    (size + 2 * padding - kernel_size) // stride + 1
                ),
                "With dilation the kernel reaches further than it has numbers.",
            ),
            Mistake(
                lambda size, kernel_size, stride, padding, dilation: (
                    (size + 2 * padding - dilation * kernel_size) // stride + 1
                ),
                "Between three numbers are two gaps: only `kernel_size - 1` distances are stretched.",
            ),
        ),
        praise="One formula for convolutions and poolings of every library.",
    ),
    Exercise(
        name="padded_strided_sum",
        solution=29,
        mistakes=(
            Mistake(19, "Right but for the bias."),
            Mistake(
                10,
                "With stride 2 the kernel of column 1 begins in column 1 · 2 - 1 = 1 of the picture, not in 0.",
            ),
            Mistake(
                48,
                "Without the rim: with padding 1 the kernel of row 0 begins one row above the picture, on zeros.",
            ),
            Mistake(59, "You turned the kernel by half a turn; networks do not."),
        ),
        praise="Three of the nine products are with zeros that nobody drew.",
    ),
    Exercise(
        name="work_of_layer",
        solution=_work,
        cases=((8, 4, 6, 3, 1, 1), (8, 4, 6, 3, 2, 1), (9, 4, 8, 5, 2, 2), (32, 16, 16, 3, 1, 16)),
        mistakes=(
            Mistake(
                lambda size, channels, kernels, kernel_size, stride, groups: (
                    ((size - 1) // stride + 1) ** 2 * kernel_size**2 * channels * kernels
                ),
                "Each kernel sees the channels of its own group only.",
            ),
            Mistake(
                lambda size, channels, kernels, kernel_size, stride, groups: (
                    size**2 * kernel_size**2 * (channels // groups) * kernels
                ),
                "A kernel works at the places of the output, and a stride leaves fewer of them.",
            ),
            Mistake(
                lambda size, channels, kernels, kernel_size, stride, groups: (
                    ((size - 1) // stride + 1) ** 2 * kernel_size * (channels // groups) * kernels
                ),
                "A kernel has `kernel_size` rows and as many columns.",
            ),
            Mistake(
                lambda size, channels, kernels, kernel_size, stride, groups: (
                    (kernel_size**2 * (channels // groups) + 1) * kernels
                ),
                "Those are the parameters. Each weight is used once at every place.",
            ),
            Mistake(
                lambda size, channels, kernels, kernel_size, stride, groups: (
                    ((size - 1) // stride + 1) ** 2
                    * kernel_size**2
                    * (channels // groups)
                    * (kernels // groups)
                ),
                "Divide the channels by the groups, not the kernels too: all of the kernels work.",
            ),
        ),
        praise="With a group for each channel the last case needs a sixteenth of what one group would.",
    ),
    Exercise(
        name="loss_of_logits",
        solution=_loss,
        cases=(
            (np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 2.0]]), _ONE_HOT),
            (np.array([[1000.0, 0.0, -1000.0], [3.0, 2.0, 1.0]]), _ONE_HOT),
            (np.array([[1000.0, 0.0, -1000.0], [3.0, 2.0, 1.0]]), _ONE_HOT[::-1]),
        ),
        mistakes=(
            Mistake(
                _loss_that_overflows,
                "The exponential of 1,000 is infinite: subtract the largest logit of each row; the loss stays the same.",
            ),
            Mistake(
                _loss_of_rounded_probabilities,
                "The probability was rounded to 0 before its logarithm was taken: take the quotient's logarithm apart.",
            ),
            Mistake(lambda z, t: 2 * _loss(z, t), "The mean over the pictures, not the sum."),
            Mistake(
                lambda z, t: _loss(z, t) / np.log(2),
                "That is in bits: take the natural logarithm for nats.",
            ),
            Mistake(lambda z, t: -_loss(z, t), "The sign: the loss is minus a logarithm, and never below 0."),
        ),
        praise="Whoever writes a loss like this can start a training with any weights.",
        tolerance=1e-9,
    ),
)
