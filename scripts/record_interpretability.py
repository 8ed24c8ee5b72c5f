"""Record how well maps find the object, which of them notice that a network has lost its weights, and what a map hides.

    python scripts/record_interpretability.py

Three seeds, about twelve minutes of one core. Writes results/interpretability.json.

For each seed: a CNN and a Vision Transformer learn the course's 6,000 scenes. All maps of the first validation scenes that
are answered right are scored against the true masks, with and without a blur; then the weights are shuffled from the top.
Two more CNNs learn scenes of eight shapes in which a marker in the corner, or the paint of the object, gives the class away
in nineteen of twenty; a fourth learns the same scenes without a shortcut. The test images are not read.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.ndimage import gaussian_filter

from utils import data, metrics, runs, shortcuts
from utils import explanation_study as study
from utils.torch_training import make_repeatable

SEEDS = (0, 1, 2)
SCORED, CURVED, SHUFFLED, SHORTCUT_SCORED = 150, 60, 40, 100
SHUFFLED_STEPS = 16
BLUR = 2.0
CELL = 4  # pixels: a map of 8 × 8 cannot place the marker better
FITS, SHORTCUT_SCENES, SHORTCUT_TESTS = 0.95, 3000, 800


def honest(name: str, seed: int) -> dict:
    """Train a network, score its maps, then shuffle its weights from the top."""
    train, validation = (data.load("scenes", split, seed=seed) for split in ("train", "validation"))
    model = study.train_network(study.RECIPE_OF[name], train, seed)
    scenes = study.right_ones(model, validation, SCORED)
    masks = scenes.masks > 0
    maps = study.all_maps(model, scenes.images, scenes.labels)
    blurred = {kind: gaussian_filter(heat, (0, BLUR, BLUR)) for kind, heat in maps.items()}
    first = slice(CURVED)
    curves = study.score_curves(
        model,
        scenes.images[first],
        scenes.labels[first],
        {kind: heat[first] for kind, heat in maps.items()},
    )
    scores = study.score_maps(maps, masks)
    alike, last = study.shuffled_from_the_top(
        model, scenes.images[:SHUFFLED], scenes.labels[:SHUFFLED], seed, steps=SHUFFLED_STEPS
    )
    found = {
        "seed": seed,
        "accuracy": metrics.accuracy(validation.labels, study.answers(model, validation.images)),
        "scored": len(scenes),
        "object_share": float(masks.mean()),
        "scores": {kind: scores[kind] | curves[kind] for kind in maps},
        "blurred": study.score_maps(blurred, masks),
        "like_edges": {
            kind: float(study.rank_correlation(heat, maps["edge filter"]).mean())
            for kind, heat in maps.items()
        },
        "like_unusual_colour": {
            kind: float(study.rank_correlation(heat, maps["unusual colour"]).mean())
            for kind, heat in maps.items()
        },
        "stages": ["trained", *study.stages(model)],
        "alike": alike,
        "all_shuffled": study.score_maps(last, masks[:SHUFFLED]),
    }
    return rounded(found)


def shortcut(kind: str, seed: int) -> dict:
    """Train a CNN on eight shapes with a shortcut, or "none"; test it where the shortcut fits, misleads, is not there."""
    rng = np.random.default_rng([seed, 37])
    train, plain = (shortcuts.eight_shapes(n, rng) for n in (SHORTCUT_SCENES, SHORTCUT_TESTS))
    if kind != "none":
        train = shortcuts.add_shortcut(train, kind, shortcuts.lures(train.labels, rng, FITS))
    model = study.train_network(study.SHORTCUT_CNN, train, seed)
    found: dict[str, object] = {"seed": seed}
    for carried in shortcuts.SHORTCUTS if kind == "none" else (kind,):
        for case, fits in (("fits", 1.0), ("misleads", 0.0)):
            named = shortcuts.lures(plain.labels, rng, fits)
            tests = shortcuts.add_shortcut(plain, carried, named)
            found[f"{carried} {case}"] = look_at(model, tests, named)
    found["absent"] = look_at(model, plain, plain.labels)
    return rounded(found)


def look_at(model, scenes, named: np.ndarray) -> dict:
    """Return how often a network is right, how often it says what the shortcut names, and where its maps are brightest."""
    answers = study.answers(model, scenes.images)
    first = np.flatnonzero((scenes.masks > 0).any(axis=(1, 2)))[:SHORTCUT_SCORED]
    looked = scenes.subset(first)
    maps = study.all_maps(model, looked.images, answers[first])
    corner = shortcuts.marker_mask(len(looked), looked.images.shape[1], margin=CELL)
    scores = study.score_maps(maps, looked.masks > 0)
    in_corner = study.score_maps(maps, corner)
    return {
        "accuracy": metrics.accuracy(scenes.labels, answers),
        "follows": metrics.accuracy(named, answers),
        "scores": {name: score | {"corner": in_corner[name]["pointing"]} for name, score in scores.items()},
    }


def rounded(found):
    """Round all numbers of nested lists and dictionaries to five digits after the point."""
    if isinstance(found, dict):
        return {key: rounded(value) for key, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return round(float(found), 5) if isinstance(found, float | np.floating) else found


def main() -> None:
    make_repeatable(0)
    networks: dict[str, list] = {name: [] for name in study.RECIPE_OF}
    shortcut_runs: dict[str, list] = {kind: [] for kind in ("none", *shortcuts.SHORTCUTS)}
    for seed in SEEDS:
        for name, found in networks.items():
            found.append(
                runs.remembered(
                    "interpretability", f"{name} seed={seed}", lambda n=name, s=seed: honest(n, s)
                )
            )
            print(name, seed, found[-1]["accuracy"], flush=True)
        for kind, found in shortcut_runs.items():
            found.append(
                runs.remembered(
                    "interpretability", f"shortcut {kind} seed={seed}", lambda k=kind, s=seed: shortcut(k, s)
                )
            )
            print(kind, seed, found[-1]["absent"]["accuracy"], flush=True)
    result = {
        "command": "python scripts/record_interpretability.py",
        "what": "maps of a CNN and a Vision Transformer scored against true masks, checked with shuffled weights, "
        "and maps of CNNs that learned a shortcut; validation scenes",
        "seeds": list(SEEDS),
        "settings": {
            "scored": SCORED,
            "curves": CURVED,
            "shuffled": SHUFFLED,
            "shortcut_scored": SHORTCUT_SCORED,
            "blur": BLUR,
            "fits": FITS,
            "corner_margin": CELL,
            "shortcut_scenes": SHORTCUT_SCENES,
            "recipes": {name: recipe.as_dict() for name, recipe in study.RECIPE_OF.items()},
        },
        "networks": networks,
        "shortcuts": shortcut_runs,
    }
    path = runs.save_result(
        "interpretability", result | runs.provenance(("numpy", "torch", "scipy", "captum"))
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
