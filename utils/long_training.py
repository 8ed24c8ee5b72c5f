"""Train a recipe for long: saved after each epoch, resumed after a kill, on one processor, a GPU, or several processes.

Each epoch draws from a generator of its own, made from seed and epoch. So a run that was killed and taken up again, and
a run that several processes share, shows the same images in the same order, moved and mirrored alike.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import distributed, nn
from torch.distributed._functional_collectives import all_reduce
from torch.nn import functional

from utils.augmentation import alternate_flips, cutmix, shift_and_flip
from utils.data.dataset import ImageDataset
from utils.metrics import accuracy
from utils.recipes import MEASURED_IMAGES, Recipe, build_model, build_optimisers, rate_at
from utils.torch_training import first_weights, to_tensor

VIEWS = ("one", "flip", "flip_and_shift")
"""The ways to look at an image in a test, see `predict_averaged`."""


@dataclass
class Progress:
    """What has happened in a run so far: one entry of `epochs` for each that is over."""

    epochs: list[dict[str, float]]

    @property
    def seconds(self) -> float:
        """Return the seconds of training, without those of evaluation and of saving."""
        return sum(epoch["seconds"] for epoch in self.epochs)

    @property
    def processor_seconds(self) -> float:
        """Return the processor time of the same, all threads of this process together."""
        return sum(epoch["processor_seconds"] for epoch in self.epochs)


def train_recipe(
    recipe: Recipe,
    dataset: ImageDataset,
    *,
    seed: int,
    start: nn.Module | None = None,
    folder: Path | None = None,
    device: str = "cpu",
    bfloat16: bool = False,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    attack: Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    loss: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    report: Callable[[int, int, float], None] | None = None,
) -> tuple[nn.Sequential, Progress]:
    """Train the model of a recipe.

    Under `torchrun` each process takes its share of every batch, and the gradients are averaged.

    Parameters
    ----------
    recipe : Recipe
    dataset : ImageDataset
        The training images.
    seed : int
        Of the first weights, the order, the shifts and flips.
    start : Module, optional
        A trained model of the same recipe: its weights are the first ones here, all but those of the head.
    folder : Path, optional
        Where the state is saved after each epoch. If one of the same recipe, seed and images is there, the run goes on.
    device : str
        "cpu" or "cuda".
    bfloat16 : bool
        Compute in bfloat16 where that is safe; faster on GPUs, and on CPUs that have avx512_bf16.
    evaluate : callable, optional
        Called with the model after each epoch; what it returns is kept in the progress.
    attack : callable, optional
        Called with the model, a batch (B, C, H, W) and its targets (B, Y); the model learns from what it returns
        in place of the batch, see `utils.attacks.hardened_by`. Such a run is not saved.
    loss : callable, optional
        Called with logits (B, Y), the batch as it is shown and its targets (B, Y), it returns what to make small, see
        `utils.compression.taught_by`. If not given, it is the cross-entropy with the recipe's label smoothing. The
        folder does not know which loss it was: give each its own.
    report : callable, optional
        Called with (steps done, steps in all, loss) after each step.

    Returns
    -------
    model : Sequential
        See `build_model`.
    progress : Progress

    Raises
    ------
    ValueError
        If the folder holds the state of another run, or if there are both a folder and an attack.
    """
    if attack is not None and folder is not None:
        raise ValueError("a run with an attack cannot be taken up again: leave out the folder or the attack")
    images, labels = torch.from_numpy(dataset.images), torch.from_numpy(dataset.labels)
    with first_weights(seed):
        model = build_model(recipe, to_tensor(dataset.images[:MEASURED_IMAGES])).to(device)
    if start is not None:
        _start_from(model, start)
    optimisers = build_optimisers(recipe, model)
    highest = [[group["lr"] for group in optimiser.param_groups] for optimiser in optimisers]
    progress = Progress([])
    signature = {"recipe": json.loads(json.dumps(recipe.as_dict())), "seed": seed, "images": len(images)}
    if folder is not None and (folder / "state.json").is_file():
        _restore(folder, signature, model, optimisers, progress)
    images, labels = images.to(device), labels.to(device)
    parallel = _distribute(model)
    steps_per_epoch = max(1, len(images) // recipe.batch_size)
    total = max(1, round(recipe.epochs * steps_per_epoch))
    for epoch in range(len(progress.epochs), -(-total // steps_per_epoch)):
        started, processor, losses = time.perf_counter(), time.process_time(), []
        generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + epoch)
        mirrored = alternate_flips(len(images), epoch, seed) & recipe.flip
        order = torch.randperm(len(images), generator=generator)
        parallel.train()
        for step in range(epoch * steps_per_epoch, min((epoch + 1) * steps_per_epoch, total)):
            first = (step - epoch * steps_per_epoch) * recipe.batch_size
            rows = order[first : first + recipe.batch_size]
            batch, targets = _draw(recipe, images[rows], labels[rows], mirrored[rows], generator)
            if attack is not None:
                batch = attack(model, batch, targets)
            set_rates(optimisers, highest, rate_at(recipe, step / total))
            losses.append(_step(parallel, optimisers, recipe, batch, targets, device, bfloat16, loss))
            if report is not None:
                report(step + 1, total, losses[-1])
        entry = {
            "loss": _mean_of_all(losses),
            "seconds": time.perf_counter() - started,
            "processor_seconds": time.process_time() - processor,
        }
        progress.epochs.append(entry | (evaluate(model) if evaluate is not None else {}))
        if folder is not None and _rank() == 0:
            _save(folder, signature, model, optimisers, progress)
    return model, progress


def set_rates(optimisers, highest: list[list[float]], share: float) -> None:
    """Give each group of parameters a share of its highest learning rate."""
    for optimiser, rates in zip(optimisers, highest, strict=True):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * share


def _start_from(model: nn.Module, start: nn.Module) -> None:
    """Copy all weights but those of the head, which answers another question, and of the standardisation."""
    own = model.state_dict()
    kept = {key: value for key, value in start.state_dict().items() if key.startswith("network.")}
    kept = {key: value for key, value in kept.items() if not key.startswith("network.head.")}
    if kept.keys() - own.keys() or any(own[key].shape != value.shape for key, value in kept.items()):
        raise ValueError("start is no model of this recipe: its weights have other names or shapes")
    model.load_state_dict(own | kept)


def _draw(recipe: Recipe, images, labels, mirrored, generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch as it is shown, float32 (B, C, H, W) in [0, 1], and its targets (B, Y): this process's share.

    Everything is drawn for the whole batch, so that the processes together see what one would.
    """
    if recipe.shift or recipe.flip:
        images = shift_and_flip(images, mirrored, shift=recipe.shift, generator=generator)
    classes = recipe.options.get("num_classes", 10)
    targets = functional.one_hot(labels, classes).float()
    if recipe.cutmix and torch.rand((), generator=generator) < recipe.cutmix:
        images, targets = cutmix(images, targets, generator)
    rank, size = _rank(), _size()
    images, targets = images[rank::size], targets[rank::size]
    return images.permute(0, 3, 1, 2).float() / 255, targets  # (B, H, W, C) -> (B, C, H, W)


