"""Record how the eras of recognition do on the same pictures: neighbours, hand-made features, a CNN, a Vision Transformer.

    python scripts/record_four_eras.py scenes|digits|cifar10|stress     (cifar10 needs COURSE_DATA_DIR or a network)

Writes results/eras_on_<data set>.json, or results/eras_under_stress.json. Three seeds; each has its own split, first
weights and order of batches. All methods get the same pictures. The two networks get about the same processor time on
one thread: where an image costs the Vision Transformer more, it makes fewer passes, and the other way round.

What has to be chosen (neighbours, penalty, width of the kernel, size of the patches, learning rate) is chosen with the
first seed on validation images, after training on at most 3,000 images and for half of the passes; the test images are
read once for each seed and method. Under stress the scenes start calm and one knob at a time is turned up.
"""

import argparse
import dataclasses
import functools
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from sklearn.kernel_approximation import Nystroem
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from utils import data, metrics, runs
from utils.data.cifar10 import DIGESTS
from utils.data.transforms import enlarge
from utils.features import oriented_gradients, pixels
from utils.torch_models import VisionTransformer, build_cnn
from utils.torch_training import count_parameters, make_repeatable, predict, to_tensor, train

SEEDS = (0, 1, 2)
LANDMARKS = 2000
EPOCHS = {"scenes": 33, "digits": 66, "cifar10": 16}
"""Passes of the CNN."""
VIT_COST = {4: 2.75, 8: 0.64}
"""Processor time of the Vision Transformer for one image, in units of the CNN's, by the size of its patches."""
CHOICES = {
    "knn": (1, 5, 15, 45),
    "hog_linear": (1e-6, 1e-5, 1e-4, 1e-3),
    "hog_kernel": tuple((gamma, penalty) for gamma in (0.03, 0.06, 0.12) for penalty in (1.0, 10.0)),
    "cnn": (1e-3, 2e-3, 4e-3, 8e-3),
    "vit": tuple((patch_size, rate) for patch_size in (4, 8) for rate in (1e-3, 2e-3, 4e-3)),
}
CHOICE_IMAGES = 3000
CALM = data.SceneSettings(shift=0.0, rotation=0.0, clutter=0.0, lighting=0.0, occlusion=0.0)
STRESS = {
    "rotation": (45.0, 90.0, 180.0),
    "shift": (0.33, 0.67, 1.0),
    "clutter": (0.33, 0.67, 1.0),
    "lighting": (0.33, 0.67, 1.0),
}
STRESS_COUNTS = {"train": 1500, "validation": 500, "test": 1000}
STRESS_EPOCHS = 20


class OnFeatures:
    """A classifier of scikit-learn on features of images; `kept` counts the numbers that it needs to answer."""

    def __init__(self, features, model):
        self.features, self.model = features, model

    def fit(self, dataset, epochs, seed):
        x = self.features(dataset.images)
        self.model.fit(x, dataset.labels)
        classes, width = len(dataset.class_names), x.shape[1]
        steps = [step for _, step in getattr(self.model, "steps", [("model", self.model)])]
        if isinstance(steps[-1], KNeighborsClassifier):
            self.kept = x.size
        elif isinstance(steps[0], Nystroem):
            landmarks = len(steps[0].components_)
            self.kept = landmarks * width + landmarks**2 + (landmarks + 1) * classes
        else:
            self.kept = 2 * width + (width + 1) * classes
        return self

    def answers(self, images):
        return self.model.predict(self.features(images))


class Network:
    """A network in PyTorch behind the same two calls."""

    def __init__(self, make, learning_rate):
        self.make, self.learning_rate = make, learning_rate

    def fit(self, dataset, epochs, seed):
        make_repeatable(seed)
        self.model = self.make(in_channels=dataset.images.shape[-1])
        self.kept = count_parameters(self.model)
        tensors = to_tensor(dataset.images), torch.from_numpy(dataset.labels)
        generator = torch.Generator().manual_seed(seed)
        train(self.model, tensors, epochs=epochs, learning_rate=self.learning_rate, generator=generator)
        return self

    def answers(self, images):
        return predict(self.model, to_tensor(images)).argmax(axis=1)


def build(method: str, choice, count: int, seed: int):
    """Return an untrained recogniser of one era for `count` training images."""
    if method == "knn":
        return OnFeatures(pixels, KNeighborsClassifier(choice))
    if method == "hog_linear":
        return OnFeatures(
            oriented_gradients, make_pipeline(StandardScaler(), LinearSVC(C=choice, dual=False))
        )
    if method == "hog_kernel":
        gamma, penalty = choice
        landmarks = Nystroem(gamma=gamma, n_components=min(LANDMARKS, count), random_state=seed)
        return OnFeatures(oriented_gradients, make_pipeline(landmarks, LinearSVC(C=penalty, dual=False)))
    if method == "cnn":
        return Network(build_cnn, choice)
    patch_size, rate = choice
    return Network(functools.partial(VisionTransformer, patch_size=patch_size), rate)


def passes(method: str, choice, cnn_epochs: int) -> int:
    """Return how many passes a network makes in the processor time of `cnn_epochs` passes of the CNN."""
    return round(cnn_epochs / VIT_COST[choice[0]]) if method == "vit" else cnn_epochs


def accuracy(model, dataset) -> float:
    return metrics.accuracy(dataset.labels, model.answers(dataset.images))


