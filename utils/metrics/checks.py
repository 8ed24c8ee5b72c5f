"""What the metrics ask of their input, each with a sentence for the reader who gave something else."""

import numpy as np

from utils.checks import check_whole


def check_labels(name: str, labels: np.ndarray, num_classes: int | None = None) -> np.ndarray:
    """Return `labels` as an int64 array of shape (B,), in 0 … num_classes - 1 if that is given.

    Raises
    ------
    ValueError
        If the shape is another, if there are fractions among the labels, or if one is out of range.
    """
    if num_classes is not None:
        num_classes = check_whole("num_classes", num_classes, 1)
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(
            f"{name} must have one class for each picture, shape (B,), got shape {labels.shape}; "
            "of probabilities (B, Y) take the argmax along axis 1 first"
        )
    check_whole_numbers(name, labels)
    labels = labels.astype(np.int64)
    if num_classes is not None and len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"{name} must lie in 0 … {num_classes - 1} for {num_classes} classes, "
            f"got {labels.min()} … {labels.max()}: correct the labels or num_classes"
        )
    return labels


def check_whole_numbers(name: str, values: np.ndarray) -> None:
    """Raise ValueError unless all numbers of an array are whole; the text of a class name is none."""
    if values.size == 0 or values.dtype.kind in "biu":
        return
    if values.dtype.kind != "f" or not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        raise ValueError(
            f"{name} must hold whole numbers, got {values.dtype}: are these scores, not classes? Turn names into numbers"
        )


def check_answers(
    y_true: np.ndarray, y_pred: np.ndarray, num_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return both as int64 arrays of the same shape (B,), B at least 1; ValueError otherwise."""
    y_true, y_pred = check_labels("y_true", y_true, num_classes), check_labels("y_pred", y_pred, num_classes)
    check_same_length(y_true=y_true, y_pred=y_pred)
    if not len(y_true):
        raise ValueError("y_true is empty: a score needs at least one picture")
    return y_true, y_pred


def check_same_length(**arrays: np.ndarray) -> None:
    """Raise ValueError unless all arrays, given by name, have the same length; one number alone has none."""
    single = [n for n, a in arrays.items() if not hasattr(a, "__len__") or getattr(a, "shape", None) == ()]
    if single:
        raise ValueError(f"{single[0]} must be an array or a list, got {arrays[single[0]]!r}")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{found}: give one entry of each for the same pictures, in the same order")


def check_scores(scores: np.ndarray) -> np.ndarray:
    """Return `scores` as float64 of shape (B,); ValueError if the shape is another or one is not finite."""
    scores = check_numbers("scores", scores)
    if scores.ndim != 1:
        raise ValueError(f"scores must have shape (B,), got {scores.shape}: choose the column of one class")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{np.count_nonzero(~np.isfinite(scores))} of {len(scores)} scores are NaN or infinite "
            "and cannot be ranked: look for a division by zero or an overflow in the model"
        )
    return scores


def check_numbers(name: str, values: np.ndarray) -> np.ndarray:
    """Return `values` as a float64 array; ValueError if they are no numbers, or rows of unequal length."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers, got {values!r}: {error}") from None


def check_iou_threshold(threshold: float) -> None:
    """Raise ValueError unless the threshold is a number in [0, 1]."""
    if np.ndim(threshold) or not 0 <= check_numbers("iou_threshold", threshold) <= 1:
        raise ValueError(
            f"an IoU threshold must be one number in [0, 1], got {threshold!r}: 0.5 is usual, and 50 % is 0.5"
        )


def check_boxes(name: str, boxes: np.ndarray) -> np.ndarray:
    """Return `boxes` as a float64 array of shape (O, 4): left, top, right, bottom.

    Raises
    ------
    ValueError
        If the shape is another (an empty list is fine), a number is not finite, or a box ends before it
        begins.
    """
    boxes = check_numbers(name, boxes)
    if boxes.shape == (0,):
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} must have shape (O, 4): left, top, right, bottom; got {boxes.shape}")
    if not np.isfinite(boxes).all():
        raise ValueError(f"{name} has coordinates that are NaN or infinite: leave such boxes out")
    backwards = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if backwards.any():
        raise ValueError(
            f"{name}[{backwards.argmax()}] = {boxes[backwards.argmax()].tolist()} ends before it begins: "
            "a box is left, top, right, bottom with left <= right and top <= bottom; "
            "turn left, top, width, height into that first"
        )
    return boxes


def check_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Return `probabilities` as float64 of shape (B, Y); ValueError unless each row sums to 1."""
    probabilities = check_numbers("probabilities", probabilities)
    if probabilities.ndim != 2 or not len(probabilities):
        raise ValueError(f"probabilities must have shape (B, Y) with B at least 1, got {probabilities.shape}")
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-5):
        raise ValueError(
            "each row of probabilities must be at least 0 and sum to 1: "
            "turn logits into probabilities with softmax first"
        )
    return probabilities
