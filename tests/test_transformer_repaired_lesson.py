"""The Transformer that the lesson repairs equals PyTorch's, forwards and backwards, and its parts do what they say."""

import math

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional

from utils import tokens, torch_models

EXACT = {"rtol": 0, "atol": 1e-12}
SIZES = {"depth": 2, "embed_dim": 12, "num_heads": 4, "hidden_dim": 20}
LAYER = {"embed_dim": 12, "num_heads": 4, "hidden_dim": 20}


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out("4_code/transformer_repaired", math=math, torch=torch, nn=nn, functional=functional)


@pytest.fixture(params=range(3))
def generator(request):
    torch.manual_seed(request.param)
    return torch.Generator().manual_seed(request.param)


@pytest.fixture
def some(generator):
    return torch.randn(3, 7, 12, dtype=torch.float64, generator=generator)


def padding():
    there = torch.tensor([5, 7, 2])[:, None]
    return torch.arange(7) >= there  # (B, N)


def with_gradients(model, inputs, gradient, name_of, **mask):
    inputs = inputs.clone().requires_grad_()
    outputs = model(inputs, **mask)
    outputs.backward(gradient)
    found = {name_of(name): p.grad for name, p in model.named_parameters()}
    return {"outputs": outputs.detach(), "inputs": inputs.grad} | found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_the_encoder_equals_pytorch(lesson, some, generator, norm_first, masked):
    ours, theirs = lesson["twins"](norm_first=norm_first, **SIZES)
    gradient = torch.randn(some.shape, dtype=torch.float64, generator=generator)
    mask = padding() if masked else None
    one = with_gradients(ours, some, gradient, lesson["our_name"], padding=mask)
    other = with_gradients(theirs, some, gradient, lesson["our_name"], src_key_padding_mask=mask)
    assert one.keys() == other.keys() and len(one) == 2 + 12 * 2 + 2 * norm_first
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-11, atol=1e-11, msg=name)


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_layer_alone_equals_pytorch(lesson, some, norm_first):
    theirs = nn.TransformerEncoderLayer(12, 4, 20, 0.0, batch_first=True, norm_first=norm_first).double()
    ours = lesson["EncoderLayer"](**LAYER, norm_first=norm_first).double()
    ours.load_state_dict({lesson["our_name"](name): p for name, p in theirs.state_dict().items()})
    torch.testing.assert_close(ours(some), theirs(some), **EXACT)


def test_attention_equals_the_package(lesson, some):
    theirs = torch_models.Attention(12, 4).double()
    ours = lesson["SelfAttention"](12, 4).double()
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(some), theirs(some), **EXACT)


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropout_sits_where_pytorch_has_it(lesson, some, norm_first):
    ours, theirs = lesson["twins"](norm_first=norm_first, dropout=1.0, **SIZES)
    torch.testing.assert_close(ours(some), theirs(some), **EXACT)
    ours, _ = lesson["twins"](norm_first=norm_first, dropout=0.5, **SIZES)
    assert not torch.equal(ours(some), ours(some))
    assert torch.equal(ours.eval()(some), ours(some))


@pytest.mark.parametrize("part", ["attention.dropout", "dropout"])
def test_each_dropout_acts(lesson, some, part):
    layer = lesson["EncoderLayer"](**LAYER, dropout=0.5, norm_first=True).double()
    layer.eval()
    still = layer(some)
    layer.get_submodule(part).train()
    assert not torch.equal(layer(some), still)


def test_nobody_listens_to_the_filling(lesson, some):
    encoder, _ = lesson["twins"](norm_first=True, **SIZES)
    filled = torch.where(padding()[..., None], torch.full_like(some, 9.0), some)
    there = ~padding()
    one, other = encoder(some, padding()), encoder(filled, padding())
    torch.testing.assert_close(one[there], other[there], **EXACT)


def test_no_sequence_hears_another(lesson, some):
    encoder, _ = lesson["twins"](norm_first=False, **SIZES)
    changed = some.clone()
    changed[1] *= -1
    moved = (encoder(changed) - encoder(some)).abs().amax(dim=(1, 2))
    assert moved[1] > 0.1 and moved[0] < 1e-12 and moved[2] < 1e-12
    mixed = lesson["MixedUp"](encoder)
    assert ((mixed(changed) - mixed(some)).abs().amax(dim=(1, 2)) > 1e-3).all()


@pytest.mark.parametrize(("count", "width"), [(6, 8), (8, 8), (1, 2), (300, 10)])
def test_positions_are_those_of_the_package(lesson, count, width):
    layer = lesson["SinePositions"](width)
    inputs = torch.randn(2, count, width)
    before = inputs.clone()
    added = layer(inputs) - inputs
    assert torch.equal(inputs, before)
    np.testing.assert_allclose(layer.table[:count], tokens.sine_positions(count, width), rtol=0, atol=1e-7)
    np.testing.assert_allclose(added[1], tokens.sine_positions(count, width), rtol=0, atol=1e-6)
    assert (lesson["SinePositions"](width, dropout=1.0)(inputs) == 0).all()


def test_wrong_input_is_refused_with_a_sentence(lesson):
    layer = lesson["SinePositions"](8, longest=5)
    for shape in ((5, 8), (1, 2, 5, 8), (2, 5, 6), (2, 6, 8)):
        with pytest.raises(ValueError, match="tokens have the shape"):
            layer(torch.zeros(shape))
    with pytest.raises(ValueError, match="7 is odd"):
        lesson["SinePositions"](7)
    with pytest.raises(ValueError, match="12 numbers cannot be shared by 5 heads"):
        lesson["SelfAttention"](12, 5)
    model = lesson["SequenceClassifier"](vocabulary=9, num_classes=3, **SIZES)
    assert model(torch.zeros(2, 5, dtype=torch.int64)).shape == (2, 3)
    for wrong in (torch.zeros(5, dtype=torch.int64), torch.zeros(2, 5)):
        with pytest.raises(ValueError, match="word ids have the shape"):
            model(wrong)


def test_the_task_asks_for_the_letter_at_the_place(lesson, generator):
    ids, answers = lesson["look_up"](500, generator)
    places, letters = lesson["PLACES"], lesson["LETTERS"]
    assert ids.shape == (500, places + 1) and ids.max() < places + letters
    for row, answer in zip(ids.tolist(), answers.tolist(), strict=True):
        assert row[0] < places <= min(row[1:]) and row[1 + row[0]] - places == answer
    assert len(answers.unique()) == letters


def test_cost_and_embedding_of_numbers(lesson):
    embed = lesson["NumberEmbedding"](4, scale=2)
    one, two = embed(torch.tensor([[1, 2]]))[0]
    torch.testing.assert_close(one, embed.dense.weight[:, 0] / 2 + embed.dense.bias)
    torch.testing.assert_close(two, embed.dense.weight[:, 0] + embed.dense.bias)
