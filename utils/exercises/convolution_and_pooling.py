"""Exercises of the chapter `2_concepts/convolution_and_pooling`."""

EXERCISES = ()
