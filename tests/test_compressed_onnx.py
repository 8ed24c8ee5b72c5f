"""Files with fewer bytes answer nearly alike, hold what they promise, and our integers are those of ONNX Runtime."""

import logging

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from utils import compressed_onnx, export
from utils.compression import fold_norms, layers_with_weights, quantise
from utils.data import load
from utils.long_training import train_recipe
from utils.recipes import RECIPES
from utils.torch_models import VisionTransformer

RECIPE = RECIPES["cnn_sooner"].changed(epochs=2, batch_size=50)
SCENES = load("scenes", "train", count=400, seed=0)


def kinds_of_nodes(path):
    """Return how many nodes of each kind the graph of an ONNX file has."""
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def exported(network, folder, standardise=None):
    mean, std = ([0.5] * 3, [0.3] * 3) if standardise is None else (standardise.mean, standardise.std)
    classifier = export.PictureClassifier(
        network, torch.as_tensor(mean).flatten().tolist(), torch.as_tensor(std).flatten().tolist()
    )
    return export.export_onnx(
        classifier, folder / "model.onnx", image_size=32, class_names=SCENES.class_names
    )


@pytest.fixture(scope="module")
def cnn():
    return train_recipe(RECIPE, SCENES, seed=0)[0].eval()


@pytest.fixture(scope="module")
def files(cnn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compressed")
    path = exported(fold_norms(cnn.network), folder, cnn.standardise)
    return compressed_onnx.compress(path, folder, SCENES.images)


def floats_and_integers(path):
    arrays = [numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer]
    return {
        kind: sum(a.size for a in arrays if a.dtype == kind) for kind in (np.float32, np.float16, np.int8)
    }


def test_each_kind_answers_nearly_as_the_first_and_is_smaller(files):
    logits = {kind: export.run_onnx(path, SCENES.images) for kind, path in files.items()}
    spread = np.ptp(logits["float32"])
    bytes_of = {kind: path.stat().st_size for kind, path in files.items()}
    assert set(files) == set(compressed_onnx.KINDS) and spread > 1
    for kind, tolerance in (("float16 stored", 0.005), ("int8 dynamic", 0.15), ("int8 static", 0.2)):
        assert np.abs(logits[kind] - logits["float32"]).max() < tolerance * spread, kind
        assert (logits[kind] != logits["float32"]).any(), f"{kind}: nothing was rounded"
    assert bytes_of["float16 stored"] < 0.6 * bytes_of["float32"]
    assert bytes_of["int8 dynamic"] < 0.4 * bytes_of["float32"]
    assert bytes_of["int8 static"] < 0.4 * bytes_of["float32"]


def test_what_is_inside(files):
    weights = floats_and_integers(files["float32"])[np.float32]
    half = floats_and_integers(files["float16 stored"])
    assert half[np.float32] == 0 and half[np.float16] == weights
    assert kinds_of_nodes(files["int8 dynamic"])["ConvInteger"] == 4
    static = kinds_of_nodes(files["int8 static"])
    assert static["Conv"] == 4 and static["QuantizeLinear"] >= 4
    for kind in ("int8 dynamic", "int8 static"):
        assert floats_and_integers(files[kind])[np.int8] > 0.95 * weights


@pytest.mark.parametrize("kind, per_channel", [("int8 dynamic", False), ("int8 static", True)])
def test_our_integers_are_those_of_the_file(cnn, files, kind, per_channel):
    stored = [numpy_helper.to_array(tensor) for tensor in onnx.load(files[kind]).graph.initializer]
    stored = {array.shape: array for array in stored if array.dtype == np.int8}
    for layer in layers_with_weights(fold_norms(cnn.network)):
        if isinstance(layer, torch.nn.Conv2d):
            integers, _ = quantise(layer.weight.detach(), per_channel=per_channel)
            apart = np.abs(integers.numpy() - stored[tuple(integers.shape)].astype(int))
            assert apart.max() <= 1 and (apart > 0).mean() < 0.001


def test_a_vision_transformer_can_be_compressed(tmp_path):
    torch.manual_seed(0)
    network = VisionTransformer(embed_dim=16, depth=1, num_heads=2).eval()
    paths = compressed_onnx.compress(exported(network, tmp_path), tmp_path, SCENES.images[:100])
    logits = {kind: export.run_onnx(path, SCENES.images[:50]) for kind, path in paths.items()}
    spread = np.ptp(logits["float32"])  # of random weights, which nobody has trained to bear rounding
    for kind, tolerance in zip(compressed_onnx.KINDS[1:], (0.01, 0.35, 0.35), strict=True):
        assert np.abs(logits[kind] - logits["float32"]).max() < tolerance * spread, kind


def test_what_float16_cannot_hold_is_refused(tmp_path):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    with torch.no_grad():
        network[1].bias[3] = 1e5
    path = exported(network, tmp_path)
    with pytest.raises(ValueError, match="float16 ends at 65,504, and .* has a number of 100000"):
        compressed_onnx.store_as_half(path, tmp_path / "half.onnx")


def test_nothing_is_said_and_logging_stays_as_it_was(files, tmp_path, capfd):
    level = logging.getLogger().level
    compressed_onnx.compress(files["float32"], tmp_path, SCENES.images[:50])
    found = capfd.readouterr()
    assert found.out == "" and found.err == ""
    assert logging.getLogger().level == level
    with pytest.raises(ValueError, match="images must be uint8"):
        compressed_onnx.quantise_static(files["float32"], tmp_path / "s.onnx", SCENES.images / 255)
