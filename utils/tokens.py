"""Pictures as tokens, in NumPy: cut and put together, one head of attention, positions, and a task that needs them.

Built step by step in the chapter `2_concepts/attention_and_tokens`.
"""

import numpy as np

from utils.metrics import softmax

SUN, SAIL = (250, 205, 60), (245, 245, 245)
_WATER = np.array([90.0, 125.0, 155.0])


def patchify(image: np.ndarray, patch_size: int) -> np.ndarray:
    """Cut an image (H, W, C) into P × P patches and write each as one row: (N, P²C), N = HW / P², row by row."""
    image = np.asarray(image)
    if image.ndim != 3:
        raise ValueError(f"an image has the shape (H, W, C), got {image.shape}")
    _check_patch_size(image.shape[0], image.shape[1], patch_size)
    height, width, channels = image.shape
    rows, columns = height // patch_size, width // patch_size
    grid = image.reshape(
        rows, patch_size, columns, patch_size, channels
    )  # (H, W, C) -> (rows, P, columns, P, C)
    grid = grid.transpose(0, 2, 1, 3, 4)  # -> (rows, columns, P, P, C)
    return grid.reshape(rows * columns, patch_size * patch_size * channels)  # -> (N, P²C)


def unpatchify(tokens: np.ndarray, height: int, width: int, patch_size: int) -> np.ndarray:
    """Put the patches (N, P²C) of `patchify` together again: an image (H, W, C)."""
    tokens = np.asarray(tokens)
    _check_patch_size(height, width, patch_size)
    rows, columns = height // patch_size, width // patch_size
    if tokens.ndim != 2 or len(tokens) != rows * columns or not tokens.shape[1]:
        raise ValueError(
            f"{height} × {width} pixels are {rows * columns} patches, got an array {tokens.shape}"
        )
    if tokens.shape[1] % patch_size**2:
        raise ValueError(f"{tokens.shape[1]} numbers are no patch of {patch_size} × {patch_size} pixels")
    grid = tokens.reshape(rows, columns, patch_size, patch_size, -1)  # (N, P²C) -> (rows, columns, P, P, C)
    return grid.transpose(0, 2, 1, 3, 4).reshape(
        height, width, -1
    )  # -> (rows, P, columns, P, C) -> (H, W, C)


