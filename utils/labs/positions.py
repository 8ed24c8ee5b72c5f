"""The lab on positional encoding: how alike learned positions are, and a query and a key to turn."""

import numpy as np

from utils import labs
from utils.numpy_nn.positions import ROTARY_BASE
from utils.trained import load_trained

MODELS = {"cifar10": "vit_cifar10", "scenes": "vit_scenes"}
"""Trained Vision Transformers with learned positions, on 8 × 8 patches."""

_HEAD_WIDTH = 16


def learned_similarity(model: str) -> np.ndarray:
    """Return the cosines between the learned positions of a trained model: float32 (N, N)."""
    positions = load_trained(model).network.pos_embed.detach().numpy()[0].astype(np.float64)  # (N, D)
    directions = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    return (directions @ directions.T).astype("<f4")  # (N, D) @ (D, N) -> (N, N)


def query_and_key() -> np.ndarray:
    """Return a query and a key to be put at all places: float64 (2, E), rounded to hundredths."""
    return np.random.default_rng(0).normal(size=(2, _HEAD_WIDTH)).round(2)


def make() -> dict[str, str]:
    """Return the script of the lab."""
    query, key = query_and_key().tolist()
    facts = {
        "learned": {name: labs.packed(learned_similarity(model)) for name, model in MODELS.items()},
        "query": query,
        "key": key,
        "rotaryBase": ROTARY_BASE,
    }
    return {"data-positions.js": labs.script("positions", facts)}
