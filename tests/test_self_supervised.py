"""Masked autoencoder, SimCLR and probes: against loops by hand, and by what they must not depend on."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from utils import self_supervised
from utils.data.scene_shapes import BACKGROUNDS, COLOURS, TEXTURES
from utils.torch_training import to_tensor


@pytest.fixture(scope="module")
def scenes():
    return self_supervised.load_scenes("train", 40, 0)


@pytest.fixture(scope="module")
def images(scenes):
    return to_tensor(scenes.images)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(3)


def test_patches_are_the_embedding_s_and_go_back(images):
    patches = self_supervised.patchify(images, 4)
    assert patches.shape == (40, 36, 48)
    np.testing.assert_array_equal(
        patches[5, 8].view(3, 4, 4), images[5, :, 4:8, 8:12]
    )  # row 1, column 2 of 6 × 6
    torch.testing.assert_close(self_supervised.unpatchify(patches, 24, 4), images, rtol=0, atol=0)
    proj = self_supervised.new_encoder(0).patch_embed.proj
    by_hand = patches @ proj.weight.flatten(1).T + proj.bias
    torch.testing.assert_close(self_supervised.new_encoder(0).patch_embed(images), by_hand)


def test_masks_hide_all_but_the_seen(generator):
    seen, hidden = self_supervised.random_mask(500, 36, 12, generator)
    assert seen.shape == (500, 12) and hidden.shape == (500, 36) and hidden.dtype == torch.bool
    for row, mask in zip(seen, hidden, strict=True):
        assert set(row.tolist()) == set(torch.where(~mask)[0].tolist()) and len(set(row.tolist())) == 12
    shares = hidden.float().mean(dim=0)  # each patch is hidden equally often
    assert (shares - 2 / 3).abs().max() < 5 * (2 / 9 / 500) ** 0.5
    for wrong in (0, 36):
        with pytest.raises(ValueError, match="1 to 35 can be visible"):
            self_supervised.random_mask(2, 36, wrong, generator)


def test_pick_takes_tokens_of_each_image():
    tokens = torch.arange(24.0).view(2, 4, 3)
    picked = self_supervised.pick(tokens, torch.tensor([[2, 0], [1, 3]]))
    torch.testing.assert_close(picked, torch.stack([tokens[0, [2, 0]], tokens[1, [1, 3]]]))


@pytest.fixture(scope="module")
def painter():
    torch.manual_seed(0)
    model = self_supervised.MaskedAutoencoder(self_supervised.new_encoder(0)).eval()
    torch.nn.init.normal_(model.paint.weight, std=0.1)  # as if it had learned something
    return model


def test_at_first_it_paints_the_mean_of_what_is_seen(images, generator):
    seen, _ = self_supervised.random_mask(len(images), 36, 12, generator)
    painted = self_supervised.MaskedAutoencoder(self_supervised.new_encoder(0))(images, seen)
    for image, row, numbers in zip(images, painted, seen, strict=True):
        mean = torch.zeros(3, 4, 4)
        for number in numbers.tolist():
            top, left = 4 * (number // 6), 4 * (number % 6)
            mean += image[:, top : top + 4, left : left + 4] / 12
        torch.testing.assert_close(row, mean.flatten().expand(36, -1))


def test_what_is_hidden_does_not_reach_the_encoder(painter, images, generator):
    seen, hidden = self_supervised.random_mask(len(images), 36, 12, generator)
    painted = painter(images, seen)
    assert painted.shape == (40, 36, 48)
    patches = self_supervised.patchify(images, 4)
    noise = torch.rand(patches.shape, generator=generator)
    other = self_supervised.unpatchify(torch.where(hidden[:, :, None], noise, patches), 24, 4)
    torch.testing.assert_close(painter(other, seen), painted)
    other = self_supervised.unpatchify(torch.where(hidden[:, :, None], patches, noise), 24, 4)
    assert not torch.allclose(painter(other, seen), painted)


def test_it_sees_where_the_visible_patches_lie(painter, images, generator):
    seen, _ = self_supervised.random_mask(len(images), 36, 12, generator)
    patches = self_supervised.patchify(images, 4)
    places = seen[:, :, None].expand(-1, -1, 48)
    turned = patches.scatter(1, places, self_supervised.pick(patches, seen.roll(1, dims=1)))
    other = painter(
        self_supervised.unpatchify(turned, 24, 4), seen
    )  # the same patches elsewhere: the same mean
    assert (other - painter(images, seen)).abs().amax(dim=(1, 2)).min() > 1e-3


def test_the_order_of_the_visible_patches_does_not_matter(painter, images, generator):
    seen, _ = self_supervised.random_mask(len(images), 36, 12, generator)
    torch.testing.assert_close(painter(images, seen.flip(1)), painter(images, seen), rtol=1e-4, atol=1e-5)


def test_the_decoder_knows_places(painter, images, generator):
    seen, hidden = self_supervised.random_mask(1, 36, 12, generator)
    painted = painter(images[:1], seen)[0, hidden[0]]
    assert (painted - painted[0]).abs()[1:].amax(dim=1).min() > 0


def test_the_loss_is_over_hidden_patches_alone(generator):
    painted, patches = torch.rand(2, 3, 5, 48, generator=generator).unbind()
    hidden = torch.rand(3, 5, generator=generator) < 0.5
    total, count = 0.0, 0
    for i in range(3):
        for j in range(5):
            if hidden[i, j]:
                total += (painted[i, j] - patches[i, j]).square().sum().item()
                count += 48
    loss = self_supervised.masked_loss(painted, patches, hidden)
    assert loss.item() == pytest.approx(total / count, rel=1e-5)
    other = torch.where(hidden[:, :, None], painted, torch.rand(painted.shape, generator=generator))
    torch.testing.assert_close(self_supervised.masked_loss(other, patches, hidden), loss)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_nt_xent_is_the_double_loop(generator, temperature):
    one, other = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64).unbind()
    z = np.concatenate([one.numpy(), other.numpy()])
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(10):
        partner = (i + 5) % 10
        total = sum(math.exp(z[i] @ z[k] / temperature) for k in range(10) if k != i)
        losses.append(-math.log(math.exp(z[i] @ z[partner] / temperature) / total))
    assert self_supervised.nt_xent(one, other, temperature).item() == pytest.approx(
        np.mean(losses), rel=1e-12
    )
    torch.testing.assert_close(  # lengths do not matter, nor which view is the first
        self_supervised.nt_xent(3 * other, one / 2, temperature),
        self_supervised.nt_xent(one, other, temperature),
    )


def test_nt_xent_at_its_ends():
    same = torch.ones(4, 3)
    assert self_supervised.nt_xent(same, same).item() == pytest.approx(math.log(7), rel=1e-5)
    apart = torch.eye(4)
    assert self_supervised.nt_xent(apart, apart, 0.01).item() < 1e-6
    for wrong in ((same, same[:3], 0.1), (same, same, 0.0)):
        with pytest.raises(ValueError, match="two views of the same shape and a temperature above 0"):
            self_supervised.nt_xent(*wrong)


def test_moves_keep_the_pixels_of_the_middle(images, generator):
    moved = self_supervised.move(images, generator)
    assert moved.shape == images.shape
    still = self_supervised.move(images, generator, shift=0)
    for one, other in zip(still, images, strict=True):
        assert torch.equal(one, other) or torch.equal(one, other.flip(2))
    assert any(torch.equal(one, other.flip(2)) for one, other in zip(still, images, strict=True))


def test_hues_turn_and_grey_stays_grey(generator):
    grey = torch.full((300, 3, 2, 2), 0.5)
    changed = self_supervised.change_colour(grey, generator)
    torch.testing.assert_close(changed, changed[:, :1, :1, :1].expand_as(changed))
    assert 0.29 < changed.min() < 0.35 and 0.65 < changed.max() <= 0.7001
    red = torch.tensor([0.7, 0.3, 0.3]).view(1, 3, 1, 1).expand(300, 3, 2, 2)
    turned = self_supervised.change_colour(red, generator)
    assert torch.equal(turned[:, :, 0, 0], turned[:, :, 1, 1])  # one angle for a whole image
    assert set(turned[:, :, 0, 0].argmax(dim=1).tolist()) == {0, 1, 2}
    colour = turned[:, :, 0, 0]
    apart = (colour - colour.mean(dim=1, keepdim=True)).norm(dim=1) / colour.mean(dim=1)
    start = red[0, :, 0, 0]
    expected = (start - start.mean()).norm() / start.mean()  # saturation stays, but for what is cut at 1
    assert ((apart - expected).abs() < 1e-4).float().mean() > 0.9


def test_truths_are_those_of_the_captions(scenes):
    found = self_supervised.truths(scenes)
    assert set(found) == {"shape", "colour", "texture", "ground", "place", "size", "light"}
    for i, caption in enumerate(scenes.captions):
        words = (
            TEXTURES[found["texture"][i]],
            list(COLOURS)[found["colour"][i]],
            scenes.class_names[found["shape"][i]],
        )
        assert f"{' '.join(words)} on {list(BACKGROUNDS)[found['ground'][i]]} ground" in caption
    assert found["place"].shape == (40, 2) and (found["size"] > 6).all() and (found["size"] < 24).all()
    with pytest.raises(ValueError, match="choose one of"):
        self_supervised.load_scenes("all", 3, 0)


def test_parts_have_no_scene_in_common():
    parts = {part: self_supervised.load_scenes(part, 20, 0) for part in self_supervised.PARTS}
    self_supervised_images = np.concatenate([part.images for part in parts.values()])
    assert len(np.unique(self_supervised_images, axis=0)) == 80
    again = self_supervised.load_scenes("test", 10, 0)
    np.testing.assert_array_equal(again.images, parts["test"].images[:10])


@pytest.mark.parametrize("pretrain", [self_supervised.pretrain_masked, self_supervised.pretrain_contrastive])
def test_pretraining_repeats_and_starts_alike(pretrain, images):
    settings = {"epochs": 30, "batch_size": 20}
    one, losses = pretrain(images, 4, **settings)
    other, again = pretrain(images, 4, **settings)
    assert losses == again
    assert np.mean(losses[-10:]) < np.mean(losses[:10])  # a single pass of two small crowds is noise
    start = self_supervised.new_encoder(4)
    moved = {
        name for name, p in one.encoder.named_parameters() if not torch.equal(p, start.get_parameter(name))
    }
    assert moved == {name for name, _ in start.named_parameters() if not name.startswith("head.")}
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


def test_labelled_training_starts_from_a_copy(images, scenes):
    start = self_supervised.new_encoder(0)
    before = copy.deepcopy(start.state_dict())
    labels = torch.from_numpy(scenes.labels)
    model = self_supervised.train_labelled(start, images, labels, seed=0, learning_rate=1e-3, steps=60)
    assert all(torch.equal(before[name], value) for name, value in start.state_dict().items())
    losses = [functional.cross_entropy(m(images), labels).item() for m in (start, model)]
    assert losses[1] < losses[0] - 0.2


def test_probes_find_what_is_linear():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 6)) * [1, 10, 100, 1, 1, 1] + 5
    classes = features[:, :3].argmax(axis=1)
    numbers = features @ rng.normal(size=(6, 2)) + 0.1 * rng.normal(size=(400, 2))
    assert (
        self_supervised.linear_probe(features[:300], classes[:300]).score(features[300:], classes[300:]) > 0.8
    )
    assert (
        self_supervised.linear_probe(features[:300], numbers[:300]).score(features[300:], numbers[300:])
        > 0.99
    )
    noise = rng.normal(size=400)
    assert self_supervised.linear_probe(features[:300], noise[:300]).score(features[300:], noise[300:]) < 0.1


def test_neighbours_go_by_direction():
    features = np.array([[1.0, 0.0], [10.0, 1.0], [0.0, 3.0], [-1.0, 0.0]])
    found = self_supervised.nearest(features, np.array([[0.1, 0.0], [0.0, 9.0]]), 3)
    np.testing.assert_array_equal(found, [[0, 1, 2], [2, 1, 0]])
