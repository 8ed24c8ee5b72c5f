"""The one form in which every data set of the course arrives."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np


@dataclass(frozen=True)
class ImageDataset:
    """Hold labelled images.

    Attributes
    ----------
    images : ndarray of shape (B, H, W, C), uint8, in [0, 255]
    labels : ndarray of shape (B,), int64, in [0, Y)
    class_names : tuple of Y str
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self):
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise ValueError(
                f"images must be uint8 of shape (B, H, W, C), got {self.images.dtype} of shape {self.images.shape}"
            )
        if self.labels.shape != (len(self.images),) or self.labels.dtype != np.int64:
            raise ValueError(
                f"labels must be int64, one for each of the {len(self.images)} images, "
                f"got {self.labels.dtype} of shape {self.labels.shape}"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(f"labels must lie in 0 … {len(self.class_names) - 1}, one for each class name")

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: np.ndarray) -> Self:
        """Return the images at `indices`, an int64 array of shape (B',), with all that belongs to them."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])


@dataclass(frozen=True)
class SceneDataset(ImageDataset):
    """Hold drawn scenes, with the truth about each of their O object slots; the label is that of object 0.

    Attributes
    ----------
    object_classes, object_colours, object_textures : ndarray of shape (B, O), int64
        Indices into `class_names`, `scene_shapes.COLOURS`, `scene_shapes.TEXTURES`; -1 where the slot is empty.
    boxes : ndarray of shape (B, O, 4), float32
        Left, top, right, bottom of the visible part in pixels, right and bottom exclusive; 0 where empty.
    masks : ndarray of shape (B, H, W), uint8
        0 is background, k + 1 the visible pixels of object k.
    captions : tuple of B str
    """

    object_classes: np.ndarray = field(kw_only=True)
    object_colours: np.ndarray = field(kw_only=True)
    object_textures: np.ndarray = field(kw_only=True)
    boxes: np.ndarray = field(kw_only=True)
    masks: np.ndarray = field(kw_only=True)
    captions: tuple[str, ...] = field(kw_only=True)

    def subset(self, indices: np.ndarray) -> Self:
        """Return the scenes at `indices`, an int64 array of shape (B',), with all that belongs to them."""
        return replace(
            super().subset(indices),
            object_classes=self.object_classes[indices],
            object_colours=self.object_colours[indices],
            object_textures=self.object_textures[indices],
            boxes=self.boxes[indices],
            masks=self.masks[indices],
            captions=tuple(self.captions[i] for i in indices),
        )
