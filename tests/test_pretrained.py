"""Pretrained models by folder and by name, on tiny ones with random weights that the test makes; no network."""

import json
import shutil
import string
import time
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch
import transformers
from transformers import (
    BitImageProcessorPil,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTokenizer,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from utils import pretrained
from utils.pretrained import BackboneUnavailableError, load_backbone

SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 48}


def save_vit(folder):
    config = ViTConfig(**SMALL, image_size=16, patch_size=4, num_labels=5)
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)


def save_dinov2(folder):
    sizes = {key: value for key, value in SMALL.items() if key != "intermediate_size"}
    Dinov2Model(Dinov2Config(**sizes, mlp_ratio=2, image_size=28, patch_size=7)).save_pretrained(folder)
    BitImageProcessorPil(
        size={"shortest_edge": 24}, crop_size={"height": 21, "width": 21}, do_center_crop=True
    ).save_pretrained(folder)


def save_clip(folder):
    words = ["<|startoftext|>", "<|endoftext|>"]
    words += [letter + end for end in ("", "</w>") for letter in string.ascii_lowercase + ".,"]
    CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[]).save_pretrained(folder)
    text = SMALL | {"vocab_size": len(words), "max_position_embeddings": 40}
    text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = CLIPConfig(
        text_config=text, vision_config=SMALL | {"image_size": 16, "patch_size": 8}, projection_dim=20
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(
        folder
    )


SAVE = {"vit": save_vit, "dinov2": save_dinov2, "clip": save_clip}
TOKENS = {"vit": 1 + 16, "dinov2": 1 + 9, "clip": 1 + 4}
WIDTH = {"vit": 24, "dinov2": 24, "clip": 20}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    torch.manual_seed(0)
    made = {kind: tmp_path_factory.mktemp(kind) for kind in SAVE}
    for kind, folder in made.items():
        SAVE[kind](folder)
    return made


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Leave no way to a hub, and an empty cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", SAVE)
def test_features_are_those_of_transformers_by_hand(folders, images, kind):
    backbone = load_backbone(folders[kind])
    features = pretrained.image_features(backbone, images, batch_size=2)
    assert features.shape == (5, WIDTH[kind]) and features.dtype == np.float32
    assert backbone.kind == kind and not backbone.model.training
    by_hand = {"vit": by_hand_vit, "dinov2": by_hand_dinov2, "clip": by_hand_clip}[kind]
    with torch.no_grad():
        np.testing.assert_allclose(features, by_hand(folders[kind], images), rtol=0, atol=2e-6)


def by_hand_vit(folder, images):
    """Resize with bilinear interpolation to 16 × 16, [0, 255] to [-1, 1]; the class token is what the classifier reads."""
    model = ViTForImageClassification.from_pretrained(folder).eval()
    seen = []
    model.classifier.register_forward_hook(lambda module, given, got: seen.append(given[0]))
    model(resized(images, 16, 2) / 127.5 - 1)
    return seen[0].numpy()


def by_hand_dinov2(folder, images):
    """Resize bicubically to 24 × 24, cut the middle 21 × 21, standardise with ImageNet's colours."""
    small = resized(images, 24, 3)[:, :, 1:22, 1:22] / 255
    mean = torch.tensor(transformers.image_utils.OPENAI_CLIP_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(transformers.image_utils.OPENAI_CLIP_STD).view(1, 3, 1, 1)
    return Dinov2Model.from_pretrained(folder).eval()((small - mean) / std).pooler_output.numpy()


def by_hand_clip(folder, images):
    """Run the picture side of CLIP up to the projection."""
    mean = torch.tensor(transformers.image_utils.OPENAI_CLIP_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(transformers.image_utils.OPENAI_CLIP_STD).view(1, 3, 1, 1)
    model = CLIPModel.from_pretrained(folder).eval()
    pooled = model.vision_model((resized(images, 16, 3) / 255 - mean) / std).pooler_output
    return (pooled @ model.visual_projection.weight.T).numpy()


def resized(images, side, resample):
    from PIL import Image

    small = [np.asarray(Image.fromarray(image).resize((side, side), resample)) for image in images]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("kind", SAVE)
def test_attention_maps_sum_to_one_and_the_model_stays_as_it_was(folders, images, kind):
    backbone = load_backbone(folders[kind])
    before = pretrained.image_features(backbone, images)
    maps = pretrained.attention_maps(backbone, images)
    assert maps.shape == (2, 5, 3, TOKENS[kind], TOKENS[kind])
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    assert np.ptp(maps, axis=-1).max() > 1e-4, "all tokens look alike: no attention was read"
    np.testing.assert_array_equal(pretrained.image_features(backbone, images), before)


def test_a_clip_compares_pictures_and_texts_as_transformers_does(folders, images):
    backbone = load_backbone(folders["clip"])
    texts = ["a red circle", "a photo of a cat."]
    with torch.no_grad():
        tokens = backbone.tokenizer(texts, padding=True, return_tensors="pt")
        expected = backbone.model(
            input_ids=tokens.input_ids,
            attention_mask=tokens.attention_mask,
            pixel_values=pretrained.prepare(backbone, images),
        ).logits_per_image.softmax(dim=-1)
        scale = float(backbone.model.logit_scale.exp())
    answers = pretrained.zero_shot(
        pretrained.image_features(backbone, images), pretrained.text_features(backbone, texts), scale
    )
    np.testing.assert_allclose(answers, expected.numpy(), atol=1e-5)


def test_texts_need_a_clip_and_a_list(folders):
    with pytest.raises(ValueError, match="is a vit, which reads no texts"):
        pretrained.text_features(load_backbone(folders["vit"]), ["a cat"])
    clip = load_backbone(folders["clip"])
    for wrong in ("a cat", []):
        with pytest.raises(ValueError, match="a list of at least one text"):
            pretrained.text_features(clip, wrong)


@pytest.mark.parametrize("shape", [(2, 32, 32, 1), (0, 32, 32, 3)])
def test_images_of_another_shape_get_a_sentence(folders, shape):
    with pytest.raises(ValueError, match="three channels"):
        pretrained.image_features(load_backbone(folders["vit"]), np.zeros(shape, np.uint8))


def test_a_missing_name_says_what_was_tried_and_what_to_do(offline):
    start = time.perf_counter()
    with pytest.raises(BackboneUnavailableError) as caught:
        load_backbone("facebook/dinov2-small")
    assert time.perf_counter() - start < 5
    message = str(caught.value)
    assert "no folder 'facebook/dinov2-small'" in message and "not in the cache" in message
    assert "hf download facebook/dinov2-small --local-dir FOLDER" in message and "\n" not in message


@pytest.mark.parametrize("name", ["dinov2-small", "./models/mine", "/no/where", "~/nothing/here", "a/b/c"])
def test_a_missing_folder_is_no_question_for_the_hub(offline, name):
    with pytest.raises(BackboneUnavailableError, match="there is no folder"):
        load_backbone(name)


def test_a_name_that_no_repository_can_have(offline):
    with pytest.raises(BackboneUnavailableError, match="cannot be the name of a repository"):
        load_backbone("so what/is this?")


def test_a_model_in_the_cache_is_found_by_name(offline, folders, images):
    cache = Path(huggingface_hub.constants.HF_HUB_CACHE) / "models--tiny--vit"
    shutil.copytree(folders["vit"], cache / "snapshots" / ("0" * 40))
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0" * 40)
    by_name = pretrained.image_features(load_backbone("tiny/vit"), images)
    by_folder = pretrained.image_features(load_backbone(folders["vit"]), images)
    np.testing.assert_array_equal(by_name, by_folder)


@pytest.fixture
def copy(folders, tmp_path):
    return shutil.copytree(folders["vit"], tmp_path / "copy")


def test_a_pickle_is_refused_and_never_opened(copy):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(BackboneUnavailableError, match=r"only pytorch_model\.bin, a pickle"):
        load_backbone(copy)
    (copy / "pytorch_model.bin").unlink()
    with pytest.raises(BackboneUnavailableError, match="no model.safetensors, no weights"):
        load_backbone(copy)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_folder_with_half_a_model(copy, name):
    (copy / name).unlink()
    with pytest.raises(BackboneUnavailableError, match=f"has no {name}"):
        load_backbone(copy)


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_other_kinds_and_foreign_code_are_refused(copy):
    change(copy / "config.json", model_type="resnet")
    with pytest.raises(BackboneUnavailableError, match="of the kind 'resnet'.*choose one of the kinds vit"):
        load_backbone(copy)
    change(
        copy / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config", "AutoModel": "mine.M"}
    )
    (copy / "mine.py").write_text("raise SystemExit('foreign code ran')")
    with pytest.raises(BackboneUnavailableError, match="does not understand"):
        load_backbone(copy)


def test_damaged_and_missing_weights_are_noticed(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    lost = "vit.encoder.layer.1.output.dense.weight"
    save_file({name: w for name, w in weights.items() if name != lost}, copy / "model.safetensors")
    with pytest.raises(BackboneUnavailableError, match="no weights for 1 parts.*random ones"):
        load_backbone(copy)
    (copy / "model.safetensors").write_bytes(b"nothing of use")
    with pytest.raises(BackboneUnavailableError, match="cannot be read"):
        load_backbone(copy)


def test_loading_is_quiet_and_leaves_the_settings_of_transformers(folders, capfd):
    level = transformers.utils.logging.get_verbosity()
    load_backbone(folders["vit"])
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.get_verbosity() == level
    assert transformers.utils.logging.is_progress_bar_enabled()


def test_neighbours_and_zero_shot_by_hand():
    gallery = np.array([[1.0, 0.0], [0.0, 5.0], [-1.0, 0.0], [3.0, 3.0]])
    np.testing.assert_array_equal(pretrained.nearest(np.array([[0.1, 0.0]]), gallery, 4), [[0, 3, 1, 2]])
    answers = pretrained.zero_shot(np.array([[2.0, 0.0]]), gallery[:2], scale=np.log(3))
    np.testing.assert_allclose(answers, [[0.75, 0.25]])
    np.testing.assert_allclose(pretrained.zero_shot(gallery, gallery, 1e4).argmax(axis=1), np.arange(4))
    with pytest.raises(ValueError, match="a vector of zeros"):
        pretrained.unit_length(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="count must be a whole number, from 1 to 4"):
        pretrained.nearest(gallery, gallery, 5)
