"""Move a pretrained Vision Transformer to another task: as it is, with LoRA, changed as a whole, or not pretrained at all.

The chapter `4_code/transfer_and_lora` and `scripts/record_transfer.py` share what stands here. All images are 24 × 24.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from utils import data
from utils.data.scene_shapes import TEXTURES
from utils.data.scenes import CLASS_NAMES
from utils.data.splits import SPLITS, check_split
from utils.data.transforms import enlarge
from utils.long_training import train_recipe
from utils.lora import LoRALinear, add_lora
from utils.recipes import Recipe
from utils.torch_models import ConvEmbed, VisionTransformer
from utils.torch_training import count_parameters, to_tensor, train

IMAGE_SIZE = 24
FIRST_SHAPES, NEW_SHAPES = CLASS_NAMES[:6], CLASS_NAMES[6:]
TASKS = ("new shapes", "negatives", "textures", "digits", "photos")
_COUNT = {"train": 400, "validation": 500, "test": 1000}
NETWORK = {"image_size": IMAGE_SIZE, "embed_dim": 64, "depth": 2, "num_heads": 4}
PRETRAINING = Recipe(
    model="conv_vit",
    options=NETWORK | {"num_classes": len(FIRST_SHAPES)},
    epochs=4,
    batch_size=32,
    optimiser="muon",
    learning_rate=0.02,
    weight_decay=0.1,
    schedule="cosine",
    warm_up=0.1,
    standardise=False,
    flip=True,
)
WAYS = ("probe", "lora", "full", "scratch")
STEPS, BATCH_SIZE = 160, 25
RANK, ALPHA = 4, 8.0

Examples = tuple[torch.Tensor, torch.Tensor]
"""Images (n, 3, 24, 24) float32 in [0, 1], and labels (n,) int64."""


def shape_scenes(
    count: int, rng: np.random.Generator, names: tuple[str, ...] = FIRST_SHAPES
) -> data.ImageDataset:
    """Draw scenes whose object has one of some shapes, in turn; the label is its place in `names`."""
    every = len(CLASS_NAMES)  # any ten scenes in a row hold each shape once
    scenes = data.make_scenes(every * -(-count // len(names)), rng, IMAGE_SIZE)
    wanted = [CLASS_NAMES.index(name) for name in names]
    rows = np.flatnonzero(np.isin(scenes.labels, wanted))[:count]
    return data.ImageDataset(
        scenes.images[rows], np.searchsorted(wanted, scenes.labels[rows]).astype(np.int64), names
    )


def load_task(name: str, split: str, count: int | None = None, seed: int = 0) -> data.ImageDataset:
    """Load one split of a new task, uint8 images (n, 24, 24, 3).

    Parameters
    ----------
    name : {"new shapes", "negatives", "textures", "digits", "photos"}
        The four shapes that the first task does not have; negatives of the same scenes; scenes of all shapes, by the
        texture of the object; handwritten digits, enlarged; the middle of crops of photographs of surfaces.
    count : int, optional
        All of them (of scenes: 400, 500 or 1,000) if not given.
    seed : int
        One seed, one split.
    """
    check_split(split)
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}: choose one of {', '.join(map(repr, TASKS))}")
    if name in ("digits", "photos"):
        return _real_images(name, split, count, seed)
    count = _COUNT[split] if count is None else count
    if name == "textures":
        rng = np.random.default_rng([seed, 36 + SPLITS.index(split)])
        scenes = data.make_scenes(count, rng, IMAGE_SIZE)
        return data.ImageDataset(scenes.images, scenes.object_textures[:, 0].copy(), TEXTURES)
    scenes = shape_scenes(count, np.random.default_rng([seed, 32 + SPLITS.index(split)]), NEW_SHAPES)
    return replace(scenes, images=255 - scenes.images) if name == "negatives" else scenes


def _real_images(name: str, split: str, count: int | None, seed: int) -> data.ImageDataset:
    """Load grey images in three equal channels."""
    part = data.load(name, split, count, seed)
    if name == "digits":
        images = enlarge(part.images, 3)  # (n, 8, 8, 1) -> (n, 24, 24, 1)
    else:
        images = part.images[:, 4:28, 4:28]  # (n, 32, 32, 1) -> (n, 24, 24, 1)
    return data.ImageDataset(np.repeat(images, 3, axis=3), part.labels, part.class_names)


def tensors(dataset: data.ImageDataset) -> Examples:
    """Return images and labels as PyTorch wants them."""
    return to_tensor(dataset.images), torch.from_numpy(dataset.labels)


def pretrain(scenes: data.ImageDataset, seed: int, recipe: Recipe = PRETRAINING) -> VisionTransformer:
    """Train a Vision Transformer on the first task."""
    return train_recipe(recipe, scenes, seed=seed)[0].network.eval()


def fold_batch_norm(model: VisionTransformer) -> VisionTransformer:
    """Write each batch normalisation of a trained model into the convolution before it, which gives the same answers.

    What is frozen should stay as it is, but a batch normalisation measures each batch that it sees in training, even
    if its own weights are frozen.
    """
    model = copy.deepcopy(model).eval()
    embed = model.patch_embed
    for i, (convolution, norm) in enumerate(zip(embed.convs, embed.norms, strict=True)):
        embed.convs[i] = fuse_conv_bn_eval(convolution, norm)
        embed.norms[i] = nn.Identity()
    return model


def prepare(
    way: str,
    pretrained: VisionTransformer,
    num_classes: int,
    *,
    rank: int = RANK,
    alpha: float = ALPHA,
    stem: bool = False,
) -> VisionTransformer:
    """Return a model for a new task, with a new last layer, in which only what this way trains can be trained.

    Parameters
    ----------
    way : {"probe", "lora", "full", "scratch"}
        Train the last layer alone; it and a low-rank change of each dense layer; everything; everything, from random
        numbers. The first three start from a copy of `pretrained`, the first two without its batch normalisation.
    rank, alpha : int, float
        Of the low-rank change.
    stem : bool
        With "lora", train also the convolutions that make the tokens, with their batch normalisation.
    """
    if way not in WAYS:
        raise ValueError(f"unknown way {way!r}: choose one of {', '.join(map(repr, WAYS))}")
    if way == "scratch":
        return VisionTransformer(num_classes=num_classes, embed=ConvEmbed, **NETWORK)
    model = copy.deepcopy(pretrained) if way == "full" or stem else fold_batch_norm(pretrained)
    if way == "probe":
        model.requires_grad_(False)
    elif way == "lora":
        add_lora(model, rank, alpha)
        model.patch_embed.requires_grad_(stem)
    model.head = nn.Linear(model.head.in_features, num_classes)
    return model


def fine_tune(
    model: VisionTransformer,
    examples: Examples,
    learning_rate: float,
    generator: torch.Generator,
    steps: int = STEPS,
) -> VisionTransformer:
    """Train what can be trained for about `steps` batches of 25 images, and return the model.

    If that is the last layer alone, the features of each image are computed once, since they never change.
    """
    images, labels = examples
    settings = {
        "epochs": max(1, round(steps / -(-len(labels) // BATCH_SIZE))),
        "batch_size": BATCH_SIZE,
        "learning_rate": learning_rate,
        "generator": generator,
    }
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    if trainable == {"head.weight", "head.bias"}:
        train(model.head, (features(model, images), labels), **settings)
    else:
        train(model, examples, **settings)
    return model.eval()


@torch.no_grad()
def features(model: VisionTransformer, images: torch.Tensor) -> torch.Tensor:
    """Return what the last layer gets to see, (n, D), in evaluation mode."""
    model.eval()
    return torch.cat([model.forward_features(batch).mean(dim=1) for batch in images.split(500)])


def training_bytes(model: nn.Module) -> dict[str, int]:
    """Return the bytes of the weights, and of gradients and AdamW's two means, which only trained weights have."""
    total = sum(p.numel() for p in model.parameters())
    trained = count_parameters(model)
    return {"weights": 4 * total, "gradients": 4 * trained, "optimiser": 8 * trained}


