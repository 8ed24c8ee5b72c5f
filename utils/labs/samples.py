"""Pictures for the labs: drawn scenes, and real photographs that come with installed libraries."""

import numpy as np

from utils import data
from utils.data.dataset import ImageDataset
from utils.data.folder import in_colour, middle_square

SIDE = 32
_PHOTOGRAPHS = {"cat": "chelsea", "rocket": "rocket", "coffee": "coffee", "astronaut": "astronaut"}
_FROM_SCIKIT_LEARN = {"temple": "china.jpg", "flower": "flower.jpg"}


def photographs() -> dict[str, np.ndarray]:
    """Return the middle of six photographs by name, each uint8 (32, 32, 3), made small as the course does it.

    Source: scikit-image (public domain or CC0), and scikit-learn (CC BY 2.0, by danielbuechele and vultilion on Flickr).
    """
    from PIL import Image
    from skimage import data as from_scikit_image
    from sklearn import datasets

    large = {name: getattr(from_scikit_image, function)() for name, function in _PHOTOGRAPHS.items()}
    large |= {name: datasets.load_sample_image(file) for name, file in _FROM_SCIKIT_LEARN.items()}
    return {
        name: np.asarray(middle_square(in_colour(Image.fromarray(pixels)), SIDE))
        for name, pixels in large.items()
    }


def first_scenes(per_class: int = 1) -> ImageDataset:
    """Return the first validation scenes of each class, uint8 (B, 32, 32, 3): whatever they show, none is chosen."""
    scenes = data.load("scenes", "validation", seed=0)
    found = [np.flatnonzero(scenes.labels == label)[:per_class] for label in range(len(scenes.class_names))]
    return scenes.subset(np.concatenate(found))
