"""Record what an accuracy does not say: poisoned, attacked, corrupted and strange pictures, three seeds.

    python scripts/record_security.py

Writes results/security.json. Curves are of validation scenes; the entries "test" are read once, for the last table.
"""

import functools
import time

import numpy as np
import torch

from utils import attacks, data, metrics, poisoning, runs
from utils.corruptions import STRONGEST, corrupted_scenes
from utils.long_training import train_recipe
from utils.recipes import RECIPES
from utils.torch_training import make_repeatable, predict, to_tensor

SEEDS = (0, 1, 2)
KNOWN, TARGET = 8, 0
EPSILONS = (1, 2, 4, 8)  # of 255
SOONER = RECIPES["cnn_sooner"]
RECIPE = SOONER.changed(epochs=4, options=SOONER.options | {"widths": (32, 64), "num_classes": KNOWN})
POISONED = {2000: (0, 40, 80), 4000: (0, 20, 40, 80, 160), 8000: (0, 80, 160)}
COUNTS = {"validation": 1000, "test": 2000}
FOREIGN = 500


def known(dataset):
    """Return the scenes of the eight shapes that the network is taught."""
    return dataset.subset(np.flatnonzero(dataset.labels < KNOWN))


@functools.lru_cache(maxsize=6)
def scenes(split, count, seed):
    """Return `count` scenes of the shapes that the network is taught."""
    return known(data.load("scenes", split, count=count * 10 // KNOWN, seed=seed))


@functools.lru_cache(maxsize=40)
def corrupted(kind, strength, split, seed):
    return known(corrupted_scenes(kind, strength, split, COUNTS[split] * 10 // KNOWN, seed))


def trained(dataset, seed, recipe=RECIPE, attack=None):
    """Return a trained model and the processor seconds that it took."""
    started = time.process_time()
    model, _ = train_recipe(recipe, dataset, seed=seed, attack=attack)
    return model, time.process_time() - started


def share(hits):
    return round(float(np.mean(hits)), 5)


def answers(model, images):
    return predict(model, to_tensor(images)).argmax(axis=1)


def success(model, clean):
    """Return how often a picture of another class is called the target, without and with the trigger."""
    others = clean.images[clean.labels != TARGET]
    return [share(answers(model, x) == TARGET) for x in (others, poisoning.add_trigger(others))]


def poisoned_run(seed, size, count):
    """Train on `size` scenes, `count` of them poisoned; try the trigger, and look for what did it."""
    train, validation = scenes("train", size, seed), scenes("validation", 1000, seed)
    bad, rows = poisoning.poison(train, count, TARGET, np.random.default_rng([seed, 5]))
    model, _ = trained(bad, seed)
    found = {"seed": seed, "size": size, "count": count}
    found["accuracy"] = share(answers(model, validation.images) == validation.labels)
    found["success_without"], found["success"] = success(model, validation)
    if not count:
        found["attacked"] = share(attacked(model, validation, pgd_attack(2), 300))
    else:
        found |= detected(model, bad, rows, count)
    if (size, count) == (4000, 160):
        found["repaired"] = repaired(seed, model, bad, rows, validation)
    return found


def detected(model, bad, rows, count):
    """Look for the poisoned rows by their loss and by their spectral signature."""
    is_bad = np.isin(np.arange(len(bad)), rows)
    probabilities = metrics.softmax(predict(model, to_tensor(bad.images)))
    loss = -np.log(probabilities[np.arange(len(bad)), bad.labels])
    features = poisoning.pooled_features(model, bad.images)
    scores = poisoning.spectral_scores(features, bad.labels)
    dropped = poisoning.most_suspicious(scores, bad.labels, round(1.5 * count))
    inside = bad.labels == TARGET
    mine = dropped[inside[dropped]]
    return {
        "loss_auc": round(metrics.roc_auc(is_bad[inside], loss[inside]), 5),
        "spectral_auc": round(metrics.roc_auc(is_bad[inside], scores[inside]), 5),
        "recall": share(np.isin(rows, dropped)),
        "precision": share(is_bad[mine]),
        "dropped": len(dropped),
        "first_direction": poisoning.first_direction(features, bad.labels).round(4).tolist(),
    }


def repaired(seed, model, bad, rows, validation):
    """Drop what is suspicious in the class that is most so, train again, and try the trigger once more."""
    features = poisoning.pooled_features(model, bad.images)
    suspect = int(np.argmax(poisoning.first_direction(features, bad.labels)))
    scores = poisoning.spectral_scores(features, bad.labels)
    dropped = poisoning.most_suspicious(scores, bad.labels, round(1.5 * len(rows)))
    dropped = dropped[bad.labels[dropped] == suspect]
    again, _ = trained(bad.subset(np.setdiff1d(np.arange(len(bad)), dropped)), seed)
    return {
        "suspect": suspect,
        "dropped": len(dropped),
        "recall": share(np.isin(rows, dropped)),
        "accuracy": share(answers(again, validation.images) == validation.labels),
        "success": success(again, validation)[1],
    }


def pgd_attack(epsilon, steps=10):
    """Return PGD from a random start with steps of a quarter of epsilon, given in 255ths."""

    def attack(model, images, labels):
        generator = torch.Generator().manual_seed(0)
        size = epsilon / 255 / 4
        return attacks.pgd(
            model, images, labels, epsilon / 255, step_size=size, steps=steps, generator=generator
        )

    return attack


def attacked(model, dataset, attack, count):
    """Return which of the first `count` pictures are still answered rightly, bool (count,)."""
    images, labels = to_tensor(dataset.images[:count]), torch.from_numpy(dataset.labels[:count])
    return (attacks.attacked_answers(model, images, labels, attack) == labels).numpy()


def robustness(model, dataset, count=250):
    """Return the accuracy under noise, FGSM and PGD at each epsilon."""
    table = {"clean": share(attacked(model, dataset, lambda m, x, y: x, count))}
    for name in ("noise", "fgsm", "pgd"):
        table[name] = [share(attacked(model, dataset, one_attack(name, e), count)) for e in EPSILONS]
    return table


def one_attack(name, epsilon):
    if name == "noise":
        generator = torch.Generator().manual_seed(0)
        return lambda m, x, y: attacks.random_signs(x, epsilon / 255, generator)
    if name == "fgsm":
        return lambda m, x, y: attacks.fgsm(m, x, y, epsilon / 255)
    return pgd_attack(epsilon)


def masking(model, source, dataset, count=100, epsilon=4):
    """Return what must hold if the gradients can be trusted: more steps, a huge epsilon, a foreign model."""
    images, labels = to_tensor(dataset.images[:count]), torch.from_numpy(dataset.labels[:count])
    source.eval()
    foreign = pgd_attack(epsilon)(source, images, labels)
    huge = lambda m, x, y: attacks.pgd(m, x, y, 1.0, step_size=0.05, steps=40)  # noqa: E731
    generator = torch.Generator().manual_seed(0)
    guesses = [attacks.random_signs(images, epsilon / 255, generator) for _ in range(20)]
    right = [answers_of(model, guess) == labels.numpy() for guess in guesses]
    return {
        "steps": {
            str(s): share(attacked(model, dataset, pgd_attack(epsilon, s), count)) for s in (5, 10, 20, 40)
        },
        "fgsm": share(attacked(model, dataset, one_attack("fgsm", epsilon), count)),
        "unbounded": share(attacked(model, dataset, huge, count)),
        "transfer": share(answers_of(model, foreign) == labels.numpy()),
        "best_of_20_guesses": share(np.all(right, axis=0)),
    }


def answers_of(model, tensor):
    return predict(model, tensor).argmax(axis=1)


def best_temperature(labels, logits):
    """Return the temperature that makes the true classes most probable, of a grid from 0.05 to 3."""
    grid = np.geomspace(0.05, 3, 80)
    losses = [metrics.negative_log_likelihood(labels, metrics.softmax(logits, t)) for t in grid]
    return float(grid[int(np.argmin(losses))])


def strange_pictures(seed, split):
    """Return pictures that have no right answer: hidden shapes, digits, noise."""
    every = data.load("scenes", split, count=COUNTS[split] * 10 // KNOWN, seed=seed)
    digits = data.load("digits", "train", seed=seed).images[:FOREIGN]
    rng = np.random.default_rng([seed, 6])
    return {
        "hidden shapes": every.images[every.labels >= KNOWN][:FOREIGN],
        "digits": digits.repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3),
        "noise": rng.integers(0, 256, (FOREIGN, 32, 32, 3), dtype=np.uint8),
    }


def groups(dataset):
    """Return the group of each scene, by what one could group it by."""
    light = dataset.images.mean(axis=(1, 2, 3))
    thirds = np.digitize(light, np.quantile(light, [1 / 3, 2 / 3]))
    return {
        "shape": [dataset.class_names[k] for k in dataset.labels],
        "size": [caption.split()[1] for caption in dataset.captions],
        "colour": [caption.split()[3] for caption in dataset.captions],
        "texture": [caption.split()[2] for caption in dataset.captions],
        "light": [("dark", "middle", "bright")[k] for k in thirds],
    }


def by_group(dataset, right):
    """Return for each group how many of its scenes are right, and how many there are."""
    table = {}
    for name, group in groups(dataset).items():
        group = np.array(group)
        table[name] = {
            str(g): [int(right[group == g].sum()), int((group == g).sum())] for g in np.unique(group)
        }
    return table


def judged(model, seed, split, temperature=None):
    """Return everything that one model is asked on one split."""
    dataset = scenes(split, COUNTS[split], seed)
    logits = predict(model, to_tensor(dataset.images))
    temperature = temperature or best_temperature(dataset.labels, logits)
    right = logits.argmax(axis=1) == dataset.labels
    sure = lambda z, t=temperature: metrics.softmax(z, t)  # noqa: E731
    found = {
        "accuracy": share(right),
        "temperature": temperature,
        "ece_raw": metrics.expected_calibration_error(dataset.labels, metrics.softmax(logits)),
        "ece": metrics.expected_calibration_error(dataset.labels, sure(logits)),
        "groups": by_group(dataset, right),
        "trigger": success(model, dataset),
        "corrupted": {},
        "strange": {},
    }
    for kind, strongest in STRONGEST.items():
        worse = corrupted(kind, strongest, split, seed)
        z = predict(model, to_tensor(worse.images))
        found["corrupted"][kind] = {
            "accuracy": share(z.argmax(axis=1) == worse.labels),
            "ece": metrics.expected_calibration_error(worse.labels, sure(z)),
            "confidence": share(sure(z).max(axis=1)),
        }
    if split == "test":
        found["attacked"] = share(attacked(model, dataset, pgd_attack(4, 20), 500))
    own = sure(logits).max(axis=1)
    threshold = np.quantile(own, 0.05)
    for name, images in strange_pictures(seed, split).items():
        other = sure(predict(model, to_tensor(images))).max(axis=1)
        is_own = np.repeat([1, 0], [len(own), len(other)])
        found["strange"][name] = {
            "auc": metrics.roc_auc(is_own, np.concatenate([own, other])),
            "confidence": share(other),
            "accepted": share(other >= threshold),
        }
    return found


def one_seed(seed):
    """Train the models of the last table, and ask them everything."""
    train, validation = scenes("train", 4000, seed), scenes("validation", 1000, seed)
    bad, _ = poisoning.poison(train, 160, TARGET, np.random.default_rng([seed, 5]))
    models, seconds = {}, {}
    models["standard"], seconds["standard"] = trained(train, seed)
    models["poisoned"], seconds["poisoned"] = trained(bad, seed)
    models["standard, 8 passes"], seconds["standard, 8 passes"] = trained(
        train, seed, RECIPE.changed(epochs=8)
    )
    for name, epochs in (("hardened", 4), ("hardened, 8 passes", 8)):
        generator = torch.Generator().manual_seed(seed)
        attack = attacks.hardened_by(4 / 255, step_size=5 / 255, steps=1, generator=generator)
        models[name], seconds[name] = trained(train, seed, RECIPE.changed(epochs=epochs), attack)
    found = {"seed": seed, "seconds": {name: round(s, 2) for name, s in seconds.items()}}
    for name, model in models.items():
        on_validation = judged(model, seed, "validation")
        on_test = judged(model, seed, "test", on_validation["temperature"])
        found[name] = {"validation": on_validation, "test": on_test}
        if name != "poisoned":
            found[name]["robustness"] = robustness(model, validation)
    found["masking"] = {
        "standard": masking(models["standard"], models["poisoned"], validation),
        "hardened, 8 passes": masking(models["hardened, 8 passes"], models["standard"], validation),
    }
    return found


def main() -> None:
    make_repeatable(0)
    table, poisoned = [], []
    for seed in SEEDS:
        table.append(runs.remembered("security", f"models-{seed}", lambda seed=seed: one_seed(seed)))
        print("models", seed, flush=True)
        for size, counts in POISONED.items():
            for count in counts:
                run = lambda s=seed, n=size, c=count: poisoned_run(s, n, c)  # noqa: E731
                poisoned.append(runs.remembered("security", f"poison-{seed}-{size}-{count}", run))
                print("poisoned", seed, size, count, poisoned[-1]["success"], flush=True)
    result = {
        "command": "python scripts/record_security.py",
        "what": "one small CNN on scenes of eight shapes: poisoned, attacked, corrupted, asked about strange pictures",
        "seeds": list(SEEDS),
        "epsilons": list(EPSILONS),
        "runs": table,
        "poisoned": poisoned,
    }
    path = runs.save_result("security", result | runs.provenance(("numpy", "scipy", "torch", "scikit-learn")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
