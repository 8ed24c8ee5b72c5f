"""The scores of the course: NumPy arrays in, fractions from 0 to 1 out, `(y_true, y_pred)` in this order.

`classification` counts right and wrong answers, `ranking` judges scores without a threshold, `detection`
judges boxes, `segmentation` the classes of pixels, `calibration` asks whether probabilities mean what they
say, `uncertainty` how far chance could have moved a score, `saliency` whether a map of where a model looks
lies on the object. `segmentation` is built step by step in the chapter `2_concepts/recognition_tasks`,
`saliency` in `5_trends_and_challenges/interpretability`, the ROC curve in `5_trends_and_challenges/privacy`
and the area under it in `5_trends_and_challenges/security`, the others in `2_concepts/metrics`.
"""

from utils.metrics.calibration import (
    expected_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    softmax,
)
from utils.metrics.classification import accuracy, confusion_matrix, f_beta, precision, recall
from utils.metrics.detection import (
    COCO_IOU_THRESHOLDS,
    average_precision_table,
    box_iou,
    coco_average_precision,
    interpolated_precision,
    match_boxes,
    mean_average_precision,
)
from utils.metrics.ranking import (
    average_precision,
    precision_recall_curve,
    roc_auc,
    roc_curve,
    true_rate_at,
)
from utils.metrics.saliency import area_iou, pointing_game
from utils.metrics.segmentation import mean_iou, segmentation_iou
from utils.metrics.uncertainty import bootstrap_interval, wilson_interval

__all__ = [
    "COCO_IOU_THRESHOLDS",
    "accuracy",
    "area_iou",
    "average_precision",
    "average_precision_table",
    "bootstrap_interval",
    "box_iou",
    "coco_average_precision",
    "confusion_matrix",
    "expected_calibration_error",
    "f_beta",
    "interpolated_precision",
    "match_boxes",
    "mean_average_precision",
    "mean_iou",
    "negative_log_likelihood",
    "pointing_game",
    "precision",
    "precision_recall_curve",
    "recall",
    "reliability_bins",
    "roc_auc",
    "roc_curve",
    "segmentation_iou",
    "softmax",
    "true_rate_at",
    "wilson_interval",
]
