"""A small detector: centres in a grid of cells, and the four sides from there; and what turns its maps into boxes.

The chapter `2_concepts/recognition_tasks` builds it with two heads more, `6_faq/recognition_or_detection` compares it with a
classifier of the same backbone.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.data.dataset import SceneDataset

CELL = 4
"""Side of a cell, in pixels."""


def convolution(in_channels: int, out_channels: int, padding_mode: str = "zeros") -> nn.Sequential:
    """Look at 3 × 3 neighbours, bring to a common scale, cut off below 0."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False, padding_mode=padding_mode),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def build_backbone(embed_dim: int = 48, padding_mode: str = "zeros") -> nn.Sequential:
    """Turn images (B, 3, H, W) into features (B, D, H/4, W/4).

    With `padding_mode="circular"` the right margin of a picture meets its left one, and a picture that is moved round by
    four pixels gives the same features, moved by one cell.
    """
    return nn.Sequential(
        convolution(3, embed_dim // 2, padding_mode),
        nn.MaxPool2d(2),  # (B, D/2, H, W) -> (B, D/2, H/2, W/2)
        convolution(embed_dim // 2, embed_dim, padding_mode),
        nn.MaxPool2d(2),  # (B, D, H/2, W/2) -> (B, D, H/4, W/4)
        convolution(embed_dim, embed_dim, padding_mode),
        convolution(embed_dim, embed_dim, padding_mode),
    )


class BoxHead(nn.Module):
    """Say for each cell which class has a centre in it, logits (B, Y, G, G), and how far its sides are, (B, 4, G, G).

    Source: X. Zhou and others, Objects as Points, 2019; the four distances as in Z. Tian and others, FCOS, 2019.
    """

    def __init__(self, num_classes: int = 10, embed_dim: int = 48):
        super().__init__()
        self.centres = nn.Conv2d(embed_dim, num_classes, 1)
        self.sides = nn.Conv2d(embed_dim, 4, 1)
        # centres are rare: begin with a probability of 2 %, not of 50 %
        nn.init.constant_(self.centres.bias, -4.0)

    def forward(self, features):
        return self.centres(features), self.sides(features)


def centre_targets(dataset: SceneDataset, num_classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Return where centres lie, (B, Y, G, G), and how far the sides, (B, 4, G, G), in cells; float32."""
    grid = dataset.images.shape[1] // CELL
    centres = np.zeros((len(dataset), num_classes, grid, grid), np.float32)
    sides = np.zeros((len(dataset), 4, grid, grid), np.float32)
    # all M objects of all scenes at once
    scene, slot = np.nonzero(dataset.object_classes >= 0)
    boxes = dataset.boxes[scene, slot]  # (M, 4)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2  # (M, 2), x and y
    column, row = (centre // CELL).astype(int).T
    middle = CELL * (np.stack([column, row], axis=1) + 0.5)
    distances = np.hstack([middle - boxes[:, :2], boxes[:, 2:] - middle])  # (M, 4)
    centres[scene, dataset.object_classes[scene, slot], row, column] = 1
    sides[scene, :, row, column] = distances / CELL
    return centres, sides


def box_loss(model: nn.Module, images, centres, sides) -> torch.Tensor:
    """Return the loss of a detector whose output is that of `BoxHead`: yes or no in each cell, and the sides at centres."""
    centre_logits, distances = model(images)
    objects = centres.sum()
    here = centres.amax(dim=1, keepdim=True)  # (B, 1, G, G), 1 where a centre is
    return functional.binary_cross_entropy_with_logits(centre_logits, centres, reduction="sum") / objects + (
        here * (distances - sides).abs()
    ).sum() / (4 * objects)


def peaks(scores: np.ndarray) -> np.ndarray:
    """Keep what is the largest among its 3 × 3 neighbours, float32 (B, Y, G, G); 0 elsewhere."""
    largest = functional.max_pool2d(torch.from_numpy(scores), 3, stride=1, padding=1)
    return np.where(scores == largest.numpy(), scores, 0)


def decode(
    centres: np.ndarray, sides: np.ndarray, limit: int = 10
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Turn maps (B, Y, G, G) and (B, 4, G, G) into boxes (O, 4), classes (O,) and scores (O,) for each picture.

    The surest answers come first, at most `limit` of them.
    """
    answers = []
    heat = peaks(1 / (1 + np.exp(-centres)))  # (B, Y, G, G)
    for scores, distances in zip(heat, np.maximum(sides, 0), strict=True):
        best = np.argsort(-scores, axis=None, kind="stable")[:limit]
        y, row, column = np.unravel_index(best, scores.shape)
        middle = CELL * (np.stack([column, row], axis=1) + 0.5)  # (O, 2)
        reach = CELL * distances[:, row, column].T  # (O, 4)
        boxes = np.hstack([middle - reach[:, :2], middle + reach[:, 2:]])
        answers.append((boxes, y, scores[y, row, column]))
    return answers