@torch.no_grad()
def changes(before: VisionTransformer, after: VisionTransformer) -> dict[str, torch.Tensor]:
    """Return how far training has moved each matrix of the blocks: by name, after - before, (R, S)."""
    layers, moved = dict(before.blocks.named_modules()), {}
    for name, layer in after.blocks.named_modules():
        if isinstance(layer, LoRALinear):
            moved[name] = layer.scale * layer.lora_B @ layer.lora_A
        elif isinstance(layer, nn.Linear) and isinstance(layers.get(name), nn.Linear):
            moved[name] = layer.weight - layers[name].weight
    return moved


def share_of_rank(matrices: Mapping[str, torch.Tensor], rank: int) -> float:
    """Return the share of the squared entries of some matrices that their best approximations of this rank hold."""
    squares = [torch.linalg.svdvals(matrix).square() for matrix in matrices.values()]
    return float(sum(s[:rank].sum() for s in squares) / sum(s.sum() for s in squares))


@torch.no_grad()
def with_changes_of_rank(
    before: VisionTransformer, after: VisionTransformer, rank: int | None
) -> VisionTransformer:
    """Return a copy of `after` in which the change of each matrix of the blocks is cut down to a rank; None keeps it all."""
    model = copy.deepcopy(after)
    layers, starts = dict(model.blocks.named_modules()), dict(before.blocks.named_modules())
    for name, change in changes(before, after).items():
        u, s, vt = torch.linalg.svd(change, full_matrices=False)
        layers[name].weight.copy_(starts[name].weight + (u[:, :rank] * s[:rank]) @ vt[:rank])
    return model
