"""Exercises of the chapter `5_trends_and_challenges/efficiency`."""

import numpy as np

from utils.exercises import Exercise, Mistake


def _rounded(x, low, high, steps=255, zero_in=True, shift=True):
    if zero_in:
        low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / steps
    zero = np.round(-low / step) if shift else 0
    integers = np.clip(np.round(np.asarray(x) / step) + zero, 0, 255)
    return (integers - zero) * step


def _with_zero_point(x):
    return _rounded(x, np.min(x), np.max(x))


def _symmetric(x):
    step = np.abs(x).max() / 127
    return np.round(np.asarray(x) / step) * step


def _break_even(bits, index_bits):
    return index_bits / (bits + index_bits)


def _hours(watt_hours, idle_watts, joules, per_hour):
    return watt_hours / (idle_watts + joules * per_hour / 3600)


EXERCISES = (
    Exercise(
        name="with_zero_point",
        solution=_with_zero_point,
        cases=(
            (np.array([0.0, 0.31, 2.0, 5.1]),),
            (np.array([-1.0, 0.013, 0.52, 4.1]),),
            (np.array([2.0, 2.51, 3.27]),),
        ),
        mistakes=(
            Mistake(
                _symmetric,
                "Those are the symmetric steps of the page, from -127 to 127. Here the integers go from 0 to 255.",
            ),
            Mistake(
                lambda x: _rounded(x, np.min(x), np.max(x), steps=256),
                "From 0 to 255 there are 255 steps, not 256.",
            ),
            Mistake(
                lambda x: _rounded(x, np.min(x), np.max(x), zero_in=False),
                "If the smallest number is above 0, no integer stands for 0. Let the range begin at 0 then.",
            ),
            Mistake(
                lambda x: _rounded(x, np.min(x), np.max(x), shift=False),
                "Without the zero point all numbers below 0 are cut off.",
            ),
        ),
        praise="Half of the symmetric integers would have been idle behind a ReLU.",
    ),
    Exercise(
        name="break_even",
        solution=_break_even,
        cases=((32, 16), (8, 16), (16, 8)),
        mistakes=(
            Mistake(
                lambda b, i: 1 / b,
                "That is right for one bit a place that says whether there is a number. Here each number has an index.",
            ),
            Mistake(
                lambda b, i: b / (b + i), "That is the share that may stay. Asked is the share that must go."
            ),
            Mistake(
                lambda b, i: i / b,
                "Each number that stays costs bits + index_bits: compare (1 - share) of that with bits.",
            ),
            Mistake(lambda b, i: 0.5, "That is right only if an index is as long as a number."),
        ),
        praise="The shorter the numbers, the more of them have to go before it pays.",
    ),
    Exercise(
        name="hours_on_battery",
        solution=_hours,
        cases=((15.0, 0.5, 0.02, 3600), (15.0, 0.5, 0.02, 10), (40.0, 2.0, 900.0, 120)),
        mistakes=(
            Mistake(
                lambda w, i, j, p: w * 3600 / (j * p),
                "The camera also draws idle_watts, whether it answers or not.",
            ),
            Mistake(
                lambda w, i, j, p: w / (i + j * p),
                "A watt-hour is 3,600 joules: joules an hour, divided by 3,600, are watts.",
            ),
            Mistake(lambda w, i, j, p: w / i, "The answers cost something, too."),
            Mistake(
                lambda w, i, j, p: w / (i + j),
                "A joule is no watt. How many joules does the camera spend on answers in an hour?",
            ),
        ),
        praise="If it answers rarely, waiting is what empties the battery.",
    ),
)
