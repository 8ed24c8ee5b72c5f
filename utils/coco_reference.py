"""pycocotools, the reference code of COCO, fed from arrays instead of files: to check our own metrics against."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np


def coco_average_precision_table(
    truth: Sequence[tuple[np.ndarray, np.ndarray]],
    predictions: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    num_classes: int,
) -> tuple[np.ndarray, float]:
    """Return what pycocotools says about boxes, for objects of all sizes and at most 100 answers an image.

    Parameters
    ----------
    truth : for each image (boxes, labels), of shapes (O1, 4) and (O1,); a box is left, top, right, bottom
    predictions : for each image (boxes, labels, scores), of shapes (O2, 4), (O2,) and (O2,)
    num_classes : int
        Number of classes, Y.

    Returns
    -------
    table : ndarray of shape (Y, 10), float64, in [0, 1]
        Average precision of each class at the thresholds 0.50, 0.55, …, 0.95 of the intersection over union; NaN in
        the row of a class without true boxes.
    mean : float
        The number that COCO reports; -1 if there are no true boxes at all.
    """
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        unscored = [(boxes, labels, None) for boxes, labels in truth]
        evaluation = COCOeval(_as_coco(unscored, num_classes), _as_coco(predictions, num_classes), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (10, 101, Y); -1 where there is no true box
    return np.where(precision < 0, np.nan, precision).mean(axis=1).T, float(evaluation.stats[0])


def _as_coco(images, num_classes):
    from pycocotools.coco import COCO

    annotations = []
    for image_id, (boxes, labels, scores) in enumerate(images):
        for i, (left, top, right, bottom) in enumerate(np.asarray(boxes, float).reshape(-1, 4).tolist()):
            annotation = {
                "id": len(annotations) + 1,  # pycocotools takes the id 0 for "no match"
                "image_id": image_id,
                "category_id": int(labels[i]),
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": 0,
            }
            annotations.append(annotation if scores is None else annotation | {"score": float(scores[i])})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(images))],
            "categories": [{"id": y} for y in range(num_classes)],
            "annotations": annotations,
        }
        coco.createIndex()
    return coco
