"""Exercises of the chapter `2_concepts/metrics`."""

from utils.exercises import Exercise

EXERCISES: tuple[Exercise, ...] = ()
