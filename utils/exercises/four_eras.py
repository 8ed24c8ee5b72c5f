"""Exercises of the chapter `1_background/four_eras`."""

EXERCISES = ()
