"""Training recipes: everything that a recorded run depends on, but its data and its seed, in one place and by name.

The chapter `4_code/training_recipes` measures what each part is worth.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import nn

from utils.muon import Muon
from utils.torch_models import ConvEmbed, Standardise, VisionTransformer, build_cnn
from utils.whitened_cnn import WhitenedCnn

MEASURED_IMAGES = 5000
"""How many training images give mean, std and whitening kernels."""

MODELS: dict[str, Callable[..., nn.Module]] = {
    "first_cnn": build_cnn,
    "whitened_cnn": WhitenedCnn,
    "vit": VisionTransformer,
    "conv_vit": lambda **options: VisionTransformer(embed=ConvEmbed, **options),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Say how to build and train one model.

    Attributes
    ----------
    model : str
        A name in `MODELS`; `options` go to it.
    epochs : float
        Passes over the training images; a half is allowed.
    batch_size : int
    optimiser : {"adam", "sgd", "adamw", "muon"}
        Muon changes the hidden weights; biases, first and last layers are then left to SGD (CNN) or AdamW (ViT).
    learning_rate : float
        The highest, of the hidden weights.
    weight_decay : float
    schedule : {"constant", "linear", "cosine"}
        How the learning rate falls after the first `warm_up` share of all steps, in which it rises from 0.
    standardise : bool
        Shift and scale each channel by the mean and std of the training images.
    flip : bool
    shift : int
        Largest shift of an image, in pixels.
    cutmix : float
        Share of the batches that are mixed, in [0, 1].
    label_smoothing : float
        Share of the target that is spread over all classes, in [0, 1).
    """

    model: str
    options: Mapping[str, object] = field(default_factory=dict)
    epochs: float
    batch_size: int
    optimiser: str
    learning_rate: float
    weight_decay: float = 0.0
    schedule: str = "constant"
    warm_up: float = 0.0
    standardise: bool = True
    flip: bool = False
    shift: int = 0
    cutmix: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self):
        for name, known in (("model", MODELS), ("optimiser", OPTIMISERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: choose one of {', '.join(known)}")
        if not self.epochs > 0 or self.batch_size < 1:
            raise ValueError(f"need epochs above 0 and batches, got {self.epochs} and {self.batch_size}")

    def changed(self, **changes: object) -> "Recipe":
        """Return this recipe with some parts replaced."""
        return replace(self, **changes)

    def as_dict(self) -> dict[str, object]:
        """Return the recipe as JSON can hold it."""
        return asdict(self)


def build_model(recipe: Recipe, images: torch.Tensor) -> nn.Sequential:
    """Return the model of a recipe with fresh weights, and what it has to know about the training images.

    Parameters
    ----------
    images : Tensor of shape (B, C, H, W), float32 in [0, 1]
        Some thousand training images: mean, std and whitening kernels are measured on them.

    Returns
    -------
    Sequential
        `standardise`, then `network`: images (B, C, H, W) in [0, 1] to logits (B, Y).
    """
    channels = images.shape[1]
    mean, std = [0.0] * channels, [1.0] * channels
    if recipe.standardise:
        mean, std = images.mean((0, 2, 3)).tolist(), images.std((0, 2, 3)).tolist()
    standardise = Standardise(mean, std)
    network = MODELS[recipe.model](**recipe.options)
    if isinstance(network, WhitenedCnn):
        network.measure(standardise(images))
    model = nn.Sequential()
    model.add_module("standardise", standardise)
    model.add_module("network", network)
    return model.to(memory_format=torch.channels_last)


def build_optimisers(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a recipe; together they hold each parameter that may change once."""
    return OPTIMISERS[recipe.optimiser](recipe, model)


def _adam(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    return [torch.optim.Adam(_trainable(model), lr=recipe.learning_rate)]


def _sgd(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    return [
        torch.optim.SGD(
            _trainable(model),
            lr=recipe.learning_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=recipe.weight_decay,
        )
    ]


def _adamw(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    return [_adamw_for(_trainable(model), recipe.learning_rate, recipe.weight_decay)]


def _muon(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    """Give Muon the kernels of the groups of a CNN, or the matrices of the blocks of a Vision Transformer."""
    network = model.network
    if isinstance(network, VisionTransformer):
        hidden = [p for p in network.blocks.parameters() if p.ndim == 2]
        rest = _others(model, hidden)
        return [
            Muon(hidden, recipe.learning_rate, momentum=0.95, weight_decay=recipe.weight_decay),
            _adamw_for(rest, 2e-3, 0.05),
        ]
    hidden = [p for p in network.parameters() if p.ndim == 4 and p.requires_grad]
    head = [network.head.weight]
    rest = _others(model, hidden + head)
    return [
        Muon(hidden, recipe.learning_rate, momentum=0.6, fixed_norm=True),
        torch.optim.SGD(
            [{"params": rest, "lr": 0.05}, {"params": head, "lr": 0.67}], momentum=0.85, nesterov=True
        ),
    ]


def _adamw_for(parameters: list[nn.Parameter], learning_rate: float, weight_decay: float):
    """Decay matrices and kernels, but not biases and gains."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _others(model: nn.Module, taken: list[nn.Parameter]) -> list[nn.Parameter]:
    known = {id(p) for p in taken}
    return [p for p in _trainable(model) if id(p) not in known]


OPTIMISERS = {"adam": _adam, "sgd": _sgd, "adamw": _adamw, "muon": _muon}


def rate_at(recipe: Recipe, progress: float) -> float:
    """Return the learning rate at `progress` in [0, 1) of all steps, as a share of the highest."""
    if progress < recipe.warm_up:
        return max(progress / recipe.warm_up, 1e-3)
    return SCHEDULES[recipe.schedule]((progress - recipe.warm_up) / (1 - recipe.warm_up))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1 - progress,
    "cosine": lambda progress: 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi)))),
}

