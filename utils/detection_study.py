"""A classifier and a detector of one backbone, for `6_faq/recognition_or_detection`: trained, asked, and compared."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.data import SceneSettings, make_scenes
from utils.data.dataset import SceneDataset
from utils.detection import CELL, BoxHead, box_loss, build_backbone, centre_targets, decode
from utils.metrics import box_iou, mean_average_precision
from utils.torch_training import first_weights, to_tensor, train

SETTINGS = SceneSettings(
    size=(0.16, 0.30),
    shift=1.0,
    rotation=20,
    clutter=0.3,
    lighting=0.3,
    occlusion=0.0,
    noise=0.2,
    max_objects=3,
)
"""The scenes of `2_concepts/recognition_tasks`: one to three objects."""
SPLITS = ("train", "validation", "test")
THRESHOLDS = np.linspace(0.05, 0.95, 19)


class MapClassifier(nn.Module):
    """Classify by the smooth maximum of a map: images (B, 3, H, W) to two kinds of logits, (B, Y) each.

    `one` is for the class of the object in front, `present` says of each class whether it can be seen.

    Source: M. Oquab and others, Is Object Localization for Free?, 2015, with the maximum made smooth.
    """

    def __init__(self, num_classes: int = 10, embed_dim: int = 32):
        super().__init__()
        self.backbone = build_backbone(embed_dim, padding_mode="circular")
        self.one = nn.Conv2d(embed_dim, num_classes, 1)
        self.present = nn.Conv2d(embed_dim, num_classes, 1)

    def forward(self, images):
        features = self.backbone(images)  # (B, D, G, G)
        cells = features.shape[2] * features.shape[3]
        maps = (head(features).flatten(2) for head in (self.one, self.present))
        return tuple(m.logsumexp(dim=2) - math.log(cells) for m in maps)  # (B, Y) each

    def class_maps(self, images):
        """Return the presence logits of each cell, (B, Y, G, G); their smooth maximum over the cells is the logit."""
        return self.present(self.backbone(images))


def build_detector(num_classes: int = 10, embed_dim: int = 32) -> nn.Sequential:
    """Put a box head on the classifier's kind of backbone."""
    return nn.Sequential(build_backbone(embed_dim, padding_mode="circular"), BoxHead(num_classes, embed_dim))


def scenes(seed: int, split: str, count: int) -> SceneDataset:
    """Return scenes of one to three objects; the splits have streams of their own."""
    return make_scenes(count, np.random.default_rng([seed, SPLITS.index(split)]), 32, SETTINGS)


def presence(dataset: SceneDataset) -> np.ndarray:
    """Return which classes can be seen in each scene: float32 (B, Y) of 0 and 1."""
    classes = np.arange(len(dataset.class_names))
    return (dataset.object_classes[:, :, None] == classes).any(axis=1).astype(np.float32)


def _class_loss(model, images, labels, present):
    one, several = model(images)
    return functional.cross_entropy(one, labels) + 5 * functional.binary_cross_entropy_with_logits(
        several, present
    )


def _trained(build, dataset, targets, loss, epochs, seed):
    with first_weights(seed):
        model = build()
    train(
        model,
        (to_tensor(dataset.images), *map(torch.from_numpy, targets)),
        epochs=epochs,
        learning_rate=0.01,
        generator=torch.Generator().manual_seed(seed),
        loss=loss,
        batch_size=32,
    )
    return model.eval()


def train_classifier(dataset: SceneDataset, epochs: int, seed: int) -> MapClassifier:
    """Train on the class of the object in front and on which classes are there; no place is ever told."""
    return _trained(MapClassifier, dataset, (dataset.labels, presence(dataset)), _class_loss, epochs, seed)


def train_detector(dataset: SceneDataset, epochs: int, seed: int) -> nn.Sequential:
    """Train on boxes and classes."""
    return _trained(build_detector, dataset, centre_targets(dataset), box_loss, epochs, seed)


@torch.no_grad()
def detect(model: nn.Module, images: np.ndarray) -> list:
    """Return boxes (O, 4), classes (O,) and scores (O,) for each of the uint8 images (B, H, W, 3)."""
    return decode(*(out.numpy() for out in model(to_tensor(images))))


