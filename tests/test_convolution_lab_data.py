"""What the lab on convolution loads: the pictures byte by byte, and kernels of three rows."""

import base64
import json

import numpy as np

from utils.labs import convolution


def test_the_script_holds_the_pictures_and_the_kernels():
    (name, text), *others = convolution.make().items()
    data = json.loads(text.split("=", 2)[2].rstrip(";\n"))
    assert name == "data-convolution.js" and others == [] and len(text) < 150_000
    assert data["kernels"] == convolution.KERNELS
    for picture, packed in zip(convolution.pictures().values(), data["pictures"].values(), strict=True):
        assert picture.shape == (packed["size"], packed["size"]) and np.ptp(picture) > 50
        assert base64.b64decode(packed["pixels"]) == picture.tobytes()


def test_kernels_keep_or_remove_brightness():
    sums = {name: np.sum(kernel) for name, kernel in convolution.KERNELS.items()}
    assert {name for name, total in sums.items() if total == 1} == {"identity", "blur", "sharpen"}
    assert {name for name, total in sums.items() if total == 0} == {"upright", "level", "laplacian"}
    np.testing.assert_array_equal(np.transpose(convolution.KERNELS["upright"]), convolution.KERNELS["level"])