def attention(queries: np.ndarray, keys: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Let each token take a weighted mean of all values, the weights from its query and all keys.

    Parameters
    ----------
    queries, keys : arrays of shape (N, E)
    values : array of shape (N, V)

    Returns
    -------
    outputs : float64 array of shape (N, V)
    weights : float64 array of shape (N, N)
        Row i: how much token i takes from each token; positive, sums to 1.

    Source: A. Vaswani and others, Attention Is All You Need, 2017, equation 1.
    """
    queries, keys, values = (
        _matrix(name, array) for name, array in (("queries", queries), ("keys", keys), ("values", values))
    )
    if queries.shape[1] != keys.shape[1] or len(keys) != len(values):
        raise ValueError(
            "queries (N, E) and keys (N, E) need one width, keys and values one length; "
            f"got {queries.shape}, {keys.shape}, {values.shape}"
        )
    scores = queries @ keys.T / np.sqrt(queries.shape[1])  # (N, E) @ (E, N) -> (N, N)
    weights = softmax(scores)
    return weights @ values, weights  # (N, N) @ (N, V) -> (N, V)


def sine_positions(count: int, width: int) -> np.ndarray:
    """Return a vector for each position, of sines and cosines of ever longer waves: float64 (N, D).

    Equation `eq-transformer-sine`, written out in `3_algorithms/transformer_from_parts`.

    Source: A. Vaswani and others, Attention Is All You Need, 2017, section 3.5.
    """
    if count < 1 or width < 2 or width % 2:
        raise ValueError(f"need at least one position and an even width, got {count} and {width}")
    position = np.arange(count)[:, None]
    angle = position / 10_000 ** (np.arange(0, width, 2) / width)  # (N, D / 2)
    table = np.empty((count, width))
    table[:, 0::2], table[:, 1::2] = np.sin(angle), np.cos(angle)
    return table


def sun_and_sail(pairs: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of pictures that hold the same sixteen patches: once the sun is above the sail, once below.

    Parameters
    ----------
    pairs : int

    Returns
    -------
    images : uint8 array of shape (2 · pairs, 32, 32, 3)
        Sixteen patches of 8 × 8; a pair stands side by side and differs in two patches that change places.
    labels : int64 array of shape (2 · pairs,)
        1 where the sun is above the sail, else 0; they take turns.
    """
    if pairs < 1:
        raise ValueError(f"need at least one pair of pictures, got {pairs}")
    y, x = np.mgrid[:8, :8] - 3.5
    shapes = (np.hypot(x, y) < 3, (np.abs(x) < (y + 4) / 2) & (y < 3))  # (8, 8): a disc, a triangle
    images = np.empty((pairs, 2, 32, 32, 3), np.uint8)
    for pair in range(pairs):
        patches = np.clip(_WATER + rng.normal(0, 25, (16, 8, 8, 3)), 0, 255)
        upper, lower = np.sort(rng.choice(4, 2, replace=False)) * 4 + rng.integers(0, 4, 2)
        for place, shape, colour in ((upper, shapes[0], SUN), (lower, shapes[1], SAIL)):
            patches[place, shape] = colour
        tokens = patches.reshape(16, -1)  # (N, P, P, C) -> (N, P²C)
        images[pair, 0] = unpatchify(tokens, 32, 32, 8)
        tokens[[upper, lower]] = tokens[[lower, upper]]
        images[pair, 1] = unpatchify(tokens, 32, 32, 8)
    return images.reshape(2 * pairs, 32, 32, 3), np.tile([1, 0], pairs)


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return how far two distributions over the last axis differ, in bits: 0 if equal, 1 if they share nothing.

    Source: J. Lin, Divergence Measures Based on the Shannon Entropy, 1991, equation 4.1 with equal weights.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    for one in (p, q):
        if (
            not one.ndim
            or not one.size
            or not np.all(one >= 0)
            or not np.allclose(one.sum(axis=-1), 1, atol=1e-4)
        ):
            raise ValueError("the last axis must hold shares that are at least 0 and sum to 1")
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(f"the distributions have {p.shape[-1]} and {q.shape[-1]} shares")
    return _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2


def _entropy(p: np.ndarray) -> np.ndarray:
    return -np.sum(p * np.log2(p, out=np.zeros_like(p), where=p > 0), axis=-1)


def attention_distance(weights: np.ndarray, columns: int, patch_size: int) -> np.ndarray:
    """Return how far attention reaches, in pixels: the mean distance of the patches, weighted, over all tokens.

    Parameters
    ----------
    weights : array of shape (..., N, N)
        Each row sums to 1; the patches stand row by row.
    columns : int
        Patches in a row of the picture.

    Source: A. Dosovitskiy and others, An Image Is Worth 16x16 Words, 2021, section 4.5 and figure 7.
    """
    weights = np.asarray(weights, np.float64)
    if weights.ndim < 2 or weights.shape[-1] != weights.shape[-2]:
        raise ValueError(f"weights have the shape (..., N, N), got {weights.shape}")
    count = weights.shape[-1]
    if columns < 1 or count % columns or patch_size < 1:
        raise ValueError(
            f"{count} patches do not stand in rows of {columns}, or {patch_size} pixels are no patch"
        )
    places = np.stack(np.divmod(np.arange(count), columns), axis=1)  # (N, 2)
    distance = patch_size * np.linalg.norm(places[:, None] - places, axis=-1)  # (N, N)
    return (weights * distance).sum(axis=-1).mean(axis=-1)


def _matrix(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array, np.float64)
    if array.ndim != 2 or not array.size or not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} must be finite numbers of shape (N, E), got an array of shape {array.shape}"
        )
    return array


def _check_patch_size(height: int, width: int, patch_size: int) -> None:
    if patch_size < 1 or height < 1 or width < 1 or height % patch_size or width % patch_size:
        raise ValueError(f"patches of {patch_size} pixels do not fill an image of {height} × {width}")
