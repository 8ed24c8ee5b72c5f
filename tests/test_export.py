"""What is exported gives the same answers elsewhere, and says what its answers mean."""

import json
import logging
import warnings

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from utils import export
from utils.torch_models import VisionTransformer, build_cnn

NAMES = ("apple", "бук", "it's a <tree>")
MEAN, STD = [0.2, 0.4, 0.6], [0.1, 0.2, 0.3]


def classifier(network=None, temperature=1.7):
    torch.manual_seed(0)
    model = export.PictureClassifier(network or build_cnn(20, 3, 3), MEAN, STD)
    model.temperature.fill_(temperature)
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    model = classifier()
    return model, export.export_onnx(model, path, image_size=20, class_names=NAMES, threshold=0.75)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 20, 20, 3)).astype(np.uint8)


def test_the_model_takes_bytes_and_does_all_the_rest(images):
    model = classifier()
    by_hand = (images.transpose(0, 3, 1, 2) / 255 - np.reshape(MEAN, (1, 3, 1, 1))) / np.reshape(
        STD, (1, 3, 1, 1)
    )
    with torch.no_grad():
        expected = model.network(torch.from_numpy(by_hand).float()) / 1.7
        np.testing.assert_allclose(model(torch.from_numpy(images)), expected, atol=1e-5)
    assert "temperature" in model.state_dict() and len(list(model.parameters())) == 10


def test_logits_are_equal_for_any_number_of_images(exported, images):
    model, path = exported
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    for count in (0, 1, 2, 7):
        logits = export.run_onnx(path, images[:count])
        assert logits.shape == (count, 3) and logits.dtype == np.float32
        np.testing.assert_allclose(logits, expected[:count], rtol=0, atol=1e-4)
    np.testing.assert_allclose(export.run_onnx(path, images, batch_size=3), expected, rtol=0, atol=1e-4)
    assert np.ptp(expected) > 0.01, "equal for every image would prove nothing"


def test_the_file_does_not_say_in_whose_folders_it_was_made(exported):
    _, path = exported
    assert b"stack_trace" not in path.read_bytes()
    clean, noted = onnx.load(path), onnx.load(path)
    for node in noted.graph.node:
        node.doc_string = "File /home/somebody/network.py"
        onnx.helper.set_model_props(node, {"stack_trace": node.doc_string})
    noted.graph.initializer[0].doc_string = "a note"
    assert noted != clean
    export.drop_notes(noted)
    assert noted == clean
    assert len(clean.metadata_props) == 3, "the card stays"


def test_a_vision_transformer_can_be_exported_too(tmp_path, images):
    network = VisionTransformer(image_size=20, num_classes=3, embed_dim=16, depth=2, num_heads=2)
    model = classifier(network)
    path = export.export_onnx(model, tmp_path / "vit.onnx", image_size=20, class_names=NAMES)
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(export.run_onnx(path, images), expected, rtol=0, atol=1e-4)


def test_the_model_is_exported_as_it_answers_not_as_it_learns(tmp_path, images):
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(1200, 3))
    model = classifier(network).train()
    path = export.export_onnx(model, tmp_path / "m.onnx", image_size=20, class_names=NAMES)
    model.eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(export.run_onnx(path, images), expected, rtol=0, atol=1e-4)


def test_one_file_holds_everything(exported):
    _, path = exported
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert export.read_card(path) == {"class_names": list(NAMES), "image_size": 20, "threshold": 0.75}
    (given,) = onnx.load(path).graph.input
    assert given.name == "images" and given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    shape = [d.dim_value or d.dim_param for d in given.type.tensor_type.shape.dim]
    assert shape == ["batch", 20, 20, 3]
    opset = {entry.domain: entry.version for entry in onnx.load(path).opset_import}
    assert opset[""] == export.OPSET


def test_a_file_without_its_names_or_weights_is_refused(exported, tmp_path):
    _, path = exported
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"image_size": "20"})
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(ValueError, match="does not say class_names, threshold: write it with export_onnx"):
        export.read_card(tmp_path / "bare.onnx")
    onnx.save(
        onnx.load(path),
        tmp_path / "two.onnx",
        save_as_external_data=True,
        location="two.data",
        size_threshold=0,
    )
    with pytest.raises(ValueError, match="in a second file: export with external_data=False"):
        export.read_card(tmp_path / "two.onnx")


def test_wrong_input_is_refused(tmp_path, exported, images):
    for names in (("a", "b"), ("a", "b", "c", "d"), ("a", "a", "b")):
        with pytest.raises(ValueError, match="the model gives 3 logits: give 3 different class names"):
            export.export_onnx(classifier(), tmp_path / "m.onnx", image_size=20, class_names=names)
    for bad, message in (
        ({"threshold": 2}, "threshold must lie in"),
        ({"image_size": 0}, "image_size must be"),
    ):
        options = {"image_size": 20, "class_names": NAMES} | bad
        with pytest.raises(ValueError, match=message):
            export.export_onnx(classifier(), tmp_path / "m.onnx", **options)
    with pytest.raises(ValueError, match="images must be uint8"):
        export.run_onnx(exported[1], images / 255)


def test_the_exporter_says_nothing_and_leaves_logging_as_it_was(tmp_path, capfd):
    level = logging.getLogger("torch.onnx").level
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        with export.quiet_exporter():
            warnings.warn("`isinstance(treespec, LeafSpec)` is deprecated", FutureWarning, stacklevel=1)
            with pytest.raises(FutureWarning, match="another"):
                warnings.warn("another", FutureWarning, stacklevel=1)
    export.export_onnx(classifier(), tmp_path / "m.onnx", image_size=20, class_names=NAMES)
    assert logging.getLogger("torch.onnx").level == level
    assert capfd.readouterr().out == ""


def test_the_card_is_readable_by_other_programs(exported):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported[1]), providers=["CPUExecutionProvider"])
    props = session.get_modelmeta().custom_metadata_map
    assert json.loads(props["class_names"]) == list(NAMES)
