"""The one form in which every data set of the course arrives."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from utils.data.checks import check_indices, check_uint8_images


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
        check_uint8_images(self.images)
        if not isinstance(self.labels, np.ndarray):
            raise ValueError(f"labels must be an array, got {type(self.labels).__name__}")
        if isinstance(self.class_names, str):
            raise ValueError(f"class_names must be several names, got the one text {self.class_names!r}")
        if self.labels.shape != (len(self.images),) or self.labels.dtype != np.int64:
            raise ValueError(
                f"labels must be int64, one for each of the {len(self.images)} images, "
                f"got {self.labels.dtype} of shape {self.labels.shape}"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(
                f"labels must lie in 0 … {len(self.class_names) - 1}, one for each class name, "
                f"got {self.labels.min()} … {self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: np.ndarray) -> Self:
        """Return the images at `indices`, whole numbers of shape (B',) in 0 … B - 1, with all that belongs to them."""
        return replace(self, **self._at(check_indices(indices, len(self))))

    def _at(self, indices: np.ndarray) -> dict[str, object]:
        return {"images": self.images[indices], "labels": self.labels[indices]}


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

    def __post_init__(self):
        super().__post_init__()
        count, slots = len(self.images), self.object_classes.shape[1:]
        shapes = {"boxes": (count, *slots, 4), "masks": self.images.shape[:3]}
        for name in ("object_classes", "object_colours", "object_textures"):
            shapes[name] = (count, *slots)
        for name, shape in shapes.items():
            if len(slots) != 1 or getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} must have shape {shape} beside {count} images, got {getattr(self, name).shape}"
                )
        if len(self.captions) != count:
            raise ValueError(
                f"there must be one caption for each of {count} images, got {len(self.captions)}"
            )

    def _at(self, indices: np.ndarray) -> dict[str, object]:
        arrays = ("object_classes", "object_colours", "object_textures", "boxes", "masks")
        captions = {"captions": tuple(self.captions[i] for i in indices)}
        return super()._at(indices) | {name: getattr(self, name)[indices] for name in arrays} | captions
