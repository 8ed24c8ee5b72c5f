"""Real images that come with the installed libraries: no download, no waiting."""

import numpy as np

from utils.checks import check_whole
from utils.data.dataset import ImageDataset
from utils.data.splits import check_split, stratified_split

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}
PHOTO_NAMES = {
    "brick": "brick",
    "grass": "grass",
    "gravel": "gravel",
    "moon": "moon",
    "stars": "hubble_deep_field",
    "tissue": "immunohistochemistry",
}
"""Class names, and the functions of `skimage.data` that give the photographs."""
_CROP = 32
_ROWS = {"train": slice(0, 10), "validation": slice(10, 13), "test": slice(13, 16)}


def load_digits(split: str, seed: int = 0) -> ImageDataset:
    """Load a stratified part of 1,797 handwritten digits, uint8 images of shape (B, 8, 8, 1).

    The strokes were scanned at 32 × 32 and counted in blocks of 4 × 4, so a pixel holds 0 … 16; here 0 … 255.
    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, 1998, through scikit-learn.
    """
    from sklearn import datasets

    check_split(split)
    check_whole("seed", seed)
    digits = datasets.load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # (B, 8, 8) -> (B, 8, 8, 1)
    whole = ImageDataset(images, digits.target.astype(np.int64), tuple(str(d) for d in range(10)))
    return whole.subset(stratified_split(whole.labels, FRACTIONS, np.random.default_rng(seed))[split])


def load_photos(split: str) -> ImageDataset:
    """Load grey 32 × 32 crops of six photographed surfaces, uint8 images of shape (B, 32, 32, 1).

    Each photograph is cut into 16 × 16 crops that do not overlap; the upper ten rows are for training, the next
    three for validation, the last three for the test. So a model is tested on places that it has never seen,
    though in photographs that it knows. The crops are grey, because colour alone would give some classes away.
    Source: the images that are installed with scikit-image.
    """
    from skimage import color, data, util

    check_split(split)
    crops, labels = [], []
    for label, function in enumerate(PHOTO_NAMES.values()):
        photo = getattr(data, function)()
        grey = util.img_as_ubyte(color.rgb2gray(photo)) if photo.ndim == 3 else photo
        grid = (
            grey[: 16 * _CROP, : 16 * _CROP].reshape(16, _CROP, 16, _CROP).swapaxes(1, 2)
        )  # (row, column, H, W)
        crops.append(grid[_ROWS[split]].reshape(-1, _CROP, _CROP, 1))
        labels.append(np.full(len(crops[-1]), label, np.int64))
    return ImageDataset(np.concatenate(crops), np.concatenate(labels), tuple(PHOTO_NAMES))
