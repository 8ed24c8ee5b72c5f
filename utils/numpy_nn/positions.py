"""Where a token stands: turning queries and keys by an angle that grows with the place. Built in `3_algorithms`."""

import numpy as np

POSITION_STD = 0.02
"""Standard deviation with which learned positions start, as in Dosovitskiy and others, 2021, and in timm."""

ROTARY_BASE = 100.0
"""Sets the slowest wave of rotary positions in pictures, as in B. Heo and others, 2024, section 3.2."""


def rotary_angles(rows: int, columns: int, width: int) -> np.ndarray:
    """Return the angle of each pair of numbers of each token, in radians: float64 (N, E / 2), N = rows · columns.

    The first half of the pairs turns with the row, the second with the column; pair after pair more slowly: equation
    `eq-transformer-rotary`.

    Parameters
    ----------
    rows, columns : int
        Patches of the picture; tokens stand row by row.
    width : int
        E, the width of one head; 4 divides it.

    Source: J. Su and others, RoFormer, 2021, equation 14; along two axes as in B. Heo and others, Rotary Position
    Embedding for Vision Transformer, 2024, equations 5 and 6.
    """
    if rows < 1 or columns < 1 or width < 4 or width % 4:
        raise ValueError(f"need rows, columns and a width that 4 divides, got {rows}, {columns} and {width}")
    speeds = ROTARY_BASE ** (-np.arange(width // 4) / (width // 4))  # (E / 4)
    row, column = np.divmod(np.arange(rows * columns), columns)  # (N), (N)
    return np.concatenate([row[:, None] * speeds, column[:, None] * speeds], axis=1)


def rotate(x: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Turn pairs of numbers (..., N, E) by angles (N, E / 2): equation `eq-transformer-rotate`.

    -angles turns them back, which is also the way of a gradient: `eq-transformer-rotate-backward`.
    """
    if x.ndim < 2 or x.shape[-2:] != (len(angles), 2 * angles.shape[1]):
        raise ValueError(
            f"angles of shape {angles.shape} turn {len(angles)} tokens of {2 * angles.shape[1]} numbers, "
            f"got tokens of shape {x.shape}"
        )
    cosine, sine = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]  # (..., N, E) -> twice (..., N, E / 2)
    turned = np.empty_like(x)
    turned[..., 0::2] = even * cosine - odd * sine
    turned[..., 1::2] = even * sine + odd * cosine
    return turned
