"""Train two small models under torchrun and save their weights in the folder that is given."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from utils import long_training
from utils.data import load
from utils.recipes import RECIPES

SGD = {"batch_size": 50, "epochs": 2, "optimiser": "sgd", "learning_rate": 0.05}
SMALL = {
    "cnn": RECIPES["cnn_higher"].changed(
        options={"kernel_size": 4, "stride": 2, "kernels": 8, "widths": (16, 16)}, **SGD
    ),
    "vit": RECIPES["vit_short"].changed(options={"embed_dim": 16, "depth": 1, "num_heads": 2}, **SGD),
}


def weights_of(name: str) -> dict[str, torch.Tensor]:
    """Train one of the small models on a few scenes."""
    dataset = load("scenes", "train", count=300, seed=0)
    model, _ = long_training.train_recipe(SMALL[name], dataset, seed=0)
    return {key: value.contiguous() for key, value in model.state_dict().items()}


def main() -> None:
    torch.set_num_threads(1)
    with long_training.processes():
        found = {name: weights_of(name) for name in SMALL}
        if torch.distributed.get_rank() == 0:
            for name, weights in found.items():
                save_file(weights, Path(sys.argv[1]) / f"{name}.safetensors")


if __name__ == "__main__":
    main()
