"""Whole numbers, checked: sizes and counts that the areas of this package take."""

import numpy as np


def check_whole(name: str, value: int, low: int = 0, high: int | None = None) -> int:
    """Return `value` as an int; ValueError unless it is a whole number in low … high (no upper end if not given)."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool)
    if not whole or value < low or (high is not None and value > high):
        wanted = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be a whole number, {wanted}, got {value!r}")
    return int(value)
