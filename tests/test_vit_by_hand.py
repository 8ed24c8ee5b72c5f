"""The Vision Transformer computed from its file against `transformers`, and the reader of files against safetensors."""

import numpy as np
import pytest
import safetensors.numpy
import torch
from transformers import ViTConfig, ViTForImageClassification

from utils import vit_by_hand
from utils.pretrained import find_folder

SIZES = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 60}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Make a tiny model whose every number matters: no bias 0, no gain 1."""
    torch.manual_seed(0)
    made = ViTForImageClassification(ViTConfig(**SIZES, image_size=12, patch_size=3)).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("vit")
    made.save_pretrained(folder)
    return made, vit_by_hand.read_safetensors(folder / "model.safetensors")


def test_every_block_equals_that_of_transformers(model):
    made, arrays = model
    pixels = torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        theirs = made.vit(pixels, output_hidden_states=True).hidden_states
    ours = vit_by_hand.encode_by_hand(arrays, pixels.permute(0, 2, 3, 1).numpy(), depth=3, num_heads=4)
    assert len(ours) == len(theirs) == 4
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other.numpy(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_files_are_read_as_safetensors_reads_them(tmp_path, dtype):
    rng = np.random.default_rng(0)
    arrays = {"a.weight": (9 * rng.normal(size=(3, 4, 2))).astype(dtype), "b": np.array(7, dtype)}
    safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors", metadata={"format": "pt"})
    read = vit_by_hand.read_safetensors(tmp_path / "x.safetensors")
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == dtype and read[name].shape == array.shape


def test_other_files_and_types_get_a_sentence(tmp_path):
    for content in (
        b"",
        b"abc",
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x02" + 7 * b"\0" + b"[]",
    ):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(ValueError, match="is no safetensors file"):
            vit_by_hand.read_safetensors(tmp_path / "x")
    safetensors.numpy.save_file({"a": np.zeros(3, np.uint8)}, tmp_path / "y")
    with pytest.raises(ValueError, match="has the type U8; NumPy reads F16"):
        vit_by_hand.read_safetensors(tmp_path / "y")


def test_the_courses_own_model_is_small_and_whole():
    folder = find_folder("results/checkpoints/small_vit")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
    names = {"README.md", "config.json", "model.safetensors", "preprocessor_config.json"}
    assert {path.name for path in folder.iterdir()} == names
