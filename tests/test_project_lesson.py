"""What the chapter on the reader's own project writes out gives the same as the package's copies."""

import json

import numpy as np
import onnx
import pytest
import torch
from lessons import written_out
from torch import nn

from utils import export, occlusion
from utils.data import folder, splits
from utils.torch_models import Standardise, build_cnn

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "4_code/project",
        np=np,
        nn=nn,
        torch=torch,
        onnx=onnx,
        json=json,
        splits=splits,
        export=export,
        Standardise=Standardise,
    )


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def test_split(lesson, rng):
    sources = rng.integers(0, 50, 300)
    labels, seed = sources % 4, int(rng.integers(1000))
    ours, theirs = (
        split(labels, sources, FRACTIONS, np.random.default_rng(seed))
        for split in (lesson["split_by_source"], folder.split_by_source)
    )
    for name in FRACTIONS:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_occlusion(lesson, rng):
    image = rng.integers(0, 256, (17, 14, 3)).astype(np.uint8)
    weights, fill = rng.normal(size=image.shape), rng.uniform(0, 255, 3)

    def probability_of(images):
        return np.tanh((images * weights).mean(axis=(1, 2, 3)))

    for patch, stride in ((8, 2), (3, 5)):
        ours, theirs = (
            f(probability_of, image, fill, patch, stride)
            for f in (lesson["occlusion_map"], occlusion.occlusion_map)
        )
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_model_and_export(lesson, rng, tmp_path):
    images = rng.integers(0, 256, (5, 18, 18, 3)).astype(np.uint8)
    network = build_cnn(18, 3, 2)
    models = [
        kind(network, [0.3, 0.4, 0.5], [0.2, 0.1, 0.3])
        for kind in (lesson["PictureClassifier"], export.PictureClassifier)
    ]
    for model in models:
        model.temperature.fill_(0.6)
    assert models[0].state_dict().keys() == models[1].state_dict().keys()
    options = {"image_size": 18, "class_names": ("a", "b"), "threshold": 0.5}
    logits = []
    for write, model in zip((lesson["export_onnx"], export.export_onnx), models, strict=True):
        path = write(model, tmp_path / f"{len(logits)}.onnx", **options)
        logits.append(export.run_onnx(path, images))
        assert export.read_card(path) == options | {"class_names": ["a", "b"]}
    np.testing.assert_allclose(logits[0], logits[1], rtol=0, atol=1e-6)
