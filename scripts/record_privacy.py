"""Record who can be recognised as a training picture, what drives it, and what DP-SGD changes: digits, three seeds.

    python scripts/record_privacy.py

Writes results/privacy.json, after about eight minutes on one core. Each model of a group is attacked once, with the
others as shadow models. Accuracies are of pictures that the model has not seen; the test pictures are not read.
"""

from functools import partial

import numpy as np
import torch

from utils import data, membership, metrics, privacy, runs
from utils.augmentation import shift_and_flip
from utils.torch_training import first_weights, make_repeatable, to_tensor

SEEDS = (0, 1, 2)
MODELS, PRIVATE_MODELS = 32, 16
EPOCHS = 60
KEEP = (2, 5, 15, 60)
COUNTS = (200, 500)
"""Pictures that are asked about, of which each model has half; all 1,078 in the other groups."""
WRONG_SHARE = 0.05
DELTA = 1e-5
PRIVATE = {"steps": 100, "lot_size": 108, "learning_rate": 0.1, "clip": 1.0}
RATE_OF_HALF, RATE_OF_ALL = 0.2, 0.1
"""How often a picture comes: a lot of about 108 out of 539 or 1,078."""
EPSILONS = (1.0, 2.0, 4.0, 8.0)
ATTACKED_EPSILONS = (1.0, 8.0, None)
"""None: clipped, but without noise."""
FALSE_RATES = [round(float(x), 5) for x in np.geomspace(1e-3, 1, 25)]
MOVES = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def moved(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Move each image of (B, C, H, W) by up to a pixel, at random."""
    still = torch.zeros(len(images), dtype=torch.bool)
    return shift_and_flip(images.permute(0, 2, 3, 1), still, shift=1, generator=generator).permute(0, 3, 1, 2)


def asked_in_views(stack, images, labels) -> np.ndarray:
    """Return the mean confidence (K, n) over the picture and its eight moves by one pixel, with a mirror at the edge."""
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), mode="reflect")
    views = [padded[:, :, 1 + d : 9 + d, 1 + r : 9 + r] for d, r in MOVES]
    return np.mean([membership.confidence(stack(view), labels) for view in views], axis=0)


def judged(truth: np.ndarray, scores: np.ndarray) -> dict:
    """Return area, true-positive rate at 1 % and 0.1 % false alarms, and the curve at `FALSE_RATES`."""
    curve = metrics.roc_curve(truth, scores)
    return {
        "auc": round(metrics.roc_auc(truth, scores), 4),
        "tpr": round(metrics.true_rate_at(*curve), 4),
        "tpr_at_thousandth": round(metrics.true_rate_at(*curve, at=0.001), 4),
        "curve": [round(metrics.true_rate_at(*curve, at=rate), 4) for rate in FALSE_RATES],
    }


def attacked(sure: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, dict]:
    """Attack each model by the confidence alone, and by the likelihood ratio."""
    ratio = np.stack([membership.likelihood_ratio(sure, members, k) for k in range(len(members))])
    truth = members.ravel()
    return ratio, {"loss": judged(truth, sure.ravel()), "ratio": judged(truth, ratio.ravel())}


@torch.no_grad()
def group(stack, images, labels, members, learned=False) -> dict:
    """Return the accuracy of a group of models on their own and on other pictures, and what attacks find."""
    logits = stack(images)  # (K, n, Y)
    right = (logits.argmax(dim=2) == labels).numpy()
    _, found = attacked(membership.confidence(logits, labels), members)
    if learned:
        scores = [membership.learned_attack(logits, labels, members, k) for k in range(len(members))]
        found["learned"] = judged(members.ravel(), np.concatenate(scores))
    return {
        "accuracy_own": round(float(right[members].mean()), 4),
        "accuracy_others": round(float(right[~members].mean()), 4),
        **found,
    }


def load(seed):
    train = data.load("digits", "train", seed=seed)
    return to_tensor(train.images).contiguous(), torch.from_numpy(train.labels)


def usual(seed: int) -> dict:
    """Return groups by epochs, with moved pictures, and with fewer pictures."""
    images, labels = load(seed)
    members = membership.random_halves(MODELS, len(images), np.random.default_rng([seed, 0]))
    train = {"seed": seed, "epochs": EPOCHS}
    kept = membership.train_many(membership.small_mlp, images, labels, members, keep_at=KEEP, **train)
    found = {
        f"epochs {epoch}": group(stack, images, labels, members, learned=epoch == EPOCHS)
        for epoch, stack in kept.items()
    }
    stack = membership.train_many(membership.small_mlp, images, labels, members, augment=moved, **train)[
        EPOCHS
    ]
    found["moved"] = group(stack, images, labels, members)
    with torch.no_grad():
        found["moved, asked in views"] = attacked(asked_in_views(stack, images, labels), members)[1]
    for count in COUNTS:
        members = membership.random_halves(MODELS, count, np.random.default_rng([seed, count]))
        stack = membership.train_many(membership.small_mlp, images[:count], labels[:count], members, **train)[
            EPOCHS
        ]
        found[f"pictures {count // 2}"] = group(stack, images[:count], labels[:count], members)
    return found


def mislabelled(seed: int) -> dict:
    """Return how many of the pictures with a wrong label are recognised, and how many of the others, at 1 % false alarms."""
    images, labels = load(seed)
    rng = np.random.default_rng([seed, 2])
    members = membership.random_halves(MODELS, len(images), rng)
    wrong = np.zeros(len(images), dtype=bool)
    wrong[rng.choice(len(images), round(WRONG_SHARE * len(images)), replace=False)] = True
    given = labels.clone()
    given[wrong] = (labels[wrong] + torch.from_numpy(rng.integers(1, 10, wrong.sum()))) % 10
    stack = membership.train_many(membership.small_mlp, images, given, members, seed=seed, epochs=EPOCHS)[
        EPOCHS
    ]
    with torch.no_grad():
        sure = membership.confidence(stack(images), given)
    ratio, found = attacked(sure, members)
    threshold = np.quantile(ratio[~members], 0.99)
    alarmed = ratio > threshold
    own_wrong, own_right = members & wrong, members & ~wrong
    return found | {
        "wrong": round(float(alarmed[own_wrong].mean()), 4),
        "right": round(float(alarmed[own_right].mean()), 4),
        "false": round(float(alarmed[~members].mean()), 4),
    }


def private_model(images, labels, noise: float, rate: float, seed: int, number: int):
    with first_weights(1000 * seed + number):
        model = membership.small_mlp()
    generator = torch.Generator().manual_seed(1000 * seed + number)
    return privacy.train_private(
        model, images, labels, sampling_rate=rate, noise_multiplier=noise, generator=generator, **PRIVATE
    )


def noise_of(epsilon: float | None, rate: float) -> float:
    if epsilon is None:
        return 0.0
    return privacy.noise_for(epsilon, rate, PRIVATE["steps"], DELTA)


def private_group(seed: int, epsilon: float | None) -> dict:
    """Return what attacks find in models that were trained with DP-SGD, each picture a member by a coin."""
    images, labels = load(seed)
    members = membership.coin_halves(PRIVATE_MODELS, len(images), np.random.default_rng([seed, 3]))
    noise = noise_of(epsilon, RATE_OF_HALF)
    models = [
        private_model(images[own], labels[own], noise, RATE_OF_HALF, seed, k)
        for k, own in enumerate(torch.from_numpy(members))
    ]
    return {"noise_multiplier": round(noise, 4)} | group(membership.Stack(models), images, labels, members)


def private_accuracy(seed: int, epsilon: float | None) -> float:
    """Return the accuracy on the validation pictures of a model trained on all 1,078."""
    images, labels = load(seed)
    validation = data.load("digits", "validation", seed=seed)
    model = private_model(images, labels, noise_of(epsilon, RATE_OF_ALL), RATE_OF_ALL, seed, 99)
    with torch.no_grad():
        answers = model(to_tensor(validation.images)).argmax(dim=1).numpy()
    return round(float((answers == validation.labels).mean()), 4)


def main() -> None:
    make_repeatable(0)
    part = runs.reported("privacy", partial(print, flush=True))
    parts = {"usual": [], "mislabelled": [], "private": [], "accuracy": []}
    for seed in SEEDS:
        parts["usual"].append(part(f"usual {seed}", lambda: usual(seed)))  # noqa: B023
        parts["mislabelled"].append(part(f"wrong {seed}", lambda: mislabelled(seed)))  # noqa: B023
        parts["private"].append(
            {
                str(e): part(f"private {seed} {e}", lambda: private_group(seed, e))  # noqa: B023
                for e in ATTACKED_EPSILONS
            }
        )
        parts["accuracy"].append(
            {
                str(e): part(f"accuracy {seed} {e}", lambda: private_accuracy(seed, e))  # noqa: B023
                for e in (*EPSILONS, None)
            }
        )
    noises = {str(e): round(noise_of(e, RATE_OF_ALL), 4) for e in EPSILONS}
    result = {
        "command": "python scripts/record_privacy.py",
        "what": "membership inference and DP-SGD on digits: each model attacked once, the others of its group its shadows",
        "seeds": list(SEEDS),
        "models": MODELS,
        "private_models": PRIVATE_MODELS,
        "delta": DELTA,
        "private_settings": PRIVATE,
        "noise_multipliers": noises,
        "epsilon_prv": {
            e: round(privacy.spent_epsilon(noise, RATE_OF_ALL, PRIVATE["steps"], DELTA, "prv"), 3)
            for e, noise in noises.items()
        },
        "false_rates": FALSE_RATES,
        **parts,
    }
    path = runs.save_result("privacy", result | runs.provenance(("numpy", "torch", "opacus", "scikit-learn")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