def choose(method: str, train_set, validation, cnn_epochs: int):
    """Return the choice with the best validation accuracy, and all accuracies that were compared."""
    compared = []
    for choice in CHOICES[method]:
        model = build(method, choice, len(train_set), SEEDS[0])
        model.fit(train_set, passes(method, choice, cnn_epochs), SEEDS[0])
        compared.append(round(accuracy(model, validation), 4))
        print(f"  {method}, {choice}: {compared[-1]:.4f} on validation", flush=True)
    best = int(np.argmax(compared))
    return CHOICES[method][best], [
        {"choice": c, "validation_accuracy": a} for c, a in zip(CHOICES[method], compared, strict=True)
    ]


def splits_of(name: str, seed: int):
    """Return train, validation and test, digits enlarged to 32 × 32."""
    splits = [data.load(name, split, seed=seed) for split in ("train", "validation", "test")]
    data.assert_disjoint(**dict(zip(("train", "validation", "test"), splits, strict=True)))
    return (
        [dataclasses.replace(s, images=enlarge(s.images, 4)) for s in splits] if name == "digits" else splits
    )


def one_run(method: str, choice, splits, epochs: int, seed: int) -> dict:
    train_set, _, test = splits
    start = time.process_time()
    model = build(method, choice, len(train_set), seed).fit(train_set, epochs, seed)
    fitted = time.process_time()
    test_accuracy = accuracy(model, test)
    answered = time.process_time()
    return {
        "seed": seed,
        "test_accuracy": test_accuracy,
        "training_seconds": round(fitted - start, 2),
        "milliseconds_an_answer": round(1000 * (answered - fitted) / len(test), 4),
        "numbers_kept": model.kept,
    }


def record_ladder(name: str) -> dict:
    splits = {seed: splits_of(name, seed) for seed in SEEDS}
    few, validation, _ = splits[SEEDS[0]]
    if len(few) > CHOICE_IMAGES:
        few = few.subset(np.random.default_rng(0).permutation(len(few))[:CHOICE_IMAGES])
    methods = {}
    for method in CHOICES:
        choice, compared = choose(method, few, validation, -(-EPOCHS[name] // 2))
        epochs = passes(method, choice, EPOCHS[name])
        by_seed = [one_run(method, choice, splits[seed], epochs, seed) for seed in SEEDS]
        spread = runs.mean_and_spread([run["test_accuracy"] for run in by_seed])
        print(f"{name}, {method}: {spread['mean']:.4f} ± {spread['std']:.4f}", flush=True)
        methods[method] = {"choice": choice, "epochs": epochs if method in ("cnn", "vit") else None} | spread
        methods[method] |= {"compared": compared, "runs": by_seed}
    train_set, validation, test = splits[SEEDS[0]]
    return {
        "what": f"test accuracy of five methods on {name}, processor seconds on one thread, numbers kept",
        "counts": {"train": len(train_set), "validation": len(validation), "test": len(test)},
        "methods": methods,
    } | ({"data_digest": DIGESTS} if name == "cifar10" else {})


def stressed(settings: data.SceneSettings, seed: int):
    return [
        data.make_scenes(count, np.random.default_rng([seed, i, 7]), settings=settings)
        for i, count in enumerate(STRESS_COUNTS.values())
    ]


def record_stress() -> dict:
    calm_scenes = {s: stressed(CALM, s) for s in SEEDS}
    train_set, validation, _ = calm_scenes[SEEDS[0]]
    methods = ("hog_linear", "hog_kernel", "cnn")
    choices = {m: choose(m, train_set, validation, STRESS_EPOCHS)[0] for m in methods}

    def fitted(method, train_set, seed):
        return build(method, choices[method], len(train_set), seed).fit(train_set, STRESS_EPOCHS, seed)

    calm = {(m, s): fitted(m, calm_scenes[s][0], s) for m in methods for s in SEEDS}
    rows = []
    for knob, level in [("calm", 0.0)] + [(k, level) for k, levels in STRESS.items() for level in levels]:
        settings = CALM if knob == "calm" else dataclasses.replace(CALM, **{knob: level})
        scenes = {s: stressed(settings, s) for s in SEEDS}
        there = {m: [accuracy(fitted(m, scenes[s][0], s), scenes[s][2]) for s in SEEDS] for m in methods}
        moved = {m: [accuracy(calm[m, s], scenes[s][2]) for s in SEEDS] for m in methods}
        row = {"knob": knob, "level": level, "trained_there": there, "trained_calm": moved}
        rows.append(row)
        print(row, flush=True)
    return {
        "what": "test accuracy as one knob of the scenes is turned up, trained at that level or on calm scenes only",
        "counts": STRESS_COUNTS,
        "epochs": STRESS_EPOCHS,
        "calm": dataclasses.asdict(CALM),
        "choices": choices,
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*EPOCHS, "stress"])
    part = parser.parse_args().part
    start = time.process_time()
    record = record_stress() if part == "stress" else record_ladder(part)
    name = "eras_under_stress" if part == "stress" else f"eras_on_{part}"
    head = {"command": f"python scripts/record_four_eras.py {part}", "seeds": list(SEEDS)}
    tail = {"processor_seconds": round(time.process_time() - start)}
    versions = runs.provenance(("numpy", "scipy", "scikit-learn", "scikit-image", "torch"))
    print(f"wrote {runs.save_result(name, head | record | tail | versions)}")


if __name__ == "__main__":
    main()