def _step(model, optimisers, recipe, batch, targets, device, bfloat16, loss) -> float:
    with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
        logits = model(batch).float()
    if loss is None:
        found = functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
    else:
        found = loss(logits, batch, targets)
    found.backward()
    for optimiser in optimisers:
        optimiser.step()
        optimiser.zero_grad()
    value = found.item()
    if not np.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value}: try a smaller learning rate than {recipe.learning_rate}"
        )
    return value


def _mean_of_all(losses: list[float]) -> float:
    """Return the mean over the steps, and over the processes, each of which saw an equal share."""
    mean = torch.tensor(np.mean(losses))
    if _size() > 1:
        distributed.all_reduce(mean)
    return mean.item() / _size()


def _rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def _size() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def _distribute(model: nn.Module) -> nn.Module:
    """Under `torchrun`, let the processes average gradients, and batch norm measure the whole batch."""
    if _size() == 1:
        return model
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = SharedBatchNorm2d
    return nn.parallel.DistributedDataParallel(model, forward_sync_buffers=False)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with mean and variance of the batch of all processes, each of which holds an equal share."""

    def forward(self, maps):
        if not self.training:
            return super().forward(maps)
        moments = torch.stack([maps.mean((0, 2, 3)), maps.square().mean((0, 2, 3))])
        mean, square = all_reduce(moments, "sum", distributed.group.WORLD) / _size()
        variance = square - mean.square()
        with torch.no_grad():
            count = maps.numel() // maps.shape[1] * _size()
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return maps * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


def _save(folder: Path, signature: dict, model, optimisers, progress: Progress) -> None:
    """Write the tensors, then the file that names them: a kill in between leaves the epoch before."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"epoch-{len(progress.epochs)}.safetensors"
    tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
    for i, optimiser in enumerate(optimisers):
        for j, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{j}.{key}": torch.as_tensor(value) for key, value in state.items()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / name)
    unfinished = folder / "state.json.part"
    unfinished.write_text(json.dumps(signature | {"tensors": name, "epochs": progress.epochs}))
    unfinished.replace(folder / "state.json")
    for old in folder.glob("epoch-*.safetensors"):
        if old.name != name:
            old.unlink()


