"""Trained models of the course as files: weights in half precision, and the recipe in the header of the same file."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from utils import runs
from utils.recipes import Recipe, build_model
from utils.torch_training import first_weights

CHECKPOINTS = runs.RESULTS / "checkpoints"


def save_trained(path: Path, model: nn.Module, recipe: Recipe) -> None:
    """Write the weights of a recipe's model, floating-point numbers as float16, and the recipe: ``load_trained`` reads them.

    Half the bytes; each number keeps about three decimal digits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in model.state_dict().items()
    }
    unfinished = path.with_name(path.name + ".part")
    save_file(weights, unfinished, metadata={"recipe": json.dumps(recipe.as_dict())})
    unfinished.replace(path)


def load_trained(source: str | Path) -> nn.Sequential:
    """Return a trained model, ready to answer: images (B, C, H, W) in [0, 1] to logits (B, Y), both float32.

    Parameters
    ----------
    source : str or Path
        The name of a model in ``results/checkpoints``, such as "cnn_cifar10", or the path of a file that
        ``save_trained`` wrote. Nothing in the file is executed.

    Returns
    -------
    Sequential
        `standardise`, then `network`, see `utils.recipes.build_model`; in evaluation mode.

    Raises
    ------
    FileNotFoundError
        If there is no such model; says which there are.
    ValueError
        If the file is damaged, or holds no recipe or not its weights.
    """
    path = source if isinstance(source, Path) else CHECKPOINTS / f"{source}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in CHECKPOINTS.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(f"no trained model at {path}; by name there are: {there}")
    try:
        with safe_open(path, "pt") as file:
            recipe = Recipe(**json.loads((file.metadata() or {})["recipe"]))
            weights = {name: file.get_tensor(name) for name in file.keys()}
        channels = weights["standardise.mean"].shape[1]
        with first_weights(0):  # the file has others; this leaves the caller's random numbers alone
            model = build_model(recipe, torch.rand(16, channels, 32, 32))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no trained model of the course: {error}") from error
    try:
        model.load_state_dict(weights)  # float16 becomes float32
    except RuntimeError as error:
        raise ValueError(f"the weights in {path} are not those of its recipe {recipe.model!r}") from error
    return model.eval()
