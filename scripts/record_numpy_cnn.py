"""Record what the NumPy network learns, and what wrong gradients do to the learning.

    python scripts/record_numpy_cnn.py digits
    python scripts/record_numpy_cnn.py bugs

Writes results/numpy_cnn_on_digits.json and results/gradient_bugs.json, each in about a minute of one core.

digits: the CNN on handwritten digits. One of three learning rates is chosen by the mean accuracy on validation digits of
five splits; only then, with the chosen one, ten splits are trained and the test digits are read, once each. The weights are
then carried to PyTorch, once with the order of the flattened maps changed, once without.

bugs: dense layers in a row, 64 to 64 to 64 to 10, trained with gradients that are wrong on purpose, five splits, and how
well the wrong gradient of the first layer points along the true one before and after.
"""

import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import torch

from utils import convert, data, runs, torch_models
from utils.data.transforms import unit_range
from utils.metrics import accuracy
from utils.numpy_nn import (
    SGD,
    AdamW,
    Dense,
    Flatten,
    ReLU,
    Sequential,
    build_cnn,
    cross_entropy,
    predict,
    train,
    warmup_cosine,
)

RATES, CHOICE_SEEDS, SEEDS = (2e-3, 3e-3, 4e-3), tuple(range(5)), tuple(range(10))
DIGITS = {"epochs": 15, "batch_size": 64}
BUG_SEEDS, BUG_EPOCHS, BUG_RATES = tuple(range(5)), 30, {"SGD": 0.1, "AdamW": 2e-3}


