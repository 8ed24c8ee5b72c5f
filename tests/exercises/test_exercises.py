"""Every exercise: the solution passes, each planted mistake fails with its own hint, nonsense gets a sentence."""

import numpy as np
import pytest

from utils.exercises import Exercise, Mistake, _feedback, all_exercises, check

EXERCISES = sorted(all_exercises().values(), key=lambda exercise: exercise.name)
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_the_solution_is_right(exercise):
    feedback = check(exercise.name, exercise.solution)
    assert feedback.correct and exercise.praise in repr(feedback) and repr(feedback).startswith("✓")


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_there_are_two_mistakes_with_different_hints(exercise):
    hints = [mistake.hint for mistake in exercise.mistakes]
    assert len(hints) >= 2 and len(set(hints)) == len(hints)
    assert callable(exercise.solution) == bool(exercise.cases)


@pytest.mark.parametrize(
    "exercise, mistake", MISTAKES, ids=[f"{e.name}-{i}" for i, (e, _) in enumerate(MISTAKES)]
)
def test_each_mistake_gets_its_own_hint(exercise, mistake):
    feedback = check(exercise.name, mistake.answer)
    assert not feedback.correct
    assert mistake.hint in feedback.message
    assert not any(m.hint in feedback.message for m in exercise.mistakes if m is not mistake)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
@pytest.mark.parametrize("nonsense", [None, ..., "abc", {}, lambda: 1, lambda *a: None, lambda *a: 1 / 0])
def test_nonsense_is_answered_with_a_sentence(exercise, nonsense):
    feedback = check(exercise.name, nonsense)
    assert not feedback.correct and len(feedback.message) > 20


def test_unknown_name():
    with pytest.raises(ValueError, match="unknown exercise 'nothing': choose one of"):
        check("nothing", 1)


DOUBLE = Exercise(
    name="double",
    solution=lambda x: 2 * x,
    cases=((np.array([1.0, 2.0]),), (np.array([3.0]),)),
    mistakes=(Mistake(lambda x: x**2, "That is the square."), Mistake(lambda x: x + 2, "You added.")),
    praise="Twice as much.",
)


def test_feedback_names_the_input_what_came_and_what_was_expected():
    assert _feedback(DOUBLE, lambda x: x * 3).message == "double: for [1. 2.] it gives [3. 6.], not [2. 4.]."
    assert "for [3.] it gives" not in _feedback(DOUBLE, lambda x: x**2).message
    assert _feedback(DOUBLE, lambda x: x**2).message.endswith("That is the square.")
    assert "stopped with ZeroDivisionError: division by zero" in _feedback(DOUBLE, lambda x: 1 / 0).message
    assert "is there a `return`?" in _feedback(DOUBLE, lambda x: None).message
    assert "in place of the dots" in _feedback(DOUBLE, lambda x: ...).message
    assert "without calling it" in _feedback(DOUBLE, 3.0).message


def test_a_wrong_shape_is_not_right_by_broadcasting():
    assert not _feedback(DOUBLE, lambda x: 2 * x[:1]).correct


def test_an_answer_cannot_change_the_cases_for_the_next():
    def spoils(x):
        x *= 2
        return x

    assert _feedback(DOUBLE, spoils).correct and _feedback(DOUBLE, lambda x: 2 * x).correct


def test_values_and_words():
    word = Exercise("word", "recall", (Mistake("precision", "Other way."), Mistake("f1", "Both.")), "Yes.")
    assert _feedback(word, " Recall ").correct
    assert _feedback(word, "precision").message == "word: not 'precision'. Other way."
    number = Exercise("number", 122570, (Mistake(122560, "Biases."),), "Yes.")
    assert _feedback(number, 122570).correct and not _feedback(number, 122570.5).correct
    assert not _feedback(number, "122570").correct, "a word is no number"
    assert "once more" in _feedback(number, 7).message
