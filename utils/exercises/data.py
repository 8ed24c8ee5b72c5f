"""Exercises of the chapter `1_background/data`."""

EXERCISES = ()
