"""What the chapter `5_trends_and_challenges/interpretability` and `scripts/record_interpretability.py` do alike.

Two networks, all maps of an answer, their scores against the true masks, and the check with shuffled weights.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from utils import explanations, metrics
from utils.data.dataset import ImageDataset, SceneDataset
from utils.long_training import train_recipe
from utils.metrics import softmax
from utils.occlusion import occlusion_map
from utils.recipes import RECIPES, Recipe
from utils.torch_models import VisionTransformer
from utils.torch_training import predict, to_tensor

CNN = RECIPES["cnn_scenes"]
"""Its patches of 2 × 2 leave the last convolution a map of 8 × 8."""
VIT = RECIPES["vit_scenes"]
SHORTCUT_CNN = CNN.changed(batch_size=125, flip=False, shift=0)
"""For half as many scenes; a marker that was mirrored or shifted would be another one."""
RECIPE_OF = {"CNN": CNN, "Vision Transformer": VIT}
BLIND = ("centre blob", "edge filter", "unusual colour")
"""The maps that are made without the network."""
IG_STEPS, OCCLUSION = 32, {"patch": 8, "stride": 4}


def train_network(recipe: Recipe, scenes: ImageDataset, seed: int, report=None) -> nn.Sequential:
    """Return the trained network of a recipe, in evaluation mode."""
    options = recipe.options | {"num_classes": len(scenes.class_names)}
    model, _ = train_recipe(recipe.changed(options=options), scenes, seed=seed, report=report)
    return model.eval()


def is_transformer(model: nn.Sequential) -> bool:
    """Return whether the network of a trained recipe is a Vision Transformer."""
    return isinstance(model.network, VisionTransformer)


def last_maps(model: nn.Sequential) -> nn.Module:
    """Return the part whose maps Grad-CAM weighs: the last convolution, or the tokens that are averaged."""
    return model.network.norm if is_transformer(model) else model.network.groups[-1].convs[-1]


def stages(model: nn.Sequential) -> dict[str, tuple[str, ...]]:
    """Return the parts of a network from the top down: what each stage of the check with shuffled weights adds."""
    if is_transformer(model):
        blocks = reversed(range(len(model.network.blocks)))
        return {
            "head": ("network.head", "network.norm"),
            **{f"block {i + 1}": (f"network.blocks.{i}",) for i in blocks},
            "stem": ("network.patch_embed", "network.pos_embed"),
        }
    groups = reversed(range(len(model.network.groups)))
    return {
        "head": ("network.head",),
        **{f"group {i + 1}": (f"network.groups.{i}",) for i in groups},
        "first layer": ("network.whiten",),
    }


def fill_colour(model: nn.Sequential) -> np.ndarray:
    """Return the mean colour of the training images, (C,) in [0, 255]: what stands for "nothing there"."""
    return 255 * model.standardise.mean.flatten().numpy()


def probability_of(model: nn.Module, label: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from images (B, H, W, C) uint8 to the probability of one class, (B,)."""
    return lambda images: softmax(predict(model, to_tensor(images)))[:, label]


