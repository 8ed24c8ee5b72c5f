"""What the chapter `5_trends_and_challenges/efficiency` and `scripts/record_efficiency.py` do alike.

A family of CNNs of four sizes, fine-tuning after something was taken away, and files of a trained network.
"""

from pathlib import Path

import torch
from torch import nn

from utils import export, metrics
from utils.compressed_onnx import compress
from utils.compression import fold_norms
from utils.data.dataset import ImageDataset
from utils.recipes import RECIPES, Recipe
from utils.torch_training import predict, to_tensor, train
from utils.whitened_cnn import WhitenedCnn

WIDTHS = {"XS": (8, 24), "S": (16, 48), "M": (32, 96), "L": (64, 192)}
"""Channels of the two groups of each member of the family; M is the network of the recipe `cnn_sooner`."""
VIT = RECIPES["vit_scenes"].changed(epochs=4)
CALIBRATION = 300
"""How many training images set the steps of the activations."""


def recipe_of(size: str, epochs: float, label_smoothing: float = 0.2) -> Recipe:
    """Return the recipe of one member of the family, a key of `WIDTHS`."""
    if size not in WIDTHS:
        raise ValueError(f"unknown size {size!r}: choose one of {', '.join(map(repr, WIDTHS))}")
    recipe = RECIPES["cnn_sooner"]
    return recipe.changed(
        epochs=epochs,
        label_smoothing=label_smoothing,
        options=recipe.options | {"widths": WIDTHS[size]},
    )


def widths_of_convolutions(size: str) -> tuple[int, ...]:
    """Return how many channels each convolution of a member of the family has, behind the first layer."""
    convolutions = RECIPES["cnn_sooner"].options["convolutions"]
    return tuple(width for width, count in zip(WIDTHS[size], convolutions, strict=True) for _ in range(count))


def fine_tune(model: nn.Module, scenes: ImageDataset, epochs: int, seed: int) -> nn.Module:
    """Train a network on, in place, at a tenth of the usual learning rate and without moving the pictures."""
    generator = torch.Generator().manual_seed(seed)
    tensors = (to_tensor(scenes.images), torch.from_numpy(scenes.labels))
    train(model, tensors, epochs=epochs, learning_rate=1e-3, generator=generator)
    return model.eval()


def accuracy_of(model: nn.Module, scenes: ImageDataset) -> float:
    """Return the share of the scenes that a network answers right."""
    return metrics.accuracy(scenes.labels, predict(model, to_tensor(scenes.images)).argmax(axis=1))


def write_file(model: nn.Sequential, path: Path, class_names: tuple[str, ...]) -> Path:
    """Write a trained network of a recipe as an ONNX file that takes bytes, see `utils.export`, norms folded."""
    mean, std = (getattr(model.standardise, name).flatten().tolist() for name in ("mean", "std"))
    network = model.network
    if isinstance(network, WhitenedCnn):
        network = fold_norms(network)
    classifier = export.PictureClassifier(network, mean, std)
    return export.export_onnx(classifier, path, image_size=32, class_names=class_names)


def write_files(model: nn.Sequential, folder: Path, name: str, scenes: ImageDataset) -> dict[str, Path]:
    """Write a trained network in every kind of `compressed_onnx.KINDS`, calibrated on the first training scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = write_file(model, folder / f"{name}.onnx", scenes.class_names)
    return compress(path, folder, scenes.images[:CALIBRATION])