@torch.no_grad()
def classify(model: MapClassifier, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the probabilities of the one class and of each presence, (B, Y) each, and the class maps, (B, Y, G, G)."""
    tensor = to_tensor(images)
    one, present = model(tensor)
    return one.softmax(dim=1).numpy(), present.sigmoid().numpy(), model.class_maps(tensor).numpy()


def best_place(maps: np.ndarray) -> np.ndarray:
    """Return x and y, in pixels, of the middle of the strongest cell of each map (B, G, G): (B, 2)."""
    row, column = np.unravel_index(maps.reshape(len(maps), -1).argmax(axis=1), maps.shape[1:])
    return CELL * (np.stack([column, row], axis=1) + 0.5)


def inside(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Say for each point (B, 2) whether it lies in its box (B, 4)."""
    return ((boxes[:, :2] <= points) & (points < boxes[:, 2:])).all(axis=1)


def kinds_of(dataset: SceneDataset) -> dict[str, np.ndarray]:
    """Return which scenes show one object, two of different classes, two of one class, three objects: bool (B,) each."""
    seen = dataset.object_classes >= 0
    number = seen.sum(axis=1)
    classes = presence(dataset).sum(axis=1)
    return {
        "one object": number == 1,
        "two classes": (number == 2) & (classes == 2),
        "two of one class": (number == 2) & (classes == 1),
        "three objects": number == 3,
    }


def truth_of(dataset: SceneDataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return boxes (O, 4) and classes (O,) of what can be seen in each scene."""
    return [
        (boxes[y >= 0], y[y >= 0]) for boxes, y in zip(dataset.boxes, dataset.object_classes, strict=True)
    ]


def count_above(scores: list[np.ndarray], threshold: float) -> np.ndarray:
    """Return how many scores of each scene are at least the threshold, (B,)."""
    return np.array([int((s >= threshold).sum()) for s in scores])


def counting_threshold(scores: list[np.ndarray], numbers: np.ndarray) -> float:
    """Return the threshold at which most scenes are counted right, on validation scenes."""
    right = [(count_above(scores, t) == numbers).mean() for t in THRESHOLDS]
    return float(THRESHOLDS[int(np.argmax(right))])


def compare(
    classifier: MapClassifier, detector: nn.Module, validation: SceneDataset, test: SceneDataset
) -> dict:
    """Judge both on test scenes: which, how many, where. Thresholds are chosen on validation scenes."""
    numbers = {d: (s.object_classes >= 0).sum(axis=1) for d, s in (("v", validation), ("t", test))}
    found = {"v": detect(detector, validation.images), "t": detect(detector, test.images)}
    said = {"v": classify(classifier, validation.images), "t": classify(classifier, test.images)}
    scores = {
        "classifier": {d: list(said[d][1]) for d in "vt"},
        "detector": {d: [s for _, _, s in found[d]] for d in "vt"},
    }
    one, _, maps = said["t"]
    kinds = kinds_of(test)
    rows = np.arange(len(test))
    single = kinds["one object"]
    points = best_place(maps[rows, test.labels])
    top = [(b[:1], y[:1]) for b, y, _ in found["t"]]
    hit = np.array(
        [
            y[0] == w and box_iou(t[None], b)[0, 0] >= 0.5
            for (b, y), w, t in zip(top, test.labels, test.boxes[:, 0], strict=True)
        ]
    )
    result = {
        "map50": mean_average_precision(truth_of(test), found["t"], len(test.class_names), [0.5]),
        "one_right": float((one.argmax(axis=1) == test.labels)[single].mean()),
        "top_probability": {k: float(one.max(axis=1)[rows_of].mean()) for k, rows_of in kinds.items()},
        "pointed": float(inside(points, test.boxes[:, 0])[single].mean()),
        "boxed": float(hit[single].mean()),
        "counted": {},
    }
    for who, by_split in scores.items():
        threshold = counting_threshold(by_split["v"], numbers["v"])
        right = count_above(by_split["t"], threshold) == numbers["t"]
        result["counted"][who] = {k: float(right[rows_of].mean()) for k, rows_of in kinds.items()}
    return result


def moved_round(scene: SceneDataset, right: int, down: int) -> SceneDataset:
    """Move one scene with one object round the margins; its object must stay in one piece.

    Parameters
    ----------
    scene : SceneDataset of one image
    right, down : int
        Pixels.
    """
    step = np.array([right, down, right, down], np.float32)
    boxes = np.where(scene.object_classes[..., None] >= 0, scene.boxes + step, 0).astype(np.float32)
    size = scene.images.shape[1]
    if boxes.min() < 0 or boxes.max() > size:
        raise ValueError(
            f"moved by ({right}, {down}), an object leaves the picture of {size} pixels: {boxes.tolist()}"
        )
    return replace(
        scene,
        images=np.roll(scene.images, (down, right), axis=(1, 2)),
        masks=np.roll(scene.masks, (down, right), axis=(1, 2)),
        boxes=boxes,
    )