def answers(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the class that the network gives each image (B, H, W, C) uint8: (B,) int64."""
    return predict(model, to_tensor(images)).argmax(axis=1)


def right_ones(model: nn.Module, scenes: SceneDataset, count: int) -> SceneDataset:
    """Return the first `count` scenes with a visible object that the network answers right."""
    right = (answers(model, scenes.images) == scenes.labels) & (scenes.masks > 0).any(axis=(1, 2))
    return scenes.subset(np.flatnonzero(right)[:count])


def network_maps(
    model: nn.Sequential, images: np.ndarray, labels: np.ndarray, steps: int = IG_STEPS
) -> dict[str, np.ndarray]:
    """Return every map that a network has of the classes `labels` (B,) in images (B, H, W, C) uint8: (B, H, W) each."""
    pixels, size = to_tensor(images), images.shape[1]
    classes = torch.from_numpy(labels)
    fill = fill_colour(model)
    integrated = explanations.integrated_gradients(model, pixels, classes, model.standardise.mean, steps)
    found = {
        "gradient": explanations.input_gradients(model, pixels, classes).abs().amax(dim=1).double().numpy(),
        "integrated gradients": integrated.sum(dim=1).abs().double().numpy(),
        "Grad-CAM": explanations.enlarge_maps(
            explanations.grad_cam(model, last_maps(model), pixels, classes), size
        ),
        "occlusion": np.stack(
            [
                occlusion_map(probability_of(model, label), image, fill, **OCCLUSION)
                for image, label in zip(images, labels, strict=True)
            ]
        ),
    }
    if is_transformer(model):
        found["attention rollout"] = rollout_maps(model, pixels, size)
    return found


@torch.no_grad()
def rollout_maps(model: nn.Sequential, pixels: torch.Tensor, size: int) -> np.ndarray:
    """Return how much of each place is in the mean of the last tokens: (B, size, size). It has no class."""
    network = model.network
    tokens = network.patch_embed(model.standardise(pixels)) + network.pos_embed  # (B, N, D)
    rollout = explanations.attention_rollout(explanations.attention_weights(network.blocks, tokens))
    heard = explanations.tokens_to_maps(rollout.mean(dim=1)[..., None])  # (B, N, N) -> (B, 1, √N, √N)
    return explanations.enlarge_maps(heard[:, 0], size)


def blind_maps(images: np.ndarray, usual: np.ndarray) -> dict[str, np.ndarray]:
    """Return the maps that know nothing of any network: (B, H, W) each; `usual` is the mean colour (C,) in [0, 255]."""
    maps = (
        explanations.centre_blob(len(images), images.shape[1]),
        explanations.edges(images),
        explanations.unusual_colour(images, usual),
    )
    return dict(zip(BLIND, maps, strict=True))


def all_maps(model: nn.Sequential, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the maps of a network, see `network_maps`, and the blind ones."""
    return network_maps(model, images, labels) | blind_maps(images, fill_colour(model))


def score_maps(maps: dict[str, np.ndarray], masks: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the mean pointing game and IoU of each kind of map against masks (B, H, W) bool."""
    return {
        name: {
            "pointing": float(metrics.pointing_game(heat, masks).mean()),
            "iou": float(metrics.area_iou(heat, masks).mean()),
        }
        for name, heat in maps.items()
    }


def score_curves(
    model: nn.Sequential, images: np.ndarray, labels: np.ndarray, maps: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Return the mean areas under the deletion and the insertion curve of each kind of map."""
    fill, found = fill_colour(model), {}
    for name, heat in maps.items():
        areas = [
            explanations.deletion_and_insertion(probability_of(model, label), image, fill, one)
            for image, label, one in zip(images, labels, heat, strict=True)
        ]
        deletion, insertion = np.mean(areas, axis=0)
        found[name] = {"deletion": float(deletion), "insertion": float(insertion)}
    return found


def shuffled_from_the_top(
    model: nn.Sequential, images: np.ndarray, labels: np.ndarray, seed: int, steps: int = IG_STEPS
) -> tuple[dict[str, list[float]], dict[str, np.ndarray]]:
    """Shuffle more and more of a network from the top, and return how alike each of its maps stays.

    Returns
    -------
    alike : dict
        For each map, the mean rank correlation with that of the trained network, by stage; the first is 1, the trained
        network with itself.
    last : dict
        The maps of the network in which everything is shuffled, (B, H, W) each.
    """
    trained = last = network_maps(model, images, labels, steps)
    alike = {name: [1.0] for name in trained}
    parts: tuple[str, ...] = ()
    for added in stages(model).values():
        parts += added
        broken = explanations.shuffle_weights(model, parts, torch.Generator().manual_seed(seed))
        last = network_maps(broken.eval(), images, labels, steps)
        for name, heat in last.items():
            alike[name].append(float(rank_correlation(trained[name], heat).mean()))
    return alike, last


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of each pair of maps (B, H, W): (B,) float64, 0 if one of them is all the same."""
    if one.ndim != 3 or one.shape != other.shape:
        raise ValueError(f"give two stacks of maps of one shape (B, H, W), got {one.shape} and {other.shape}")
    a, b = (rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (one, other))  # (B, H·W)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    lengths = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), lengths, out=np.zeros(len(a)), where=lengths > 0)
