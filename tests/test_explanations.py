"""The maps against captum, finite differences, and the axioms that they are named for."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Saliency
from torch import nn

from utils import explanations
from utils.explanation_study import (
    CNN,
    VIT,
    fill_colour,
    last_maps,
    network_maps,
    shuffled_from_the_top,
    stages,
)
from utils.recipes import build_model
from utils.torch_training import first_weights, to_tensor

EXACT = {"rtol": 0, "atol": 1e-12}


def random_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)


@pytest.fixture(scope="module", params=[CNN, VIT], ids=["cnn", "vit"])
def model(request):
    """A network in double precision with first weights, and statistics that are not those of a fresh one."""
    with first_weights(3):
        model = build_model(request.param, to_tensor(random_images(64, seed=1)))
        model.train()(to_tensor(random_images(64, seed=2)))
    return model.double().eval()


@pytest.fixture(scope="module")
def images():
    return to_tensor(random_images(3)).double()


@pytest.fixture(scope="module")
def labels():
    return torch.tensor([4, 0, 9])


def test_input_gradients_are_captums_and_finite_differences(model, images, labels):
    ours = explanations.input_gradients(model, images, labels)
    theirs = Saliency(model).attribute(images.clone().requires_grad_(), target=labels, abs=False)
    np.testing.assert_allclose(ours, theirs, **EXACT)
    step = torch.zeros_like(images)
    step[1, 2, 11, 20] = 1e-6
    with torch.no_grad():
        rise = (model(images + step) - model(images - step))[1, labels[1]] / 2e-6
    np.testing.assert_allclose(ours[1, 2, 11, 20], rise, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("steps", [2, 8])
def test_integrated_gradients_are_captums(model, images, labels, steps):
    """Captum keeps its points in single precision, where eighths are exact."""
    baseline = torch.full((1, 3, 1, 1), 0.3, dtype=torch.float64)
    ours = explanations.integrated_gradients(model, images, labels, baseline, steps)
    theirs = IntegratedGradients(model).attribute(
        images, baseline.expand_as(images), target=labels, n_steps=steps, method="riemann_middle"
    )
    np.testing.assert_allclose(ours, theirs, **EXACT)


def test_completeness_the_attributions_sum_to_the_difference_of_the_logits(model, images, labels):
    baseline = torch.full((1, 3, 1, 1), 0.4, dtype=torch.float64)
    with torch.no_grad():
        rise = (model(images) - model(baseline.expand_as(images))).gather(1, labels[:, None])[:, 0]
    gaps = []
    for steps in (16, 512):
        parts = explanations.integrated_gradients(model, images, labels, baseline, steps)
        gaps.append((parts.sum(dim=(1, 2, 3)) - rise).abs().max().item())
    assert gaps[1] < 2e-3 * rise.abs().max() and gaps[1] < gaps[0]


def test_completeness_is_exact_for_a_linear_model_and_dead_pixels_get_nothing():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(12, 5)).double()
    with torch.no_grad():
        linear[1].weight[:, 7] = 0
    images = torch.randn(2, 3, 2, 2, dtype=torch.float64)
    parts = explanations.integrated_gradients(linear, images, torch.tensor([1, 4]), torch.zeros(1), 1)
    logits = linear(images).gather(1, torch.tensor([[1], [4]])) - linear[1].bias[[1, 4], None]
    np.testing.assert_allclose(parts.sum(dim=(1, 2, 3)), logits[:, 0].detach(), **EXACT)
    assert (parts.flatten(1)[:, 7] == 0).all()


def test_grad_cam_is_captums(images, labels):
    with first_weights(3):
        cnn = build_model(CNN, images.float()).double().eval()
    layer = last_maps(cnn)
    ours = explanations.grad_cam(cnn, layer, images, labels)
    theirs = LayerGradCam(cnn, layer).attribute(images, target=labels, relu_attributions=True)
    assert ours.shape == (3, 8, 8)
    np.testing.assert_allclose(ours, theirs[:, 0].detach(), **EXACT)


def test_grad_cam_of_the_last_tokens_is_each_tokens_vote(images, labels):
    with first_weights(3):
        vit = build_model(VIT, images.float()).double().eval()
    with torch.no_grad():
        tokens = vit.network.forward_features(vit.standardise(images))  # (B, N, D)
        votes = (tokens * vit.network.head.weight[labels][:, None]).sum(dim=2) / tokens.shape[1]
    ours = explanations.grad_cam(vit, last_maps(vit), images, labels)
    np.testing.assert_allclose(ours.flatten(1), votes.relu(), **EXACT)


def test_grad_cam_leaves_no_hook_behind(model, images, labels):
    layer = last_maps(model)
    explanations.grad_cam(model, layer, images, labels)
    assert not layer._forward_hooks
    with pytest.raises(RuntimeError):
        explanations.grad_cam(model, layer, images[:, :1, :5], labels)
    assert not layer._forward_hooks


def random_attention(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double().softmax(dim=-1)


def test_rollout_rows_sum_to_one():
    layers = [random_attention(2, 3, 6, 6, seed=k) for k in range(4)]
    rollout = explanations.attention_rollout(layers)
    assert rollout.shape == (2, 6, 6) and (rollout >= 0).all()
    np.testing.assert_allclose(rollout.sum(dim=2), 1, **EXACT)


def test_rollout_follows_the_ways_of_two_layers_by_hand():
    first, second = (random_attention(1, 1, 3, 3, seed=k) for k in range(2))
    expected = np.zeros((3, 3))
    for end in range(3):
        for middle in range(3):
            for start in range(3):
                upper = (second[0, 0, end, middle] + (end == middle)) / 2
                lower = (first[0, 0, middle, start] + (middle == start)) / 2
                expected[end, start] += upper * lower
    np.testing.assert_allclose(explanations.attention_rollout([first, second])[0], expected, **EXACT)


def test_rollout_is_a_mean_over_heads_and_stays_put_where_attention_does():
    one, other = random_attention(1, 1, 4, 4), random_attention(1, 1, 4, 4, seed=1)
    together = explanations.attention_rollout([torch.cat([one, other], dim=1)])
    np.testing.assert_allclose(together, explanations.attention_rollout([(one + other) / 2]), **EXACT)
    still = torch.eye(4).double()[None, None]
    np.testing.assert_allclose(explanations.attention_rollout([still, still])[0], torch.eye(4), **EXACT)


def test_attention_weights_are_those_inside_the_network(images):
    with first_weights(3):
        network = build_model(VIT, images.float()).network.double().eval()
    tokens = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(0)).double()
    heard = []
    for block in network.blocks:
        block.attn.register_forward_hook(
            lambda module, inputs, output: heard.append(module.weights(*inputs).detach())
        )
    layers = explanations.attention_weights(network.blocks, tokens)
    assert len(layers) == 3 and layers[0].shape == (2, 4, 64, 64)
    for ours, theirs in zip(layers, heard, strict=True):
        np.testing.assert_allclose(ours, theirs, **EXACT)


def test_tokens_go_back_to_their_places():
    tokens = torch.arange(12.0).view(1, 4, 3)
    np.testing.assert_array_equal(explanations.tokens_to_maps(tokens)[0, 1], [[1, 4], [7, 10]])


def test_enlarged_maps_keep_their_middle_and_their_mean():
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    large = explanations.enlarge_maps(maps, 32)
    assert large.shape == (2, 32, 32)
    np.testing.assert_allclose(large, explanations.enlarge_maps(maps.flip(1, 2), 32)[:, ::-1, ::-1])
    np.testing.assert_allclose(explanations.enlarge_maps(torch.full((1, 3, 3), 2.0), 12), 2)


def test_the_blob_is_highest_in_the_middle_and_the_same_for_all():
    blob = explanations.centre_blob(2, 5)
    assert blob[0, 2, 2] == blob.max() == 1 and (blob[0] == blob[1]).all()
    np.testing.assert_allclose(blob[0], blob[0].T)
    np.testing.assert_allclose(blob[0], blob[0, ::-1])


def test_edges_are_the_slope_of_the_brightness():
    image = np.zeros((1, 4, 6, 3), np.uint8)
    image[..., 0] = 9 * np.arange(6)  # grey rises by 3 a column
    np.testing.assert_allclose(explanations.edges(image), 3)
    np.testing.assert_allclose(explanations.edges(image.transpose(0, 2, 1, 3)), 3)


def test_an_unusual_colour_is_far_from_the_usual_one():
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[0, 0, 1] = (10, 20, 5)
    np.testing.assert_allclose(
        explanations.unusual_colour(image, np.array([10, 15, 5])), [[[30, 5], [30, 30]]]
    )


def test_a_network_shuffled_from_the_top_keeps_its_rollout_as_long_as_its_blocks(model):
    images, model = random_images(2, seed=5), copy.deepcopy(model).float()
    alike, last = shuffled_from_the_top(model, images, np.array([1, 2]), seed=0, steps=1)
    assert set(alike) == set(last)
    for name, found in alike.items():
        assert len(found) == 1 + len(stages(model)) and found[0] == 1
        assert found[-1] < 0.95, name
    if "attention rollout" in alike:
        np.testing.assert_allclose(alike["attention rollout"][1], 1)


def test_shuffled_parts_keep_their_numbers_and_others_their_places(model):
    (first, parts), *_ = stages(model).items()
    broken = explanations.shuffle_weights(model, parts, torch.Generator().manual_seed(0))
    assert first == "head"
    moved = 0
    for name, before in model.state_dict().items():
        after = broken.state_dict()[name]
        if name.startswith(parts):
            moved += (after != before).sum()
            np.testing.assert_array_equal(after.flatten().sort()[0], before.flatten().sort()[0])
        else:
            np.testing.assert_array_equal(after, before)
    assert moved > 500


def test_the_stages_name_every_number_of_the_network_once(model):
    names = [part for parts in stages(model).values() for part in parts]
    for name in model.state_dict():
        owners = [part for part in names if name == part or name.startswith(part + ".")]
        assert len(owners) == (0 if name.startswith("standardise.") else 1), name


def test_a_deleted_half_and_the_area_under_it():
    image, fill = np.full((2, 4, 1), 200, np.uint8), np.array([0.0])
    heat = np.arange(8.0).reshape(2, 4)
    images, shares = explanations.replaced_in_order(image, np.zeros_like(image), heat, 2)
    np.testing.assert_array_equal(images[1, ..., 0], [[200] * 4, [0] * 4])
    np.testing.assert_allclose(shares, [0, 0.5, 1])
    assert (images[0] == 200).all() and (images[2] == 0).all()

    def needs_the_last_pixel(images):
        return images[:, 1, 3, 0] / 200

    found = explanations.deletion_and_insertion(needs_the_last_pixel, image, fill, heat, steps=8)
    np.testing.assert_allclose(found, (1 / 16, 15 / 16))
    found = explanations.deletion_and_insertion(needs_the_last_pixel, image, fill, -heat, steps=8)
    np.testing.assert_allclose(found, (15 / 16, 1 / 16))


def test_all_maps_of_a_network(model):
    images = random_images(2, seed=5)
    maps = network_maps(copy.deepcopy(model).float(), images, np.array([1, 2]), steps=2)
    assert len(maps) == 4 + ("attention rollout" in maps)
    assert all(heat.shape == (2, 32, 32) and np.isfinite(heat).all() for heat in maps.values())
    assert fill_colour(model).shape == (3,)


@pytest.mark.parametrize(
    "images, labels",
    [
        (torch.zeros(3, 32, 32), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 3, 32, 32), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 3, 32, 32), torch.zeros(2)),
    ],
)
def test_wrong_images_or_labels_get_a_sentence(images, labels):
    for method in (
        lambda: explanations.input_gradients(nn.Identity(), images, labels),
        lambda: explanations.integrated_gradients(nn.Identity(), images, labels, torch.zeros(1)),
        lambda: explanations.grad_cam(nn.Identity(), nn.Identity(), images, labels),
    ):
        with pytest.raises(ValueError, match=r"give images \(B, C, H, W\) and one int64 label for each"):
            method()


def test_other_wrong_input_gets_a_sentence(model):
    with pytest.raises(ValueError, match="at least one"):
        explanations.attention_rollout([])
    with pytest.raises(ValueError, match="65 tokens do not fill a square"):
        explanations.tokens_to_maps(torch.zeros(1, 65, 4))
    with pytest.raises(ValueError, match="no part 'network.tail'"):
        explanations.shuffle_weights(model, ["network.tail"], torch.Generator())
    with pytest.raises(ValueError, match=r"one number a pixel, \(4, 4\), got \(2, 2\)"):
        explanations.deletion_and_insertion(
            None, np.zeros((4, 4, 3), np.uint8), np.zeros(3), np.zeros((2, 2))
        )
