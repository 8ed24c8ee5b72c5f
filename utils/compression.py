"""Make a trained network cheaper: fewer bits, fewer weights, fewer channels, or a smaller one that a larger one teaches.

The chapter `5_trends_and_challenges/efficiency` writes `fold_norms`, `quantise`, `prune_smallest`,
`keep_loudest` and `distillation_loss` out.
"""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from utils.checks import check_whole
from utils.data.checks import check_range
from utils.whitened_cnn import WhitenedCnn


def fold_norms(network: WhitenedCnn) -> WhitenedCnn:
    """Return a copy whose batch norms are inside the convolutions before them; for answering, not for training.

    Between the two stands a pooling. The largest number stays the largest when all are multiplied with the same positive
    number and moved by another, so the norm may as well come first; ValueError if its factor is not positive.
    """
    folded = copy.deepcopy(network).eval()
    for group in folded.groups:
        for i, norm in enumerate(group.norms):
            if not (norm.weight > 0).all():
                raise ValueError("a batch norm that multiplies with 0 or less cannot move before the pooling")
            group.convs[i] = fuse_conv_bn_eval(group.convs[i], norm)
            group.norms[i] = nn.Identity()
    return folded


def quantise(
    weights: torch.Tensor, bits: int = 8, per_channel: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Round weights to whole multiples of a step: `weights` is about `integers * step`.

    Symmetric: zero stays zero, and the largest weight becomes 2^(bits - 1) - 1, 127 for eight bits.

    Parameters
    ----------
    weights : Tensor, float32, the first axis the channels that come out
    bits : int, from 2 to 8
    per_channel : bool
        A step for each channel that comes out, in place of one for all.

    Returns
    -------
    integers : int8 Tensor of the same shape
    step : float32 Tensor that can be multiplied with them
    """
    check_whole("bits", bits, 2, 8)
    top = 2 ** (bits - 1) - 1
    if per_channel:
        largest = weights.abs().flatten(1).amax(dim=1)  # (K_out, ...) -> (K_out)
        largest = largest.view(-1, *[1] * (weights.ndim - 1))  # (K_out, 1, ...)
    else:
        largest = weights.abs().max()
    step = largest.clamp(min=1e-12) / top  # an empty channel needs no step
    return (weights / step).round().to(torch.int8), step


def with_fewer_bits(model: nn.Module, bits: int, per_channel: bool) -> nn.Module:
    """Return a copy of a model whose convolutions and dense layers have weights of a few bits, still stored as float32."""
    smaller = copy.deepcopy(model)
    with torch.no_grad():
        for layer in layers_with_weights(smaller):
            integers, step = quantise(layer.weight, bits, per_channel)
            layer.weight.copy_(integers * step)
    return smaller


def layers_with_weights(model: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """Return the convolutions and dense layers of a model."""
    return [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def prune_smallest(weights: torch.Tensor, share: float) -> torch.Tensor:
    """Return which weights stay when the `share` in [0, 1] with the smallest absolute values goes: bool, same shape."""
    check_range("share", share, 0, 1)
    gone = weights.abs().flatten().argsort()[: round(share * weights.numel())]
    stays = torch.ones(weights.numel(), dtype=torch.bool)
    stays[gone] = False
    return stays.view(weights.shape)


def prune_network(model: nn.Module, share: float) -> nn.Module:
    """Return a copy of a model without the smallest weights of each layer that is trained; what is zero stays zero.

    Convolutions and dense layers whose weights training may change lose the `share` of them; a hook at each such tensor
    drops the gradients of the others, so that the copy can be trained on.
    """
    smaller = copy.deepcopy(model)
    for layer in layers_with_weights(smaller):
        if layer.weight.requires_grad:
            stays = prune_smallest(layer.weight.detach(), share)
            with torch.no_grad():
                layer.weight.mul_(stays)
            layer.weight.register_hook(lambda gradient, stays=stays: gradient * stays)
    return smaller


def sparse_bytes(weights: torch.Tensor, bytes_per_number: int = 4) -> int:
    """Return the bytes of a tensor when only what is not zero is kept, and one bit for each place says what is where."""
    check_whole("bytes_per_number", bytes_per_number, 1)
    return -(-weights.numel() // 8) + bytes_per_number * int((weights != 0).sum())


def keep_loudest(network: WhitenedCnn, widths: Sequence[int]) -> WhitenedCnn:
    """Return a copy of a network with fewer channels: those to which the next layer listens most.

    A channel's loudness is the length of all weights of the next layer that read it. Its own weights say nothing: the
    batch norm behind them undoes any scale.

    Parameters
    ----------
    network : WhitenedCnn
    widths : sequence of int
        How many channels each convolution behind the first keeps.

    Raises
    ------
    ValueError
        If there is not one width for each convolution, or one asks for more channels than there are.
    """
    thin = copy.deepcopy(network)
    convs = [conv for group in thin.groups for conv in group.convs]
    norms = [norm for group in thin.groups for norm in group.norms]
    have = [conv.out_channels for conv in convs]
    if len(widths) != len(have) or any(
        not 1 <= width <= most for width, most in zip(widths, have, strict=True)
    ):
        raise ValueError(
            f"give a number of channels for each convolution, at most {have}, got {list(widths)}"
        )
    kept = torch.arange(convs[0].in_channels)
    for i, (conv, norm) in enumerate(zip(convs, norms, strict=True)):
        reader = convs[i + 1] if i + 1 < len(convs) else thin.head
        loudness = reader.weight.detach().transpose(0, 1).flatten(1).norm(dim=1)
        keep = loudness.topk(widths[i]).indices.sort().values
        conv.weight = nn.Parameter(conv.weight.detach()[keep][:, kept])
        conv.in_channels, conv.out_channels = len(kept), len(keep)
        norm.weight = nn.Parameter(norm.weight.detach()[keep], requires_grad=False)
        norm.bias = nn.Parameter(norm.bias.detach()[keep])
        norm.running_mean, norm.running_var = norm.running_mean[keep], norm.running_var[keep]
        norm.num_features = len(keep)
        kept = keep
    thin.head.weight = nn.Parameter(thin.head.weight.detach()[:, kept])
    thin.head.in_features = len(kept)
    return thin


def distillation_loss(
    logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    targets: torch.Tensor,
    temperature: float = 2.0,
    share: float = 0.9,
) -> torch.Tensor:
    """Return how far a student is from its teacher, and from the labels.

    Parameters
    ----------
    logits, teacher_logits, targets : Tensor of shape (B, Y)
        The targets are the labels, one-hot.
    temperature : float
        T: both sides' logits are divided by it. The factor T² keeps the size of the gradients.
    share : float in [0, 1]
        Weight of the teacher; the labels have the rest.

    Source: G. Hinton, O. Vinyals and J. Dean, Distilling the Knowledge in a Neural Network, 2015, section 2.
    """
    ours = (logits / temperature).log_softmax(dim=1)
    theirs = (teacher_logits / temperature).log_softmax(dim=1)
    soft = (theirs.exp() * (theirs - ours)).sum(dim=1).mean()  # Kullback-Leibler
    hard = functional.cross_entropy(logits, targets)
    return share * temperature**2 * soft + (1 - share) * hard


def taught_by(
    teacher: nn.Module, temperature: float = 2.0, share: float = 0.9
) -> Callable[..., torch.Tensor]:
    """Return the loss with which `long_training.train_recipe` lets a student learn from a teacher.

    The teacher sees each batch as the student does, mirrored and shifted.
    """
    check_range("share", share, 0, 1)
    teacher.eval()

    def loss(logits, batch, targets):
        with torch.no_grad():
            answers = teacher(batch)
        return distillation_loss(logits, answers, targets, temperature, share)

    return loss