def _restore(folder: Path, signature: dict, model, optimisers, progress: Progress) -> None:
    saved = json.loads((folder / "state.json").read_text())
    if any(saved[key] != value for key, value in signature.items()):
        raise ValueError(f"{folder} holds the state of another run: remove it, or choose another folder")
    tensors = load_file(folder / saved["tensors"])
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    for i, optimiser in enumerate(optimisers):
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"optimiser.{i}."):
                _, _, j, name = key.split(".", 3)
                state.setdefault(int(j), {})[name] = value
        optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
    progress.epochs.extend(saved["epochs"])


@contextlib.contextmanager
def processes():
    """Join the processes that `torchrun` started while the `with` block runs; without `torchrun`, do nothing."""
    if "RANK" not in os.environ:
        yield
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


@torch.no_grad()
def predict_averaged(model: nn.Module, images: np.ndarray, *, views: str = "one", batch_size: int = 500):
    """Return logits (B, Y) float32 of uint8 images (B, H, W, C), averaged over several views of each image.

    Parameters
    ----------
    views : {"one", "flip", "flip_and_shift"}
        The image; it and its mirror image; these two, and both shifted by a pixel up-left and down-right, for half.
    """
    if views not in VIEWS:
        raise ValueError(f"unknown views {views!r}: choose one of {', '.join(map(repr, VIEWS))}")
    model.eval()
    device = next(model.parameters()).device
    answers = []
    for first in range(0, len(images), batch_size):
        batch = to_tensor(images[first : first + batch_size]).to(device)
        logits = model(batch)
        if views != "one":
            logits = (logits + model(batch.flip(3))) / 2
        if views == "flip_and_shift":
            padded = functional.pad(batch, (1, 1, 1, 1), mode="reflect")
            height, width = batch.shape[2:]
            shifted = [padded[:, :, i : i + height, i : i + width] for i in (0, 2)]
            others = [model(view) for image in shifted for view in (image, image.flip(3))]
            logits = (logits + torch.stack(others).mean(0)) / 2
        answers.append(logits.cpu())
    return torch.cat(answers).numpy()


def accuracy_by_views(
    model: nn.Module, dataset: ImageDataset, views: Sequence[str] = VIEWS
) -> dict[str, float]:
    """Return the share of right answers for each way of looking at the images, see `predict_averaged`."""
    return {
        view: accuracy(dataset.labels, predict_averaged(model, dataset.images, views=view).argmax(axis=1))
        for view in views
    }
