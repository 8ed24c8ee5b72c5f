"""What the metrics ask of their input, each with a sentence for the reader who gave something else."""

import numpy as np


def check_labels(name: str, labels: np.ndarray, num_classes: int | None = None) -> np.ndarray:
    """Return `labels` as an int64 array of shape (B,), in 0 … num_classes - 1 if that is given.

    Raises
    ------
    ValueError
        If the shape is another, if there are fractions among the labels, or if one is out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(
            f"{name} must have one class for each picture, shape (B,), got shape {labels.shape}; "
            "of probabilities (B, Y) take the argmax along axis 1 first"
        )
    if len(labels) and labels.dtype.kind not in "biu" and not np.all(np.equal(np.mod(labels, 1), 0)):
        raise ValueError(
            f"{name} must hold whole numbers, got {labels.dtype}: are these scores, not classes?"
        )
    labels = labels.astype(np.int64)
    if num_classes is not None and len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"{name} must lie in 0 … {num_classes - 1} for {num_classes} classes, "
            f"got {labels.min()} … {labels.max()}: correct the labels or num_classes"
        )
    return labels


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
    """Raise ValueError unless all arrays, given by name, have the same length."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{found}: give one entry of each for the same pictures, in the same order")


def check_scores(scores: np.ndarray) -> np.ndarray:
    """Return `scores` as float64 of shape (B,); ValueError if the shape is another or one is not finite."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"scores must have shape (B,), got {scores.shape}: choose the column of one class")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{np.count_nonzero(~np.isfinite(scores))} of {len(scores)} scores are NaN or infinite "
            "and cannot be ranked: look for a division by zero or an overflow in the model"
        )
    return scores


def check_boxes(name: str, boxes: np.ndarray) -> np.ndarray:
    """Return `boxes` as a float64 array of shape (O, 4): left, top, right, bottom.

    Raises
    ------
    ValueError
        If the shape is another (an empty list is fine), a number is not finite, or a box ends before it
        begins.
    """
    boxes = np.asarray(boxes, dtype=np.float64)
    if boxes.size == 0:
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
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or not len(probabilities):
        raise ValueError(f"probabilities must have shape (B, Y) with B at least 1, got {probabilities.shape}")
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-5):
        raise ValueError(
            "each row of probabilities must be at least 0 and sum to 1: "
            "turn logits into probabilities with softmax first"
        )
    return probabilities
