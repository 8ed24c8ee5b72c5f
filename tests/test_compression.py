"""Each way to make a network cheaper, against PyTorch's own functions and sums by hand."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune

from utils import compression
from utils.data import load
from utils.long_training import train_recipe
from utils.recipes import RECIPES
from utils.torch_training import to_tensor, train
from utils.whitened_cnn import WhitenedCnn

RECIPE = RECIPES["cnn_sooner"].changed(
    epochs=1, batch_size=50, options={"kernel_size": 4, "stride": 2, "kernels": 8, "widths": (12, 16)}
)
SCENES = load("scenes", "train", count=200, seed=0)
IMAGES = to_tensor(SCENES.images)


def random_weights(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def trained():
    return train_recipe(RECIPE, SCENES, seed=0)[0].eval()


def test_folded_norms_give_the_same_answers(trained):
    folded = compression.fold_norms(trained.network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        expected = trained.network(IMAGES[:30])
        torch.testing.assert_close(folded(IMAGES[:30]), expected, rtol=1e-4, atol=1e-5)
    assert any(isinstance(module, nn.BatchNorm2d) for module in trained.modules())
    turned = copy.deepcopy(trained.network)
    with torch.no_grad():
        turned.groups[0].norms[0].weight[2] = -1
    with pytest.raises(ValueError, match="cannot move before the pooling"):
        compression.fold_norms(turned)


@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize("per_channel", [False, True])
def test_rounding_is_that_of_pytorch(bits, per_channel):
    weights = random_weights(6, 4, 3, 3) * torch.logspace(-2, 2, 6).view(-1, 1, 1, 1)
    integers, step = compression.quantise(weights, bits, per_channel)
    top = 2 ** (bits - 1) - 1
    zero = torch.zeros(6, dtype=torch.int32)
    if per_channel:
        theirs = torch.fake_quantize_per_channel_affine(weights, step.flatten(), zero, 0, -top, top)
    else:
        theirs = torch.fake_quantize_per_tensor_affine(weights, step.item(), 0, -top, top)
    torch.testing.assert_close(integers * step, theirs, rtol=1e-6, atol=0)
    assert integers.dtype == torch.int8 and integers.abs().max() == top
    assert ((weights - integers * step).abs() <= step / 2 * (1 + 1e-5)).all()


def test_a_step_for_each_channel_loses_less_where_channels_differ():
    weights = random_weights(6, 4, 3, 3) * torch.logspace(-2, 2, 6).view(-1, 1, 1, 1)
    errors = []
    for per_channel in (False, True):
        integers, step = compression.quantise(weights, per_channel=per_channel)
        errors.append((weights - integers * step).flatten(1).norm(dim=1) / weights.flatten(1).norm(dim=1))
    assert errors[0][0] == 1, "the smallest channel is rounded to nothing"
    assert errors[1].max() < 0.01


def test_zeros_and_wrong_numbers_of_bits():
    for per_channel in (False, True):
        integers, step = compression.quantise(torch.zeros(2, 3), per_channel=per_channel)
        assert not integers.any() and torch.isfinite(step).all()
    for bits in (1, 9, 2.5):
        with pytest.raises(ValueError, match="bits must be a whole number, from 2 to 8"):
            compression.quantise(torch.ones(2), bits)


def test_a_network_of_few_bits_has_few_different_weights(trained):
    before = copy.deepcopy(trained.state_dict())
    coarse = compression.with_fewer_bits(trained, 3, per_channel=False)
    for layer in compression.layers_with_weights(coarse):
        assert len(layer.weight.unique()) <= 7
    fine = compression.with_fewer_bits(trained, 8, per_channel=True)
    with torch.no_grad():
        torch.testing.assert_close(fine(IMAGES[:20]), trained(IMAGES[:20]), rtol=0, atol=0.05)
    for name, value in trained.state_dict().items():
        assert torch.equal(value, before[name]), "the model itself has changed"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_pruning_is_that_of_pytorch(share):
    weights = random_weights(5, 7, 3, 3)
    theirs = prune.L1Unstructured(share).compute_mask(weights, torch.ones_like(weights))
    stays = compression.prune_smallest(weights, share)
    assert torch.equal(stays, theirs.bool())
    assert (~stays).sum() == round(share * weights.numel())
    with pytest.raises(ValueError, match="share must lie in"):
        compression.prune_smallest(weights, 1.5)


def test_pruned_weights_stay_zero_while_the_others_learn(trained):
    pruned = compression.prune_network(trained, 0.8)
    hidden = [layer.weight for layer in compression.layers_with_weights(pruned) if layer.weight.requires_grad]
    before = [weight.detach().clone() for weight in hidden]
    labels = torch.from_numpy(SCENES.labels)
    generator = torch.Generator().manual_seed(0)
    train(pruned, (IMAGES, labels), epochs=1, learning_rate=1e-2, generator=generator)
    for weight, old in zip(hidden, before, strict=True):
        assert torch.equal(weight == 0, old == 0)
        assert (weight == 0).float().mean() == pytest.approx(0.8, abs=0.01)
        assert not torch.equal(weight, old)
    assert torch.equal(pruned.network.whiten.weight, trained.network.whiten.weight)
    assert len(hidden) == 5


def test_bytes_of_a_sparse_tensor():
    weights = torch.tensor([[0.0, 1, 0, 0, 2], [0, 0, 0, 0, 3]])
    assert compression.sparse_bytes(weights) == 2 + 4 * 3  # ten bits, three numbers
    assert compression.sparse_bytes(weights, 1) == 2 + 3
    with pytest.raises(ValueError, match="bytes_per_number"):
        compression.sparse_bytes(weights, 0)


def test_channels_that_nobody_reads_can_go(trained):
    """Let the next layer ignore some channels: without them the answers are the same."""
    network = copy.deepcopy(trained.network)
    widths, convs = (5, 6, 7, 9), [conv for group in network.groups for conv in group.convs]
    readers = [*convs[1:], network.head]
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for conv, reader, width in zip(convs, readers, widths, strict=True):
            ignored = torch.randperm(conv.out_channels, generator=generator)[width:]
            reader.weight[:, ignored] = 0
    thin = compression.keep_loudest(network, widths)
    with torch.no_grad():
        torch.testing.assert_close(thin(IMAGES[:10]), network(IMAGES[:10]), rtol=1e-4, atol=1e-5)
    fresh = WhitenedCnn(kernel_size=4, stride=2, kernels=8, widths=(6, 6))
    even = compression.keep_loudest(network, (6, 6, 6, 6))
    fresh.load_state_dict(even.state_dict())
    assert [conv.in_channels for group in even.groups for conv in group.convs] == [16, 6, 6, 6]
    assert "Conv2d(6, 6" in repr(even) and even.head.in_features == 6


def test_all_channels_kept_is_the_same_network_and_the_copy_can_be_trained(trained):
    same = compression.keep_loudest(trained.network, (12, 12, 16, 16))
    with torch.no_grad():
        torch.testing.assert_close(same(IMAGES[:5]), trained.network(IMAGES[:5]))
    thin = compression.keep_loudest(trained.network, (4, 4, 4, 4))
    labels = torch.from_numpy(SCENES.labels)
    losses = train(
        thin, (IMAGES, labels), epochs=3, learning_rate=5e-3, generator=torch.Generator().manual_seed(0)
    )
    assert losses[-1] < losses[0]
    for widths in ((4, 4, 4), (4, 4, 4, 17), (0, 4, 4, 4)):
        with pytest.raises(ValueError, match="a number of channels for each convolution, at most"):
            compression.keep_loudest(trained.network, widths)


def test_the_loss_of_a_student_is_that_of_pytorch():
    ours, theirs = random_weights(8, 5), random_weights(8, 5, seed=1)
    targets = functional.one_hot(torch.arange(8) % 5, 5).float()
    for temperature, share in ((1.0, 1.0), (4.0, 0.7), (2.0, 0.0)):
        soft = functional.kl_div(
            (ours / temperature).log_softmax(1), (theirs / temperature).softmax(1), reduction="batchmean"
        )
        hard = functional.cross_entropy(ours, targets.argmax(1))
        expected = share * temperature**2 * soft + (1 - share) * hard
        found = compression.distillation_loss(ours, theirs, targets, temperature, share)
        torch.testing.assert_close(found, expected)
    assert compression.distillation_loss(ours, ours, targets, share=1).abs() < 1e-6


def test_gradients_keep_their_size_when_the_temperature_is_high():
    """For large T the gradient is that of half the squared distance of the centred logits, over Y (section 2.1)."""
    ours, theirs = random_weights(8, 5).double().requires_grad_(), random_weights(8, 5, seed=1).double()
    targets = torch.zeros(8, 5)
    compression.distillation_loss(ours, theirs, targets, temperature=1e4, share=1.0).backward()
    difference = ours.detach() - theirs
    expected = (difference - difference.mean(dim=1, keepdim=True)) / 5 / 8
    torch.testing.assert_close(ours.grad, expected, rtol=1e-3, atol=1e-6)


def test_a_student_learns_from_its_teacher_and_the_teacher_does_not_change(trained):
    before = copy.deepcopy(trained.state_dict())
    small = RECIPE.changed(options=RECIPE.options | {"widths": (4, 6)}, epochs=3)
    loss = compression.taught_by(trained.train(), temperature=2.0, share=1.0)
    student, _ = train_recipe(small, SCENES, seed=1, loss=loss)
    fresh, _ = train_recipe(small.changed(epochs=0.01), SCENES, seed=1)

    def distance(model):
        with torch.no_grad():
            logits = [network.eval()(IMAGES) for network in (model, trained)]
            return compression.distillation_loss(*logits, torch.zeros(200, 10), share=1.0)

    assert distance(student) < distance(fresh)
    for name, value in trained.state_dict().items():
        assert torch.equal(value, before[name])
    assert not trained.training
    with pytest.raises(ValueError, match="share must lie in"):
        compression.taught_by(nn.Identity(), share=2)


def test_numpy_would_give_the_same_integers():
    weights = random_weights(4, 9)
    integers, step = compression.quantise(weights, 8, per_channel=True)
    largest = np.abs(weights.numpy()).max(axis=1, keepdims=True)
    np.testing.assert_allclose(step, largest / 127, rtol=1e-6)
    np.testing.assert_array_equal(integers, np.round(weights.numpy() / step.numpy()))
