"""Low-rank adaptation: leave a layer's weights as they are, and learn a small change beside them.

The chapter `4_code/transfer_and_lora` builds it up and measures what it is worth.
"""

from collections.abc import Iterable

import torch
from torch import nn

TARGETS = ("qkv", "proj", "fc1", "fc2")
"""The dense layers in each block of `utils.torch_models.VisionTransformer`."""


class LoRALinear(nn.Module):
    """A dense layer that stays as it is, and a change of rank r beside it: W x + b + (alpha / r) B A x.

    B starts at zero, so that at first nothing has changed.

    Source: E. J. Hu and others, LoRA: Low-Rank Adaptation of Large Language Models, 2021, section 4.1.

    Parameters
    ----------
    linear : Linear
        W of shape (R, S) and b of shape (R). They are not copied, and are no longer trained.
    rank : int
        r, in 1 … min(R, S).
    alpha : float
        Strength of the change.
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__()
        rows, columns = linear.weight.shape
        if not 1 <= rank <= min(rows, columns):
            raise ValueError(f"the rank must lie in 1 … {min(rows, columns)} for this layer, got {rank}")
        self.linear = linear.requires_grad_(False)
        self.scale = alpha / rank
        self.lora_A = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.lora_B = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x):
        """Turn numbers (..., S) into (..., R)."""
        narrow = x @ self.lora_A.T  # (..., S) -> (..., r)
        return self.linear(x) + self.scale * narrow @ self.lora_B.T  # (..., r) -> (..., R)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a dense layer that gives the same: W + (alpha / r) B A, with the old b."""
        rows, columns = self.linear.weight.shape
        layer = nn.Linear(columns, rows, bias=self.linear.bias is not None)
        layer.weight.copy_(self.linear.weight + self.scale * self.lora_B @ self.lora_A)
        if self.linear.bias is not None:
            layer.bias.copy_(self.linear.bias)
        return layer


def add_lora(model: nn.Module, rank: int, alpha: float, names: Iterable[str] = TARGETS) -> nn.Module:
    """Freeze a model and put a change of rank r beside each of its dense layers of these names, in place.

    ValueError if there is no such layer.
    """
    names = tuple(names)
    model.requires_grad_(False)
    found = [
        (module, name)
        for module in model.modules()
        for name in names
        if isinstance(getattr(module, name, None), nn.Linear)
    ]
    if not found:
        raise ValueError(f"the model has no dense layer called {' or '.join(names)}")
    for module, name in found:
        setattr(module, name, LoRALinear(getattr(module, name), rank, alpha))
    return model


def take_off_lora(model: nn.Module) -> nn.Module:
    """Put the layers back as they were before `add_lora`, in place; they stay frozen."""
    return _replace(model, lambda layer: layer.linear)


def merge_lora(model: nn.Module) -> nn.Module:
    """Write each change into its layer, in place: the same function, without the extra work."""
    return _replace(model, lambda layer: layer.merged())


def _replace(model: nn.Module, by) -> nn.Module:
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LoRALinear):
                setattr(module, name, by(child))
    return model
