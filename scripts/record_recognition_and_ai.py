"""Record rules, a tree on hand-made measures and a network on pixels: six conditions, three seeds.

    python scripts/record_recognition_and_ai.py

Writes results/recognition_and_ai.json, after a quarter of an hour on one core. The rules get no picture; tree and network
learn on pictures of the kind on which they are asked, and those of 1,000 clean ones are asked about all others too.
"""

from functools import partial

import numpy as np

from utils import metrics, runs
from utils.shape_learners import answers_by_cnn, grow_tree, train_shape_cnn
from utils.shape_rules import CONDITIONS, answers_by_rules, draw_shapes, measure_all
from utils.torch_training import make_repeatable

SEEDS = (0, 1, 2)
SIZES = (10, 50, 200, 1000)
MANY, MANY_STEPS = 4000, 1500
"""More pictures and more steps, for all difficulties at once only."""
TESTS = 1000
STREAMS = {"train": 0, "test": 1}


def pictures(seed: int, condition: str, split: str, count: int):
    """Return images, labels and measures of one split; conditions and splits have streams of their own."""
    rng = np.random.default_rng([seed, STREAMS[split], list(CONDITIONS).index(condition)])
    images, labels = draw_shapes(count, rng, condition)
    return images, labels, measure_all(images)


def share(answers: np.ndarray, labels: np.ndarray) -> float:
    return round(metrics.accuracy(labels, answers), 4)


def judged(seed: int, condition: str) -> dict:
    """Return the accuracy of the rules, and of tree and network by the number of training pictures."""
    sizes = (*SIZES, MANY) if condition == "all at once" else SIZES
    images, labels, measures = pictures(seed, condition, "train", max(sizes))
    x, y, m = pictures(seed, condition, "test", TESTS)
    found = {"rules": share(answers_by_rules(m), y), "tree": {}, "cnn": {}}
    for n in sizes:
        found["tree"][str(n)] = share(grow_tree(measures[:n], labels[:n]).predict(m), y)
        steps = MANY_STEPS if n == MANY else 500
        model = train_shape_cnn(images[:n], labels[:n], steps=steps, seed=seed)
        found["cnn"][str(n)] = share(answers_by_cnn(model, x), y)
    return found


def carried_over(seed: int) -> dict:
    """Return what those who learned on 1,000 clean pictures reach in each condition."""
    images, labels, measures = pictures(seed, "clean", "train", max(SIZES))
    tree, model = grow_tree(measures, labels), train_shape_cnn(images, labels, seed=seed)
    found = {}
    for condition in CONDITIONS:
        x, y, m = pictures(seed, condition, "test", TESTS)
        found[condition] = {"tree": share(tree.predict(m), y), "cnn": share(answers_by_cnn(model, x), y)}
    return found


def main() -> None:
    make_repeatable(0)
    part = runs.reported("recognition_and_ai", partial(print, flush=True))
    result = {
        "command": "python scripts/record_recognition_and_ai.py",
        "what": "accuracy of rules, of a tree on the rules' measures and of the course's CNN on pixels; six shapes",
        "seeds": list(SEEDS),
        "tests": TESTS,
        "conditions": {
            condition: [part(f"{condition} {seed}", partial(judged, seed, condition)) for seed in SEEDS]
            for condition in CONDITIONS
        },
        "from_clean": [part(f"from clean {seed}", partial(carried_over, seed)) for seed in SEEDS],
    }
    path = runs.save_result(
        "recognition_and_ai", result | runs.provenance(("numpy", "torch", "scikit-learn", "scikit-image"))
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