def load(seed: int, *splits: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    parts = {split: data.load("digits", split, seed=seed) for split in splits}
    return {split: (unit_range(part.images), part.labels) for split, part in parts.items()}


def score(network, images: np.ndarray, labels: np.ndarray) -> float:
    return accuracy(labels, predict(network, images).argmax(axis=1))


def trained_cnn(seed: int, rate: float, images: np.ndarray, labels: np.ndarray):
    """Return the network, the mean loss of each epoch and the seconds of the processor."""
    rng = np.random.default_rng(seed)
    network = build_cnn(rng, image_size=8, in_channels=1, padding=1)
    steps = DIGITS["epochs"] * -(-len(images) // DIGITS["batch_size"])
    start = time.process_time()
    losses = train(
        network,
        images,
        labels,
        optimiser=AdamW(network.named_parameters(), rate),
        rng=rng,
        schedule=lambda step: warmup_cosine(step, steps=steps, warmup=steps // 10, highest=rate),
        **DIGITS,
    )
    return network, losses, time.process_time() - start


def carried(network, images: np.ndarray, *, reorder: bool) -> np.ndarray:
    """Return the logits of PyTorch's twin; without `reorder`, the hidden weights are only transposed."""
    twin = torch_models.build_cnn(8, 1, 10, 1)
    convert.to_torch(network.named_parameters(), twin)
    if not reorder:
        with torch.no_grad():
            twin.hidden.weight.copy_(torch.from_numpy(network.named_parameters()["hidden.weight"].T.copy()))
    with torch.no_grad():
        return twin(torch.from_numpy(images).movedim(3, 1)).numpy()


def digits() -> dict:
    choice = {
        str(rate): [
            score(trained_cnn(seed, rate, *parts["train"])[0], *parts["validation"])
            for seed in CHOICE_SEEDS
            for parts in [load(seed, "train", "validation")]
        ]
        for rate in RATES
    }
    chosen = max(RATES, key=lambda rate: np.mean(choice[str(rate)]))
    results = []
    for seed in SEEDS:
        parts = load(seed, "train", "validation", "test")
        network, losses, seconds = trained_cnn(seed, chosen, *parts["train"])
        images, labels = parts["validation"]
        right, wrong = (carried(network, images, reorder=reorder) for reorder in (True, False))
        results.append(
            {
                "validation_accuracy": score(network, images, labels),
                "test_accuracy": score(network, *parts["test"]),
                "losses": [round(loss, 5) for loss in losses],
                "processor_seconds": round(seconds, 2),
                "largest_difference_from_pytorch": float(np.abs(right - predict(network, images)).max()),
                "validation_accuracy_without_reordering": accuracy(labels, wrong.argmax(axis=1)),
            }
        )
        print(seed, {key: value for key, value in results[-1].items() if key != "losses"}, flush=True)
    return {
        "what": "the NumPy CNN of 72,842 parameters on digits, AdamW, warm-up and cosine, one thread",
        "seeds": list(SEEDS),
        "settings": DIGITS | {"learning_rate": chosen},
        "choice": {"seeds": list(CHOICE_SEEDS), "validation_accuracy": choice},
        "parameters": int(sum(array.size for array in network.named_parameters().values())),
        "test_accuracy": runs.mean_and_spread(run["test_accuracy"] for run in results),
        "results": results,
    }


class ForgottenTranspose(Dense):
    """dx = dz W: the shapes fit, since W is square."""

    def backward(self, dz):
        super().backward(dz)
        return dz @ self.parameters["weight"]


class NothingComesBack(Dense):
    """The layers before this one never learn."""

    def backward(self, dz):
        return 0 * super().backward(dz)


class WithoutBias(Dense):
    """The bias keeps its first value, 0."""

    def backward(self, dz):
        dx = super().backward(dz)
        self.gradients["bias"] = np.zeros_like(self.gradients["bias"])
        return dx


BUGS = {
    "none": Dense,
    "transpose forgotten": ForgottenTranspose,
    "first layer frozen": NothingComesBack,
    "no bias gradient": WithoutBias,
    "1/B dropped": Dense,
}


def dense_network(rng, middle: type[Dense]) -> Sequential:
    return Sequential(
        {
            "flatten": Flatten(),
            "first": Dense(64, 64, rng),
            "relu_1": ReLU(),
            "middle": middle(64, 64, rng),
            "relu_2": ReLU(),
            "classes": Dense(64, 10, rng),
        }
    )


def agreement(network: Sequential, images: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the cosine between the first layer's true gradient and the one with the transpose forgotten.

    None if it is not defined: after a training that has killed every ReLU both gradients are 0.
    """
    _, dz = cross_entropy(network.forward(images), labels)
    layers, found = network.layers, []
    dz = layers["relu_2"].backward(layers["classes"].backward(dz))
    weight = layers["middle"].parameters["weight"]
    for matrix in (weight.T, weight):
        layers["first"].backward(layers["relu_1"].backward(dz @ matrix))
        found.append(layers["first"].gradients["weight"].ravel())
    lengths = [np.linalg.norm(gradient) for gradient in found]
    return round(float(found[0] @ found[1] / np.prod(lengths)), 4) if all(lengths) else None


def bug_run(seed: int, bug: str, optimiser: str) -> dict:
    parts = load(seed, "train", "validation")
    images, labels = parts["train"]
    rng = np.random.default_rng(seed)
    network = dense_network(rng, BUGS[bug])
    before = agreement(network, images, labels)
    step = {"SGD": SGD, "AdamW": AdamW}[optimiser](network.named_parameters(), BUG_RATES[optimiser])
    for _ in range(BUG_EPOCHS):
        order, total = rng.permutation(len(images)), 0.0
        for start in range(0, len(images), 64):
            rows = order[start : start + 64]
            loss, dz = cross_entropy(network.forward(images[rows]), labels[rows])
            network.backward(dz * len(rows) if bug == "1/B dropped" else dz)
            step.step(network.named_gradients())
            total += loss * len(rows) / len(images)
    return {
        "validation_accuracy": score(network, *parts["validation"]),
        "last_loss": round(total, 5),
        "cosine_before": before,
        "cosine_after": agreement(network, images, labels),
    }


def bugs() -> dict:
    results = {
        optimiser: {bug: [bug_run(seed, bug, optimiser) for seed in BUG_SEEDS] for bug in BUGS}
        for optimiser in BUG_RATES
    }
    for optimiser, by_bug in results.items():
        for bug, found in by_bug.items():
            print(optimiser, bug, [run["validation_accuracy"] for run in found], flush=True)
    return {
        "what": "dense layers 64, 64, 64, 10 on digits, 30 epochs, with gradients that are wrong on purpose",
        "seeds": list(BUG_SEEDS),
        "settings": {"epochs": BUG_EPOCHS, "batch_size": 64, "learning_rates": BUG_RATES},
        "results": results,
    }


RECORDS = {"digits": ("numpy_cnn_on_digits", digits), "bugs": ("gradient_bugs", bugs)}


def main(kind: str) -> None:
    name, record = RECORDS[kind]
    result = {"command": f"python scripts/record_numpy_cnn.py {kind}", **record()}
    print(f"wrote {runs.save_result(name, result | runs.provenance(('numpy', 'torch')))}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in RECORDS:
        sys.exit(__doc__)
    main(sys.argv[1])
