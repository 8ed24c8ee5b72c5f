"""Exercises of the chapter `2_concepts/recognition_tasks`."""

EXERCISES = ()
