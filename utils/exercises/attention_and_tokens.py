"""Exercises of the chapter `2_concepts/attention_and_tokens`."""

EXERCISES = ()
