"""The lab that classifies: two trained pairs of CNN and Vision Transformer as ONNX, and pictures with their answers."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from utils import labs
from utils.data.cifar10 import CLASS_NAMES
from utils.explained_models import ExplainedCnn, ExplainedVit, export_explained
from utils.labs.samples import SIDE, first_scenes, photographs
from utils.torch_training import predict, to_tensor
from utils.trained import load_trained
from utils.web_page import TEMPLATES, runtime_script

PATCH = 4
FAMILIES = ("scenes", "cifar10")


def make() -> dict[str, str]:
    """Return the runtime, what reads pictures, and one script for each pair of models."""
    scripts = {f"data-classify-{family}.js": family_script(family) for family in FAMILIES}
    scripts["classifier.js"] = (TEMPLATES / "classifier.js").read_text("utf-8")
    scripts["runtime.js"] = runtime_script()
    return scripts


def family_script(family: str) -> str:
    """Return the script of one pair: the models, their classes, samples with the logits that Python gives."""
    samples, class_names = samples_of(family)
    images = np.stack(list(samples.values()))
    models = {kind: load_trained(f"{kind}_{family}") for kind in ("cnn", "vit")}
    wrapped = {"cnn": ExplainedCnn(models["cnn"]), "vit": ExplainedVit(models["vit"])}
    facts = {
        "classes": list(class_names),
        "side": SIDE,
        "patch": PATCH,
        "fill": [round(255 * float(mean)) for mean in models["cnn"].standardise.mean.flatten()],
        "attention": [len(models["vit"].network.blocks), models["vit"].network.blocks[0].attn.num_heads],
        "outputs": {kind: list(model.names) for kind, model in wrapped.items()},
        "models": {kind: onnx_of(model) for kind, model in wrapped.items()},
        "samples": [
            {
                "name": name,
                "pixels": labs.packed(image),
                "logits": {kind: logits[i].tolist() for kind, logits in logits_of(models, images).items()},
            }
            for i, (name, image) in enumerate(samples.items())
        ],
    }
    return labs.script(f"classify_{family}", facts)


def samples_of(family: str) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return pictures by name, uint8 (32, 32, 3), and the classes that the pair of models knows."""
    if family == "cifar10":
        return photographs(), CLASS_NAMES
    scenes = first_scenes()
    return {
        scenes.class_names[label]: image for image, label in zip(scenes.images, scenes.labels, strict=True)
    }, scenes.class_names


def logits_of(models: dict[str, torch.nn.Module], images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the logits (B, Y) of each model for uint8 images (B, H, W, C)."""
    return {kind: predict(model, to_tensor(images)) for kind, model in models.items()}


def onnx_of(model: torch.nn.Module) -> str:
    """Return an explained model as ONNX in base64."""
    with tempfile.TemporaryDirectory() as folder:
        path = export_explained(model, Path(folder, "model.onnx"), SIDE)
        return labs.packed(np.frombuffer(path.read_bytes(), np.uint8))
