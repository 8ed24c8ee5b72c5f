"""Record what a classifier and a detector of one backbone can say about scenes with one to three objects: three seeds.

    python scripts/record_recognition_or_detection.py

Writes results/recognition_or_detection.json, after about five minutes on one core.
"""

from functools import partial

from utils import runs
from utils.detection_study import compare, scenes, train_classifier, train_detector
from utils.torch_training import make_repeatable

SEEDS = (0, 1, 2)
TRAINING, VALIDATION, TESTS = 4000, 400, 2000
EPOCHS = 5


def judged(seed: int) -> dict:
    """Train both on the same scenes, and compare them on test scenes."""
    training = scenes(seed, "train", TRAINING)
    classifier = train_classifier(training, EPOCHS, seed)
    detector = train_detector(training, EPOCHS, seed)
    return compare(classifier, detector, scenes(seed, "validation", VALIDATION), scenes(seed, "test", TESTS))


def main() -> None:
    make_repeatable(0)
    part = runs.reported("recognition_or_detection", partial(print, flush=True))
    result = {
        "command": "python scripts/record_recognition_or_detection.py",
        "what": "a classifier with class maps and a detector, of one backbone: which, how many, where",
        "seeds": list(SEEDS),
        "counts": {"training": TRAINING, "validation": VALIDATION, "test": TESTS},
        "epochs": EPOCHS,
        "runs": [part(f"seed {seed}", partial(judged, seed)) for seed in SEEDS],
    }
    path = runs.save_result("recognition_or_detection", result | runs.provenance(("numpy", "torch")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
