"""Scores of label maps: how well does the class of each pixel agree with the truth?

A label map is an array of shape (H, W) or (B, H, W) with one class a pixel. The counts are taken over all pixels of all
pictures together, as PASCAL VOC and Cityscapes do, not picture by picture.
"""

import numpy as np

from utils.checks import check_whole
from utils.metrics.checks import check_whole_numbers
from utils.metrics.classification import confusion_matrix


def segmentation_iou(y_true: np.ndarray, y_pred: np.ndarray, num_classes: int) -> np.ndarray:
    """Return TP / (TP + FP + FN) of each class over the pixels: intersection over union.

    Parameters
    ----------
    y_true, y_pred : array of shape (H, W) or (B, H, W), integers in 0 … num_classes - 1
        True and predicted class of each pixel; the background, if there is one, is a class like the others.
    num_classes : int
        Number of classes, Y.

    Returns
    -------
    ndarray of shape (Y,), float64, in [0, 1]; NaN for a class that is in neither map.

    Raises
    ------
    ValueError
        If the shapes differ or are no maps, there is no pixel, or a class is no whole number or out of range.

    Source: M. Everingham and others, The PASCAL Visual Object Classes Challenge: A Retrospective, 2015.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    for name, labels in (("y_true", y_true), ("y_pred", y_pred)):
        if labels.ndim not in (2, 3):
            raise ValueError(
                f"{name} must be a map with one class a pixel, shape (H, W) or (B, H, W), got {labels.shape}; "
                "of scores (B, Y, H, W) take the argmax along axis 1 first"
            )
        check_whole_numbers(name, labels)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true has shape {y_true.shape}, y_pred {y_pred.shape}: give the same pixels twice"
        )
    matrix = confusion_matrix(y_true.ravel(), y_pred.ravel(), check_whole("num_classes", num_classes, 1))
    shared = np.diag(matrix)  # (Y,)
    covered = matrix.sum(axis=0) + matrix.sum(axis=1) - shared
    return np.divide(shared, covered, out=np.full(len(shared), np.nan), where=covered > 0)


def mean_iou(y_true: np.ndarray, y_pred: np.ndarray, num_classes: int) -> float:
    """Return the arithmetic mean of `segmentation_iou`, whose parameters it has, over the classes that occur."""
    return float(np.nanmean(segmentation_iou(y_true, y_pred, num_classes)))
