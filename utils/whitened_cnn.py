"""The course's fast CNN: a first layer that whitens and is never trained, then groups of convolutions with batch norm.

After K. Jordan, 94 % on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (arXiv:2404.00498), section 3; the chapter
`4_code/training_recipes` builds it up from the course's first CNN and measures each step.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

LOGIT_DIVISOR = 9
"""The sums of the last layer are divided by it: they would be too sure at first."""


def whitening_kernels(images: torch.Tensor, kernel_size: int, epsilon: float = 5e-4) -> torch.Tensor:
    """Return kernels that make the patches of `images` uncorrelated and of variance 1.

    The kernels are the eigenvectors of the covariance of all K × K patches that tile the images, each over the root of
    its eigenvalue, the strongest first.

    Parameters
    ----------
    images : Tensor of shape (B, C, H, W), float32
        Training images, standardised.
    kernel_size : int
        K.
    epsilon : float
        Added to each eigenvalue, so that directions with next to no variance are not blown up.

    Returns
    -------
    Tensor of shape (C·K·K, C, K, K)
    """
    patches = functional.unfold(images, kernel_size, stride=kernel_size)  # (B, C·K·K, places)
    patches = patches.transpose(1, 2).flatten(0, 1).double()  # (B·places, C·K·K)
    patches = patches - patches.mean(dim=0)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))  # eigenvalues in rising order
    kernels = (vectors / (values + epsilon).sqrt()).T.flip(0)  # (C·K·K, C·K·K), one kernel a row
    return kernels.view(-1, images.shape[1], kernel_size, kernel_size).float()


class ConvGroup(nn.Module):
    """Convolution, 2 × 2 max-pooling, batch norm, ReLU, and once more without the pooling: half the side."""

    def __init__(self, in_channels: int, out_channels: int, convolutions: int):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(in_channels if i == 0 else out_channels, out_channels, 3, padding=1, bias=False)
            for i in range(convolutions)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(out_channels, momentum=0.4) for _ in range(convolutions))
        for convolution, norm in zip(self.convs, self.norms, strict=True):
            if out_channels >= convolution.in_channels:
                nn.init.dirac_(convolution.weight[: convolution.in_channels])  # hands its input on at first
            norm.weight.requires_grad_(False)  # the gain would say what the next layer can say as well

    def forward(self, maps):
        for i, (convolution, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            maps = convolution(maps)
            if i == 0:
                maps = functional.max_pool2d(maps, 2)
            maps = functional.relu(norm(maps))
        return maps


class WhitenedCnn(nn.Module):
    """A CNN that trains fast: whitening layer, groups of convolutions, the largest value of each map, one dense layer.

    Call `measure` with training images before training; a checkpoint holds what was measured.

    Parameters
    ----------
    widths : sequence of int
        Channels of each group; a group halves the side of the maps.
    kernel_size, stride : int
        Of the whitening layer.
    kernels : int, optional
        How many whitening kernels to keep, the strongest first; each comes with its negative. All if not given.
    convolutions : sequence of int, optional
        How many each group has, 2 if not given.
    in_channels, num_classes : int
        C and Y.
    whitened : bool
        False leaves the first layer at random weights and trains it like the others: to measure what whitening is worth.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        kernel_size: int = 2,
        stride: int = 1,
        kernels: int | None = None,
        convolutions: Sequence[int] | None = None,
        in_channels: int = 3,
        num_classes: int = 10,
        whitened: bool = True,
    ):
        super().__init__()
        convolutions = convolutions or [2] * len(widths)
        kernels = kernels or in_channels * kernel_size**2
        self.whiten = nn.Conv2d(in_channels, 2 * kernels, kernel_size, stride=stride)
        self.whiten.weight.requires_grad_(not whitened)
        nn.init.zeros_(self.whiten.bias)
        sizes = [2 * kernels, *widths]
        self.groups = nn.Sequential(
            *(ConvGroup(sizes[i], sizes[i + 1], convolutions[i]) for i in range(len(widths)))
        )
        self.head = nn.Linear(widths[-1], num_classes, bias=False)

    @torch.no_grad()
    def measure(self, images: torch.Tensor) -> None:
        """Set the first layer to the whitening kernels of standardised training images (B, C, H, W), and their negatives.

        A first layer that is trained stays as it is.
        """
        if self.whiten.weight.requires_grad:
            return
        bank = whitening_kernels(images, self.whiten.kernel_size[0])[: len(self.whiten.weight) // 2]
        self.whiten.weight.copy_(torch.cat([bank, -bank]))

    def forward_features(self, images):
        """Turn standardised images (B, C, H, W) into the maps of the last group, (B, D, H', W')."""
        return self.groups(functional.relu(self.whiten(images)))

    def forward(self, images):
        """Turn standardised images (B, C, H, W) into logits (B, Y)."""
        return (
            self.head(self.forward_features(images).amax((2, 3))) / LOGIT_DIVISOR
        )  # (B, D, H', W') -> (B, D) -> (B, Y)
