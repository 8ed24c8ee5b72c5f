"""Moving a pretrained model: what each way may change, what it costs, and the tasks."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from utils import transfer
from utils.data.scene_shapes import TEXTURES
from utils.lora import LoRALinear
from utils.torch_training import count_parameters, train


@pytest.fixture(scope="module")
def pretrained():
    """Return a network whose batch normalisation has seen some images."""
    torch.manual_seed(0)
    model = transfer.prepare("scratch", None, 6)
    images = torch.rand(40, 3, 24, 24)
    train(
        model,
        (images, torch.arange(40) % 6),
        epochs=2,
        learning_rate=1e-2,
        generator=torch.Generator().manual_seed(0),
    )
    return model.eval()


@pytest.fixture
def examples():
    images = torch.rand(30, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(30) % 4


def test_the_two_sets_of_shapes_have_none_in_common():
    assert set(transfer.FIRST_SHAPES).isdisjoint(transfer.NEW_SHAPES)
    scenes = transfer.shape_scenes(13, np.random.default_rng(0))
    assert len(scenes) == 13 and scenes.images.shape == (13, 24, 24, 3)
    whole = transfer.data.make_scenes(30, np.random.default_rng(0), 24)
    rows = np.flatnonzero(whole.labels < 6)[:13]
    np.testing.assert_array_equal(scenes.images, whole.images[rows])
    assert [scenes.class_names[y] for y in scenes.labels] == [
        whole.class_names[y] for y in whole.labels[rows]
    ]


@pytest.mark.parametrize("task, classes", list(zip(transfer.TASKS, (4, 4, 4, 10, 6), strict=True)))
def test_each_task_has_three_splits_of_24_pixels(task, classes):
    parts = {split: transfer.load_task(task, split, 60, 3) for split in ("train", "validation", "test")}
    transfer.data.assert_disjoint(**parts)
    for part in parts.values():
        assert part.images.shape == (60, 24, 24, 3) and set(part.labels) == set(range(classes))
        assert len(part.class_names) == classes
    again = transfer.load_task(task, "train", 60, 3)
    np.testing.assert_array_equal(again.images, parts["train"].images)
    shorter = transfer.load_task("negatives", "train", 20, 3).images
    np.testing.assert_array_equal(shorter, transfer.load_task("negatives", "train", 60, 3).images[:20])


def test_negatives_and_textures_are_what_they_say():
    new, negative = (transfer.load_task(name, "test", 12) for name in ("new shapes", "negatives"))
    np.testing.assert_array_equal(new.images.astype(int) + negative.images, 255)
    np.testing.assert_array_equal(new.labels, negative.labels)
    assert transfer.load_task("textures", "test", 12).class_names == TEXTURES
    for task, split in (("cats", "train"), ("digits", "all")):
        with pytest.raises(ValueError, match="choose one of"):
            transfer.load_task(task, split)


def test_folding_batch_norm_changes_no_answer_and_leaves_nothing_to_measure(pretrained, examples):
    folded = transfer.fold_batch_norm(pretrained)
    torch.testing.assert_close(folded(examples[0]), pretrained(examples[0]), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in pretrained.modules())


@pytest.mark.parametrize("way", transfer.WAYS)
def test_each_way_changes_what_it_may_and_nothing_else(way, pretrained, examples):
    before = copy.deepcopy(pretrained.state_dict())
    torch.manual_seed(1)
    model = transfer.prepare(way, pretrained, 4)
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    transfer.fine_tune(model, examples, 1e-2, torch.Generator().manual_seed(0), steps=4)
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, start[name])}
    head = {"head.weight", "head.bias"}
    if way == "probe":
        assert changed == head
    elif way == "lora":
        assert changed == head | {name for name in start if "lora" in name}
    else:
        assert changed == set(start)
    if way in ("probe", "lora"):
        assert not buffers
    assert all(torch.equal(before[name], value) for name, value in pretrained.state_dict().items())
    assert model(examples[0]).shape == (30, 4) and not model.training


def test_lora_can_take_the_stem_along(pretrained):
    model = transfer.prepare("lora", pretrained, 4, stem=True)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    stem = {f"patch_embed.{name}" for name, _ in pretrained.patch_embed.named_parameters()}
    lora = {name for name, _ in model.named_parameters() if "lora" in name}
    assert trained == stem | lora | {"head.weight", "head.bias"} and len(lora) == 16
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_the_probe_gives_the_same_on_features_as_through_the_network(pretrained, examples):
    torch.manual_seed(1)
    quick = transfer.prepare("probe", pretrained, 4)
    slow = copy.deepcopy(quick)
    transfer.fine_tune(quick, examples, 1e-2, torch.Generator().manual_seed(0), steps=20)
    train(
        slow,
        examples,
        epochs=10,
        learning_rate=1e-2,
        batch_size=25,
        generator=torch.Generator().manual_seed(0),
    )
    torch.testing.assert_close(quick.head.weight, slow.head.weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("way", transfer.WAYS)
def test_the_bytes_are_those_of_the_tensors(way, pretrained, examples):
    model = transfer.prepare(way, pretrained, 4)
    optimiser = torch.optim.AdamW(model.parameters())
    nn.functional.cross_entropy(model(examples[0]), examples[1]).backward()
    optimiser.step()
    counted = transfer.training_bytes(model)
    assert counted["weights"] == sum(p.nbytes for p in model.parameters())
    assert counted["gradients"] == sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
    means = [state[key] for state in optimiser.state.values() for key in ("exp_avg", "exp_avg_sq")]
    assert counted["optimiser"] == sum(mean.nbytes for mean in means)
    assert counted["gradients"] == 4 * count_parameters(model)


def test_changes_their_rank_and_what_is_left_of_them(pretrained):
    torch.manual_seed(2)
    full = transfer.prepare("full", pretrained, 4)
    with torch.no_grad():
        for p in full.blocks.parameters():
            p.add_(0.1 * torch.randn_like(p))
    moved = transfer.changes(pretrained, full)
    assert len(moved) == 4 * len(full.blocks)
    torch.testing.assert_close(
        moved["0.attn.qkv"], full.blocks[0].attn.qkv.weight - pretrained.blocks[0].attn.qkv.weight
    )
    shares = [transfer.share_of_rank(moved, rank) for rank in (0, 1, 8, 64)]
    assert shares[0] == 0 < shares[1] < shares[2] < shares[3] == pytest.approx(1)
    images = torch.rand(3, 3, 24, 24)
    whole = transfer.with_changes_of_rank(pretrained, full, None)
    torch.testing.assert_close(whole(images), full(images), rtol=1e-4, atol=1e-5)
    cut = transfer.changes(pretrained, transfer.with_changes_of_rank(pretrained, full, 3))
    assert {int(torch.linalg.matrix_rank(m, rtol=1e-3)) for m in cut.values()} == {3}


def test_a_diagonal_matrix_shows_its_share():
    assert transfer.share_of_rank({"a": torch.diag(torch.tensor([3.0, 1.0]))}, 1) == pytest.approx(0.9)


def test_the_changes_of_lora_have_its_rank(pretrained):
    model = transfer.prepare("lora", pretrained, 4, rank=2, alpha=6.0)
    for layer in model.modules():
        if isinstance(layer, LoRALinear):
            nn.init.normal_(layer.lora_B)
    moved = transfer.changes(transfer.fold_batch_norm(pretrained), model)
    assert len(moved) == 8 and transfer.share_of_rank(moved, 2) == pytest.approx(1, abs=1e-5)
    layer = model.blocks[1].mlp.fc2
    torch.testing.assert_close(moved["1.mlp.fc2"], 3.0 * layer.lora_B.detach() @ layer.lora_A.detach())


def test_an_unknown_way_gets_a_sentence(pretrained):
    with pytest.raises(ValueError, match="unknown way 'prompt': choose one of 'probe', 'lora'"):
        transfer.prepare("prompt", pretrained, 4)
