"""The lab on attention: every attention weight of two trained Vision Transformers, on scenes and on photographs."""

import numpy as np
import torch

from utils import data, labs
from utils.explanations import attention_weights
from utils.labs.samples import photographs
from utils.torch_training import to_tensor
from utils.trained import load_trained

SCENES = {"ring": 13, "star": 9, "crescent": 37, "cross": 27}
"""Names of samples, and which of the validation scenes they are: two that are answered well, two that are doubtful."""
PHOTOGRAPHS = ("cat", "coffee", "rocket", "astronaut")
"""Names of photographs; the model knows cats only."""
KINDS = {"vit_scenes": "shapes", "vit_cifar10": "things"}
"""The key of the class names of each model among the words of the lab."""


def make() -> dict[str, str]:
    """Return the script with the pictures and the answers, and one for each picture with its weights."""
    samples, scripts = [], {}
    for model, pictures in (("vit_scenes", drawn_scenes()), ("vit_cifar10", chosen_photographs())):
        probabilities, weights = answers_and_weights(model, np.stack(list(pictures.values())))
        for k, (name, picture) in enumerate(pictures.items()):
            samples.append(
                {
                    "name": name,
                    "kind": KINDS[model],
                    "image": labs.packed(picture),
                    "probabilities": probabilities[k].round(5).tolist(),
                    "shape": weights.shape[1:],
                }
            )
            levels, largest = quantised(weights[k])
            packed = {"levels": labs.packed(levels), "largest": labs.packed(largest)}
            scripts[f"data-attention-{name}.js"] = labs.script(f"attention-{name}", packed)
    return {"data-attention.js": labs.script("attention", samples)} | scripts


def drawn_scenes() -> dict[str, np.ndarray]:
    """Return the scenes by name: uint8 (32, 32, 3)."""
    drawn = data.load("scenes", "validation", max(SCENES.values()) + 1, 0).images
    return {name: drawn[k] for name, k in SCENES.items()}


def chosen_photographs() -> dict[str, np.ndarray]:
    """Return the photographs by name: uint8 (32, 32, 3)."""
    every = photographs()
    return {name: every[name] for name in PHOTOGRAPHS}


@torch.no_grad()
def answers_and_weights(model: str, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a trained model says of images (B, H, W, C) uint8, and how it got there, both float32.

    Returns
    -------
    probabilities : ndarray of shape (B, Y)
    weights : ndarray of shape (B, L, A, N, N)
        Of each block and head; the last axis sums to 1.
    """
    standardise, network = load_trained(model)
    pixels = standardise(to_tensor(images))
    tokens = network.patch_embed(pixels) + network.pos_embed  # (B, N, D)
    layers = attention_weights(network.blocks, tokens)
    return network(pixels).softmax(dim=1).numpy(), torch.stack(layers, dim=1).numpy()


def quantised(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round weights (..., N, N) to 255 steps between 0 and the largest of each row.

    Returns
    -------
    levels : uint8 array of shape (..., N, N)
    largest : float32 array of shape (..., N)
        A weight is its level / 255 × the largest of its row, up to half a step: a 510th of the largest.
    """
    largest = weights.max(axis=-1)
    return np.round(255 * weights / largest[..., None]).astype(np.uint8), largest.astype(np.float32)
