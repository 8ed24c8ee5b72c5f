"""What the lab on attention loads: the pictures, the answers, and weights that are right to a stated error."""

import base64
import json

import numpy as np
import pytest
import skimage.data
import torch
import yaml

from utils.data import cifar10, scenes
from utils.explanations import attention_rollout
from utils.labs import attention
from utils.runs import ROOT
from utils.torch_training import predict, to_tensor
from utils.trained import load_trained

MOST = 150_000  # bytes of one script
HALF_A_STEP = 1 / 510  # of the largest weight of a row


@pytest.fixture(scope="module")
def made():
    return attention.make()


@pytest.fixture(scope="module")
def words():
    return yaml.safe_load((ROOT / "book/labs.yml").read_text("utf-8"))["labs"]["attention"]["words"]


def data_of(script):
    return json.loads(script.split("] = ", 1)[1].rstrip(";\n"))


def unpacked(text, dtype, shape):
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


def test_each_script_is_small_and_the_first_lists_the_others(made):
    samples = data_of(made["data-attention.js"])
    names = [f"data-attention-{sample['name']}.js" for sample in samples]
    assert list(made) == ["data-attention.js", *names]
    assert max(len(text) for text in made.values()) <= MOST


def test_names_are_in_the_order_of_the_data(made, words):
    samples = data_of(made["data-attention.js"])
    assert words["samples"].split("|") == [sample["name"] for sample in samples]
    assert words["shapes"].split("|") == list(scenes.CLASS_NAMES)
    assert words["things"].split("|") == list(cifar10.CLASS_NAMES)


@pytest.mark.parametrize("model", attention.KINDS)
def test_answers_are_those_of_the_model(made, model):
    chosen = [s for s in data_of(made["data-attention.js"]) if s["kind"] == attention.KINDS[model]]
    images = np.stack([unpacked(sample["image"], np.uint8, (32, 32, 3)) for sample in chosen])
    logits = torch.from_numpy(predict(load_trained(model), to_tensor(images)))
    np.testing.assert_allclose(
        [sample["probabilities"] for sample in chosen], logits.softmax(dim=1), rtol=0, atol=1e-5
    )


def test_weights_are_right_to_half_a_step_and_so_is_what_is_computed_from_them(made):
    samples = {sample["name"]: sample for sample in data_of(made["data-attention.js"])}
    for model, pictures in (
        ("vit_scenes", attention.drawn_scenes()),
        ("vit_cifar10", attention.chosen_photographs()),
    ):
        _, weights = attention.answers_and_weights(model, np.stack(list(pictures.values())))
        for name, exact in zip(pictures, weights, strict=True):
            packed = data_of(made[f"data-attention-{name}.js"])
            blocks, heads, count = samples[name]["shape"][:3]
            levels = unpacked(packed["levels"], np.uint8, (blocks, heads, count, count))
            largest = unpacked(packed["largest"], np.float32, (blocks, heads, count, 1))
            rounded = levels / 255 * largest.astype(np.float64)
            assert np.all(np.abs(rounded - exact) <= HALF_A_STEP * exact.max(-1, keepdims=True) + 1e-6)
            rollouts = [
                attention_rollout(torch.from_numpy(w[:, None]).double()) for w in (rounded, exact)
            ]  # L times (1, A, N, N) -> (1, N, N)
            np.testing.assert_allclose(*rollouts, rtol=0, atol=HALF_A_STEP)


def test_quantised_keeps_the_largest_and_what_is_zero():
    levels, largest = attention.quantised(np.array([[[0.5, 0.25, 0.0], [1.0, 0.0, 0.001]]], np.float32))
    np.testing.assert_array_equal(levels, [[[255, 128, 0], [255, 0, 0]]])
    np.testing.assert_array_equal(largest, np.array([[0.5, 1.0]], np.float32))


def test_photographs_are_middle_squares_made_small():
    cat = attention.chosen_photographs()["cat"]
    assert cat.shape == (32, 32, 3) and cat.dtype == np.uint8
    square = skimage.data.chelsea()[:, 75:375]  # of 300 × 451
    np.testing.assert_allclose(cat.mean(axis=(0, 1)), square.mean(axis=(0, 1)), rtol=0, atol=1)
