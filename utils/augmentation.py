"""Change the training images a little each time they are shown, without changing what they show.

Batches are uint8 images (B, H, W, C); what is drawn comes from a generator, so one seed gives one run. The chapter
`4_code/training_recipes` measures what each change is worth.
"""

import torch


def shift_and_flip(
    images: torch.Tensor, mirrored: torch.Tensor, *, shift: int, generator: torch.Generator
) -> torch.Tensor:
    """Move each image by up to `shift` pixels in both directions, and mirror some left to right.

    What comes in at an edge is the image reflected there. A shift by whole pixels is a choice of rows and columns, so
    this is one gather, with no copy that has a wider frame.

    Parameters
    ----------
    images : Tensor of shape (B, H, W, C)
    mirrored : bool Tensor of shape (B,)
        Which images to mirror, see `alternate_flips`.
    shift : int
        In pixels, at least 0 and below H and W.
    generator : Generator
        Draws the shifts.
    """
    count, height, width = images.shape[:3]
    if not 0 <= shift < min(height, width):
        raise ValueError(f"shift must lie in 0 … {min(height, width) - 1} for these images, got {shift}")
    if mirrored.shape != (count,) or mirrored.dtype != torch.bool:
        raise ValueError(f"mirrored must be bool of shape ({count},), got {mirrored.dtype} {mirrored.shape}")
    offsets = torch.randint(-shift, shift + 1, (2, count, 1), generator=generator)
    rows = _reflect(torch.arange(height) + offsets[0], height)  # (B, H)
    columns = _reflect(torch.arange(width) + offsets[1], width)  # (B, W)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    return images[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)


def _reflect(index: torch.Tensor, size: int) -> torch.Tensor:
    """Fold what lies outside 0 … size - 1 back inside, as a mirror at the edge pixel would."""
    return size - 1 - (size - 1 - index.abs()).abs()


def alternate_flips(count: int, epoch: int, seed: int) -> torch.Tensor:
    """Return which of all images are mirrored in this epoch: bool (B,); in the next it is the others.

    A coin for each image and epoch would show a quarter of them the same way twice running; so each image throws once
    and then takes turns.

    Source: K. Jordan, 94 % on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024, section 3.6.
    """
    first = torch.rand(count, generator=torch.Generator().manual_seed(seed)) < 0.5
    return first if epoch % 2 == 0 else ~first


def cutmix(
    images: torch.Tensor, targets: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Paste one rectangle of another image into each image, and mix the targets by the area.

    Source: S. Yun and others, CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features,
    2019, equations 1 and 2, with alpha = 1.

    Parameters
    ----------
    images : Tensor of shape (B, H, W, C)
    targets : float Tensor of shape (B, Y)
        Probabilities; a row sums to 1.
    generator : Generator
        Draws the share, the place and who is pasted into whom.

    Returns
    -------
    images : Tensor of shape (B, H, W, C)
    targets : float Tensor of shape (B, Y)
    """
    count, height, width = images.shape[:3]
    share = torch.rand((), generator=generator).item()  # that is cut out
    centre_row, centre_column = (int(torch.randint(0, n, (), generator=generator)) for n in (height, width))
    half_height, half_width = int(height * share**0.5 / 2), int(width * share**0.5 / 2)
    top, bottom = max(centre_row - half_height, 0), min(centre_row + half_height, height)
    left, right = max(centre_column - half_width, 0), min(centre_column + half_width, width)
    other = torch.randperm(count, generator=generator)
    mixed = images.clone()
    mixed[:, top:bottom, left:right] = images[other, top:bottom, left:right]
    pasted = (bottom - top) * (right - left) / (height * width)
    return mixed, targets * (1 - pasted) + targets[other] * pasted
