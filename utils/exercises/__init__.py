"""Exercises that check themselves: right, wrong, and *what* is wrong.

An exercise knows its solution and the mistakes that people make. An answer is compared with the solution on
every case; if it differs, it is compared with each known mistake, and the one that behaves alike gives the hint.
"""

import copy
import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CHAPTERS = (
    "four_eras",
    "data",
    "recognition_tasks",
    "metrics",
    "convolution_and_pooling",
    "attention_and_tokens",
    "cnn_forward",
    "cnn_backward",
    "transformer_mathematics",
    "transformer_from_parts",
    "optimisers",
    "cnn_in_keras",
    "transformer_repaired",
    "vision_transformer",
    "three_implementations",
    "training_recipes",
    "transfer_and_lora",
    "large_models",
    "project",
    "scaling",
    "self_supervised",
    "image_and_text",
    "interpretability",
    "efficiency",
    "privacy",
    "security",
    "recognition_and_ai",
    "cnn_or_dense",
    "cnn_or_transformer",
    "recognition_or_detection",
    "recognition_or_generation",
    "summary",
)


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer, of the same kind as the solution, and the hint that it deserves."""

    answer: object
    hint: str


@dataclass(frozen=True)
class Exercise:
    """Describe one exercise.

    Attributes
    ----------
    name : str
        The name that the reader passes to `check`.
    solution : function or value
        A function is compared by what it returns for each of `cases`, a value directly.
    mistakes : tuple of Mistake
    cases : tuple of tuples of positional arguments, empty for a value
    praise : str
        One sentence that the reader sees when the answer is right: what it is good for.
    tolerance : float
        Largest absolute difference that counts as equal.
    """

    name: str
    solution: object
    mistakes: tuple[Mistake, ...]
    praise: str
    cases: tuple[tuple, ...] = ()
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Feedback:
    """Say whether an answer is right, and if not, what is wrong; a notebook shows it as its text."""

    correct: bool
    message: str

    def __repr__(self) -> str:
        return ("✓ " if self.correct else "✗ ") + self.message


def check(name: str, answer: object) -> Feedback:
    """Compare a reader's answer with the solution of the exercise called `name`, and say what is wrong with it."""
    exercises = all_exercises()
    if name not in exercises:
        raise ValueError(
            f"unknown exercise {name!r}: choose one of {', '.join(map(repr, sorted(exercises)))}"
        )
    return _feedback(exercises[name], answer)


def all_exercises() -> dict[str, Exercise]:
    """Return the exercises of every chapter by name."""
    chapters = [importlib.import_module(f"utils.exercises.{chapter}") for chapter in CHAPTERS]
    return {exercise.name: exercise for chapter in chapters for exercise in chapter.EXERCISES}


def _feedback(exercise: Exercise, answer: object) -> Feedback:
    if answer is None or answer is ...:
        return _no_answer_yet(exercise)
    if callable(exercise.solution) and not callable(answer):
        return Feedback(False, f"{exercise.name}: hand over the function itself, without calling it.")
    if not callable(exercise.solution):
        return _feedback_on_value(exercise, answer)
    return _feedback_on_function(exercise, answer)


def _no_answer_yet(exercise: Exercise) -> Feedback:
    return Feedback(
        False, f"{exercise.name}: no answer yet. Put yours in place of the dots and run the cell again."
    )


def _feedback_on_value(exercise: Exercise, answer: object) -> Feedback:
    if _same(answer, exercise.solution, exercise.tolerance):
        return Feedback(True, f"{exercise.name}: right. {exercise.praise}")
    for mistake in exercise.mistakes:
        if _same(answer, mistake.answer, exercise.tolerance):
            return Feedback(False, f"{exercise.name}: not {answer!r}. {mistake.hint}")
    return Feedback(False, f"{exercise.name}: not {answer!r}. Go through the steps above once more.")


def _feedback_on_function(exercise: Exercise, answer: Callable) -> Feedback:
    expected = [exercise.solution(*copy.deepcopy(case)) for case in exercise.cases]
    given = []
    for case in exercise.cases:
        try:
            given.append(answer(*copy.deepcopy(case)))
        except Exception as error:  # whatever a reader's code raises is feedback, not a crash
            return Feedback(
                False,
                f"{exercise.name}: for {_arguments(case)} your function stopped with {type(error).__name__}: {error}",
            )
    if all(result is ... for result in given):
        return _no_answer_yet(exercise)
    if all(result is None for result in given):
        return Feedback(
            False, f"{exercise.name}: no answer yet. Your function returns nothing: is there a `return`?"
        )
    wrong = [i for i in range(len(given)) if not _same(given[i], expected[i], exercise.tolerance)]
    if not wrong:
        return Feedback(True, f"{exercise.name}: right. {exercise.praise}")
    first = wrong[0]
    story = (
        f"{exercise.name}: for {_arguments(exercise.cases[first])} "
        f"it gives {_short(given[first])}, not {_short(expected[first])}."
    )
    for mistake in exercise.mistakes:
        behaviour = [mistake.answer(*copy.deepcopy(case)) for case in exercise.cases]
        if all(_same(a, b, exercise.tolerance) for a, b in zip(given, behaviour, strict=True)):
            return Feedback(False, f"{story} {mistake.hint}")
    return Feedback(False, story)


def _same(given: object, expected: object, tolerance: float) -> bool:
    if isinstance(expected, str):
        return isinstance(given, str) and given.strip().lower() == expected
    if isinstance(given, str):
        return False
    try:
        given, expected = np.asarray(given, np.float64), np.asarray(expected, np.float64)
    except (TypeError, ValueError):
        return False
    return given.shape == expected.shape and np.allclose(
        given, expected, rtol=0, atol=tolerance, equal_nan=True
    )


def _arguments(case: tuple) -> str:
    return ", ".join(_short(argument) for argument in case)


def _short(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    with np.printoptions(precision=4, threshold=12, edgeitems=3):
        return " ".join(str(value).split())