_FAST = {"kernel_size": 4, "stride": 2}
_CNN = {
    "model": "whitened_cnn",
    "optimiser": "muon",
    "learning_rate": 0.24,
    "schedule": "linear",
    "flip": True,
    "shift": 2,
    "label_smoothing": 0.2,
}
_VIT = {
    "model": "conv_vit",
    "options": {"embed_dim": 96, "depth": 4, "num_heads": 4},
    "optimiser": "muon",
    "learning_rate": 0.02,
    "weight_decay": 0.1,
    "schedule": "cosine",
    "warm_up": 0.1,
    "flip": True,
    "shift": 4,
    "label_smoothing": 0.1,
}

RECIPES: dict[str, Recipe] = {
    "first_cnn": Recipe(
        model="first_cnn",
        epochs=10,
        batch_size=32,
        optimiser="adam",
        learning_rate=1e-3,
        standardise=False,
    ),
    "cnn_sooner": Recipe(
        **_CNN,
        epochs=0.45,
        batch_size=250,
        options=_FAST | {"widths": (32, 96), "kernels": 16, "convolutions": (1, 2)},
    ),
    "cnn_higher": Recipe(
        **_CNN, epochs=7, batch_size=500, options=_FAST | {"widths": (64, 192), "kernels": 16}
    ),
    "cnn_long": Recipe(**_CNN, epochs=10, batch_size=500, options={"widths": (48, 192, 192)}),
    "cnn_gpu_sooner": Recipe(**_CNN, epochs=16, batch_size=1000, options={"widths": (64, 256, 256)}),
    "cnn_gpu": Recipe(**_CNN, epochs=80, batch_size=1000, cutmix=0.5, options={"widths": (64, 192, 240)}),
    "vit_short": Recipe(**_VIT, epochs=5, batch_size=128),
    "vit_long": Recipe(**_VIT, epochs=20, batch_size=128),
    "cnn_scenes": Recipe(
        **_CNN,
        epochs=3,
        batch_size=250,
        options={"kernel_size": 2, "stride": 2, "widths": (32, 96), "convolutions": (2, 1)},
    ),
    "vit_scenes": Recipe(
        **_VIT | {"options": {"embed_dim": 64, "depth": 3, "num_heads": 4}, "shift": 2},
        epochs=6,
        batch_size=64,
    ),
}
"""The recipes of the recorded runs, trained by `python scripts/train.py --model NAME`."""
