"""Train the course's small Vision Transformer in the classes of `transformers`, and record what its features are good for.

    python scripts/record_small_vit.py

Writes results/small_vit.json and, of the first seed, the folder results/checkpoints/small_vit (weights in float16, model
card). About twelve minutes of one core, most of it training.

Three seeds. Each network sees freshly drawn scenes, every one once, which are upright and calm at first and reach the
course's setting after a part of the training. It learns two things together: the shape from its class token, and from
each other token the shape to which its patch belongs, if any. The second lesson goes through a layer that is thrown away
afterwards. Nobody tells it a colour or a texture. The settings were tried on validation images of one seed.

Then linear probes: few labels of a new set of scenes, for shape, colour and texture, on its features and, for
comparison, on pixels and on the features of the same network before training. The strength of the penalty is chosen on
validation images for each of them, the test images are read once for each.
"""

import dataclasses
import hashlib
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional
from tqdm import tqdm
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

from utils import data, metrics, runs
from utils.pretrained import load_backbone
from utils.torch_models import Standardise
from utils.torch_training import make_repeatable, to_tensor

SEEDS = (0, 1, 2)
FOLDER = runs.RESULTS / "checkpoints" / "small_vit"
NETWORK = {
    "image_size": 32,
    "patch_size": 4,
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
TRAINING = {"images": 64_000, "batch_size": 64, "learning_rate": 2e-3, "weight_decay": 0.05, "warmup": 0.08}
HARDER_UNTIL = 0.6
KNOBS = ("shift", "rotation", "clutter", "lighting", "occlusion", "noise")
DRAWN_AT_ONCE = 3200
MEAN, STD = (0.45, 0.45, 0.45), (0.25, 0.25, 0.25)
TASKS = ("shape", "colour", "texture")
LABELS = (40, 160, 640)
PENALTIES = (1e-3, 1e-2, 1e-1)
KEYS = {"shape": "object_classes", "colour": "object_colours", "texture": "object_textures"}


def pixels_of(images: np.ndarray) -> torch.Tensor:
    """Do what the image processor of the checkpoint does with images of the right size: (B, H, W, C) to (B, C, H, W)."""
    return Standardise(MEAN, STD)(to_tensor(images))


def patch_labels(masks: np.ndarray, labels: np.ndarray, nothing: int) -> torch.Tensor:
    """Return the class of the object that covers half of a patch, else `nothing`: masks (B, H, W) to (B, N)."""
    side, patch = NETWORK["image_size"] // NETWORK["patch_size"], NETWORK["patch_size"]
    shares = (masks > 0).reshape(-1, side, patch, side, patch).mean(axis=(2, 4)).reshape(len(masks), -1)
    return torch.from_numpy(np.where(shares > 0.5, labels[:, None], nothing))


def settings_at(share: float) -> data.SceneSettings:
    """Return how hard the scenes are after a share of the training."""
    usual, hard = data.SceneSettings(), min(1.0, share / HARDER_UNTIL)
    return dataclasses.replace(usual, **{knob: hard * getattr(usual, knob) for knob in KNOBS})


def new_model() -> ViTForImageClassification:
    names = dict(enumerate(data.make_scenes(1, np.random.default_rng(0)).class_names))
    config = ViTConfig(
        **NETWORK, num_labels=len(names), id2label=names, label2id={n: i for i, n in names.items()}
    )
    return ViTForImageClassification(config)


def rate_at(share: float) -> float:
    """Return the learning rate after a share of the training: a line up, half a cosine down."""
    rise = min(1.0, share / TRAINING["warmup"])
    return TRAINING["learning_rate"] * rise * 0.5 * (1 + np.cos(np.pi * share))


def train(model: ViTForImageClassification, seed: int, bar: tqdm) -> list[float]:
    """Train in place; return the mean loss of each pile of drawn scenes."""
    nothing = model.config.num_labels
    where = nn.Linear(NETWORK["hidden_size"], nothing + 1)  # what a patch belongs to; not kept
    parameters = [*model.parameters(), *where.parameters()]
    optimiser = torch.optim.AdamW(parameters, weight_decay=TRAINING["weight_decay"])
    rng, losses, seen = np.random.default_rng([seed, 17]), [], 0
    model.train()
    while seen < TRAINING["images"]:
        scenes = data.make_scenes(DRAWN_AT_ONCE, rng, settings=settings_at(seen / TRAINING["images"]))
        x, y = pixels_of(scenes.images), torch.from_numpy(scenes.labels)
        of_patches, values = patch_labels(scenes.masks, scenes.labels, nothing), []
        for rows in torch.arange(len(x)).split(TRAINING["batch_size"]):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(seen / TRAINING["images"])
            tokens = model.vit(x[rows]).last_hidden_state  # (B, 1 + N, D)
            loss = functional.cross_entropy(model.classifier(tokens[:, 0]), y[rows])
            loss = loss + functional.cross_entropy(
                where(tokens[:, 1:]).flatten(0, 1), of_patches[rows].flatten()
            )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            values.append(loss.item())
            seen += len(rows)
            bar.update(len(rows))
        losses.append(round(float(np.mean(values)), 4))
    return losses


@torch.no_grad()
def looked_at(model: ViTForImageClassification, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return logits, class token, mean of the patch tokens, and that mean after each number of blocks."""
    model.eval()
    found: dict[str, list] = {}
    for rows in pixels_of(images).split(500):
        out = model.vit(rows, output_hidden_states=True)
        last = out.last_hidden_state
        pieces = {
            "logits": model.classifier(last[:, 0]),
            "class token": last[:, 0],
            "mean of patches": last[:, 1:].mean(dim=1),
        }
        pieces |= {f"after {k} blocks": h[:, 1:].mean(dim=1) for k, h in enumerate(out.hidden_states)}
        for name, piece in pieces.items():
            found.setdefault(name, []).append(piece)
    return {name: torch.cat(pieces).numpy() for name, pieces in found.items()}


def probe(features: dict, answers: dict, count: int) -> dict[str, float]:
    """Fit a linear classifier on the first `count` labels; choose its penalty on validation, read test once."""
    best = (-1.0, None, None)
    for penalty in PENALTIES:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=300))
        model.fit(features["train"][:count], answers["train"][:count])
        right = metrics.accuracy(answers["validation"], model.predict(features["validation"]))
        if right > best[0]:
            best = (right, penalty, model)
    test = metrics.accuracy(answers["test"], best[2].predict(features["test"]))
    return {"penalty": best[1], "validation": best[0], "test": test}


def probes(model, untrained, seed: int) -> dict:
    """Probe features, pixels and untrained features for each task and number of labels; layers for the largest."""
    parts = {}
    for split in ("train", "validation", "test"):
        part = data.load("scenes", split, max(LABELS) + 100 if split == "train" else None, seed=100 + seed)
        parts[split] = part.subset(np.flatnonzero(part.object_classes[:, 0] >= 0))
    seen = {split: looked_at(model, part.images) for split, part in parts.items()}
    blank = {split: looked_at(untrained, part.images) for split, part in parts.items()}
    kinds = {name: {s: seen[s][name] for s in parts} for name in ("class token", "mean of patches")}
    kinds["pixels"] = {s: part.images.reshape(len(part.images), -1) / 255 for s, part in parts.items()}
    kinds["untrained network"] = {s: blank[s]["mean of patches"] for s in parts}
    layers = [name for name in seen["train"] if name.startswith("after")]
    found: dict = {"by labels": {}, "by layer": {}}
    for task in TASKS:
        answers = {s: getattr(part, KEYS[task])[:, 0] for s, part in parts.items()}
        found["by labels"][task] = {
            kind: {str(count): probe(features, answers, count) for count in LABELS}
            for kind, features in kinds.items()
        }
        found["by layer"][task] = [
            probe({s: seen[s][name] for s in parts}, answers, max(LABELS)) for name in layers
        ]
    return found


def one_run(seed: int, bar: tqdm) -> dict:
    make_repeatable(seed)
    model, untrained = new_model(), new_model()
    start = time.process_time()
    run = {"seed": seed, "losses": train(model, seed, bar), "seconds": round(time.process_time() - start, 1)}
    for split in ("validation", "test"):
        part = data.load("scenes", split, seed=seed)
        answers = looked_at(model, part.images)["logits"].argmax(axis=1)
        run[split] = metrics.accuracy(part.labels, answers)
    run |= probes(model, untrained, seed)
    if seed == SEEDS[0]:
        keep(model)
    return run


def keep(model: ViTForImageClassification) -> None:
    """Write weights, configuration and preprocessing as `transformers` reads them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(FOLDER)
    size = {"height": NETWORK["image_size"], "width": NETWORK["image_size"]}
    ViTImageProcessorPil(size=size, image_mean=MEAN, image_std=STD).save_pretrained(FOLDER)
    load_backbone(FOLDER)


def record() -> None:
    start = time.perf_counter()
    with tqdm(total=len(SEEDS) * TRAINING["images"], unit="image") as bar:
        made = [one_run(seed, bar) for seed in SEEDS]
    result = {
        "command": "python scripts/record_small_vit.py",
        "what": "a small Vision Transformer in the classes of transformers, trained on the shapes of drawn scenes; "
        "linear probes on its features for shape, colour and texture, on other scenes",
        "seeds": SEEDS,
        "settings": {
            **NETWORK,
            **TRAINING,
            "harder_until": HARDER_UNTIL,
            "labels": LABELS,
            "penalties": PENALTIES,
        },
        "sha256": hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest(),
        "runs": made,
        "seconds": round(time.perf_counter() - start, 1),
    }
    packages = ("numpy", "torch", "transformers", "safetensors", "scikit-learn")
    runs.save_result("small_vit", result | runs.provenance(packages))


if __name__ == "__main__":
    record()
