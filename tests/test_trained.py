"""Trained models as files: what is written is what is read, and a file that is none says so."""

import re

import pytest
import torch
from safetensors.torch import save_file

from utils import runs, trained
from utils.recipes import RECIPES, build_model
from utils.torch_training import count_parameters, first_weights

SMALL = {
    "cnn": RECIPES["cnn_long"].changed(options={"widths": (8, 16)}),
    "vit": RECIPES["vit_short"].changed(options={"embed_dim": 16, "depth": 1, "num_heads": 2}),
}


def model_of(name):
    with first_weights(3):
        model = build_model(SMALL[name], torch.rand(50, 3, 32, 32))
    with torch.no_grad():
        model(torch.rand(8, 3, 32, 32))  # batch norm has seen something
    return model.eval()


@pytest.mark.parametrize("name", SMALL)
def test_a_model_survives_the_file_up_to_half_precision(name, tmp_path):
    model, path = model_of(name), tmp_path / "models" / f"{name}.safetensors"
    trained.save_trained(path, model, SMALL[name])
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    loaded = trained.load_trained(path)
    assert torch.equal(torch.rand(1), expected), "loading draws none of the caller's random numbers"
    assert not loaded.training and list(path.parent.iterdir()) == [path]
    for key, value in model.state_dict().items():
        read = loaded.state_dict()[key]
        assert read.dtype == value.dtype and torch.equal(
            read, value.half().to(value.dtype) if value.is_floating_point() else value
        )
    images = torch.rand(20, 3, 32, 32)
    torch.testing.assert_close(loaded(images), model(images), rtol=0.02, atol=0.02)


def test_a_name_that_is_not_there_says_which_are(monkeypatch, tmp_path):
    monkeypatch.setattr(trained, "CHECKPOINTS", tmp_path)
    with pytest.raises(FileNotFoundError, match="by name there are: none"):
        trained.load_trained("cnn")
    trained.save_trained(tmp_path / "vit.safetensors", model_of("vit"), SMALL["vit"])
    with pytest.raises(FileNotFoundError, match="by name there are: vit"):
        trained.load_trained("cnn")
    assert trained.load_trained("vit")


def test_a_file_that_holds_no_trained_model_says_so(tmp_path):
    path = tmp_path / "some.safetensors"
    trained.save_trained(path, model_of("cnn"), SMALL["cnn"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="some.safetensors holds no trained model of the course"):
        trained.load_trained(path)
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="holds no trained model of the course: 'recipe'"):
        trained.load_trained(path)
    save_file({"weight": torch.ones(2)}, path, metadata={"recipe": "no JSON"})
    with pytest.raises(ValueError, match="some.safetensors holds no trained model of the course"):
        trained.load_trained(path)
    trained.save_trained(path, model_of("cnn"), SMALL["vit"])
    with pytest.raises(ValueError, match="the weights in .* are not those of its recipe 'conv_vit'"):
        trained.load_trained(path)


@pytest.mark.parametrize(
    "path", sorted(trained.CHECKPOINTS.glob("*.safetensors")), ids=lambda path: path.stem
)
def test_a_committed_model_is_small_and_its_card_says_what_was_measured(path):
    assert path.stat().st_size <= 3_000_000
    model = trained.load_trained(path.stem)
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    record = runs.load_result(re.search(r"`results/(\w+)\.json`", card)[1])
    assert path.name in record["command"]
    assert ("one seed" in card.lower()) == (len(record["seeds"]) == 1)
    assert len(record["seeds"]) == 1 or f"{len(record['seeds'])} seeds" in card
    run = record["runs"][-1]
    assert run["parameters"] == count_parameters(model)
    assert f"{run['parameters']:,} parameters" in card
    for accuracy in run["test_accuracy"].values():
        assert f"{100 * accuracy:.2f} %" in card
    for heading in ("Trained on", "How well it does", "Limits", "How to make it again", "Licence"):
        assert f"**{heading}.**" in card
