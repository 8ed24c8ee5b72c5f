"""Record what networks on the scenes cost and how well they do, in four sizes, compressed, pruned, thinned and taught.

    python scripts/record_efficiency.py

Three seeds, about thirteen minutes of one core. Writes results/efficiency.json. What is finished outlives a kill, see
`runs.remembered`; the times of all files of a seed are measured in turn, when all are there.

Everything is chosen on validation scenes; the test scenes are read once for each file and chosen from by nobody.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from utils import compression, costs, data, efficiency_study, export, metrics, runs
from utils.compressed_onnx import KINDS
from utils.efficiency_study import accuracy_of, fine_tune, recipe_of, widths_of_convolutions
from utils.long_training import train_recipe
from utils.model_sizes import totals
from utils.torch_training import count_parameters, make_repeatable

SEEDS = (0, 1, 2)
EPOCHS, TUNING = 4, 1
TRAIN, VALIDATION, TEST = 6000, 2000, 2000
SHARES, BITS = (0.0, 0.5, 0.8, 0.9), (8, 6, 5, 4, 3, 2)
ROUNDS = 500
FOLDER = runs.ROOT / ".cache" / "sweeps" / "efficiency"
PRUNED = "M, 80 % pruned"
EXPORTED = ("XS", "S", "M", "L", "XS taught", "S taught", "M thinned to S", PRUNED, "Vision Transformer")
ONLY_TRAINED = ("XS hard", "S hard", "S longer")


def scenes_of(seed: int) -> dict:
    counts = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return {split: data.load("scenes", split, count, seed=seed) for split, count in counts.items()}


def trained(name: str, seed: int):
    """Return a network that is trained as its name says, from the folder if that is done."""
    size, _, how = name.partition(" ")
    if name == "Vision Transformer":
        recipe, loss = efficiency_study.VIT, None
    else:
        smoothing = 0.0 if how in ("hard", "taught") else 0.2
        recipe = recipe_of(size, EPOCHS + TUNING if how == "longer" else EPOCHS, smoothing)
        loss = compression.taught_by(trained("L", seed)) if how == "taught" else None
    folder = FOLDER / f"{name.replace(' ', '-')}-{seed}"
    model, _ = train_recipe(recipe, scenes_of(seed)["train"], seed=seed, folder=folder, loss=loss)
    return model.eval()


def thinned(seed: int):
    """Return M with the channels of S, before and after fine-tuning."""
    model = trained("M", seed)
    model.network = compression.keep_loudest(model.network, widths_of_convolutions("S"))
    return model, lambda: fine_tune(model, scenes_of(seed)["train"], TUNING, seed)


def made(name: str, seed: int):
    """Return the network that a name in `EXPORTED` stands for."""
    if name == "M thinned to S":
        return thinned(seed)[1]()
    if name == PRUNED:
        return fine_tune(
            compression.prune_network(trained("M", seed), 0.8), scenes_of(seed)["train"], TUNING, seed
        )
    return trained(name, seed)


def measured(name: str, seed: int) -> dict:
    """Return what a network costs, and how well it does in each kind of file."""
    model, scenes = made(name, seed), scenes_of(seed)
    layers = costs.layer_costs(model, torch.rand(1, 3, 32, 32))
    found = {
        "parameters": totals(layers)["parameters"],
        "trained": count_parameters(model),
        "multiply_adds": totals(layers)["multiply_adds"],
        "sparse_bytes": sum(
            compression.sparse_bytes(layer.weight.detach())
            for layer in compression.layers_with_weights(model)
        ),
        "kinds": {},
    }
    paths = efficiency_study.write_files(model, FOLDER / "files", f"{name}-{seed}", scenes["train"])
    for kind, path in paths.items():
        answers = {s: export.run_onnx(path, scenes[s].images).argmax(1) for s in ("validation", "test")}
        found["kinds"][kind] = {
            "bytes": path.stat().st_size,
            **{split: metrics.accuracy(scenes[split].labels, given) for split, given in answers.items()},
        }
    return found


def only_trained(name: str, seed: int) -> dict:
    model, scenes = trained(name, seed), scenes_of(seed)
    return {split: accuracy_of(model, scenes[split]) for split in ("validation", "test")}


def bits(seed: int) -> dict:
    """Return the validation accuracy of M with weights of few bits, with one step a layer and one a channel."""
    model, validation = trained("M", seed), scenes_of(seed)["validation"]
    return {
        way: [
            accuracy_of(compression.with_fewer_bits(model, count, way == "channel"), validation)
            for count in BITS
        ]
        for way in ("layer", "channel")
    }


def pruning(seed: int) -> dict:
    """Return the validation accuracy of M without its smallest weights or half of its channels, before and after tuning."""
    scenes = scenes_of(seed)
    found: dict[str, dict] = {}
    for share in SHARES:
        model = compression.prune_network(trained("M", seed), share)
        found[str(share)] = {"before": accuracy_of(model, scenes["validation"])}
        fine_tune(model, scenes["train"], TUNING, seed)
        found[str(share)]["after"] = accuracy_of(model, scenes["validation"])
    model, tune = thinned(seed)
    found["thinned"] = {"before": accuracy_of(model, scenes["validation"])}
    found["thinned"]["after"] = accuracy_of(tune(), scenes["validation"])
    return found


def times(seed: int) -> dict:
    """Return median and quartiles of the milliseconds for one picture, of all files of a seed in turn.

    Each round has a new order: who follows a large network finds the caches empty, and that should be always another.
    """
    picture = data.load("scenes", "validation", 10, seed=seed).images[:1]
    actions = {}
    for name in EXPORTED:
        for kind, suffix in zip(KINDS, ("", "_half", "_dynamic", "_static"), strict=True):
            session = export.open_session(FOLDER / "files" / f"{name}-{seed}{suffix}.onnx")
            actions[f"{name}, {kind}"] = lambda s=session: s.run(None, {"images": picture})
    costs.time_side_by_side(actions, 1, warm_up=10)
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    generator = np.random.default_rng(seed)
    for _ in range(ROUNDS):
        order = generator.permutation(list(actions))
        for name, values in costs.time_side_by_side({n: actions[n] for n in order}, 1, warm_up=0).items():
            seconds[name].extend(values)
    return {name: costs.median_and_quartiles(1000 * np.array(values)) for name, values in seconds.items()}


def remember(key: str, seed: int, make) -> dict:
    found = runs.remembered("efficiency", f"{key} seed={seed}", make)
    print(key, seed, str(found)[:200], flush=True)
    return found


def main() -> None:
    make_repeatable(0)
    found = []
    for seed in SEEDS:
        found.append(
            {
                "seed": seed,
                "networks": {n: remember(n, seed, lambda n=n, s=seed: measured(n, s)) for n in EXPORTED},
                "only_trained": {
                    n: remember(n, seed, lambda n=n, s=seed: only_trained(n, s)) for n in ONLY_TRAINED
                },
                "bits": remember("bits", seed, lambda s=seed: bits(s)),
                "pruning": remember("pruning", seed, lambda s=seed: pruning(s)),
                "milliseconds": remember("milliseconds", seed, lambda s=seed: times(s)),
            }
        )
    result = {
        "command": "python scripts/record_efficiency.py",
        "what": f"networks on {TRAIN} scenes, {EPOCHS} epochs ({TUNING} more of fine-tuning): costs and accuracies of "
        f"{VALIDATION} validation and {TEST} test scenes; times of one picture on one thread of ONNX Runtime",
        "seeds": list(SEEDS),
        "settings": {"epochs": EPOCHS, "tuning": TUNING, "bits": list(BITS), "shares": list(SHARES),
                     "widths": efficiency_study.WIDTHS, "rounds": ROUNDS},
        "runs": found,
    }  # fmt: skip
    path = runs.save_result("efficiency", result | runs.provenance(("numpy", "torch", "onnx", "onnxruntime")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
