"""The losses against explicit sums and PyTorch's cross-entropy; the tokenizer; the text encoder; recall by hand."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from utils import image_text
from utils.image_text import ImageTextModel, TextEncoder, Tokenizer, contrastive_loss, same_text, sigmoid_loss
from utils.torch_training import first_weights

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(6, 9, generator=GENERATOR, dtype=torch.float64)


def test_words_get_numbers_in_alphabetical_order_and_0_fills_up():
    tokenizer = Tokenizer(["a red circle", "blue circle"])
    assert tokenizer.words == ["", "a", "blue", "circle", "red"] and tokenizer.length == 3
    assert tokenizer.encode(["red  circle", "a blue circle"]).tolist() == [[4, 3, 0], [1, 2, 3]]
    assert tokenizer.encode([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a green circle", "unknown word 'green' in 'a green circle': known are a, circle, red"),
     ("Red circle", "unknown word 'Red'"),
     ("", "0 words: give 1 to 3"), ("a red red circle", "4 words: give 1 to 3")],
)  # fmt: skip
def test_what_the_tokenizer_cannot_read_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Tokenizer(["a red circle"]).encode([text])


def test_a_tokenizer_without_words_is_refused():
    with pytest.raises(ValueError, match="at least one word"):
        Tokenizer([" "])


def loss_by_loops(logits, ignore=None):
    total = 0.0
    for i in range(len(logits)):
        row = sum(
            math.exp(logits[i, j]) for j in range(logits.shape[1]) if ignore is None or not ignore[i, j]
        )
        column = sum(math.exp(logits[j, i]) for j in range(len(logits)) if ignore is None or not ignore[j, i])
        total -= math.log(math.exp(logits[i, i]) / row) + math.log(math.exp(logits[i, i]) / column)
    return total / (2 * len(logits))


def test_the_loss_is_an_explicit_double_sum():
    assert contrastive_loss(LOGITS).item() == pytest.approx(loss_by_loops(LOGITS), abs=1e-12)
    ignore = torch.rand(6, 9, generator=GENERATOR) < 0.4
    ignore[range(6), range(6)] = False
    masked = contrastive_loss(LOGITS, ignore=ignore)
    assert masked.item() == pytest.approx(loss_by_loops(LOGITS, ignore), abs=1e-12)
    assert masked < contrastive_loss(LOGITS) - 0.1


def test_the_loss_is_the_mean_of_two_cross_entropies_and_so_are_its_gradients():
    square, own = LOGITS[:, :6].clone().requires_grad_(), torch.arange(6)
    other = square.detach().clone().requires_grad_()
    ours = contrastive_loss(square)
    oracle = (functional.cross_entropy(other, own) + functional.cross_entropy(other.T, own)) / 2
    torch.testing.assert_close(ours, oracle)
    torch.testing.assert_close(*torch.autograd.grad(ours, square), *torch.autograd.grad(oracle, other))


def test_several_positives_share_the_target():
    positives = torch.eye(6, dtype=torch.bool)
    positives[0, 2] = positives[2, 0] = True
    target = positives / positives.sum(dim=1, keepdim=True)
    square = LOGITS[:, :6]
    oracle = (functional.cross_entropy(square, target) + functional.cross_entropy(square.T, target)) / 2
    torch.testing.assert_close(contrastive_loss(square, positives), oracle)


def test_equal_captions_lose_nothing_and_a_shared_target_changes_nothing():
    with first_weights(0):
        pictures = functional.normalize(torch.randn(8, 5), dim=1).requires_grad_()
        words = torch.randn(3, 5, requires_grad=True)
    ids = torch.tensor([0, 1, 0, 2, 0, 1, 2, 2])
    same = ids[:, None] == ids[None]
    gradients = []
    for positives in (None, same):
        loss = contrastive_loss(7 * pictures @ functional.normalize(words[ids], dim=1).T, positives)
        gradients.append((loss, *torch.autograd.grad(loss, (pictures, words))))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    ignore = same & ~torch.eye(8, dtype=torch.bool)
    logits = 7 * pictures @ functional.normalize(words[ids], dim=1).T
    assert contrastive_loss(logits, ignore=ignore) < gradients[0][0] - 0.1


def test_a_text_that_is_missing_is_noticed():
    with pytest.raises(ValueError, match="each of the 6 pictures needs a text, got 4"):
        contrastive_loss(LOGITS[:, :4])


def test_the_sigmoid_loss_judges_each_pair():
    square = LOGITS[:, :6]
    by_hand = sum(
        math.log(1 + math.exp(-(1 if i == j else -1) * square[i, j])) for i in range(6) for j in range(6)
    )
    assert sigmoid_loss(square).item() == pytest.approx(by_hand / 6, abs=1e-12)
    oracle = functional.binary_cross_entropy_with_logits(square, torch.ones(6, 6).double(), reduction="sum")
    torch.testing.assert_close(sigmoid_loss(square, torch.ones(6, 6, dtype=torch.bool)), oracle / 6)


def test_a_bag_does_not_know_the_order_and_blocks_do():
    ids = torch.tensor([[1, 2, 3, 4], [3, 2, 1, 4], [1, 2, 0, 0]])
    with first_weights(0):
        bag, blocks = TextEncoder(5, 4, 8), TextEncoder(5, 4, 8, depth=1, num_heads=2)
    vectors = bag(ids)
    torch.testing.assert_close(vectors[0], vectors[1])
    expected = (bag.word.weight[1] + bag.word.weight[2] + bag.position[0] + bag.position[1]) / 2
    torch.testing.assert_close(vectors[2], expected)
    one, other = blocks(ids[:2])
    assert (one - other).abs().max() > 1e-3
    with pytest.raises(ValueError, match="all texts must have 4 words"):
        blocks(ids)


def test_the_model_compares_vectors_of_length_1():
    with first_weights(0):
        model = ImageTextModel(
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 8)), TextEncoder(5, 4, 8)
        )
    images, ids = torch.rand(3, 3, 2, 2, generator=GENERATOR), torch.tensor([[1, 2, 0, 0], [3, 4, 1, 0]])
    cosines = functional.cosine_similarity(
        model.image_encoder(images)[:, None], model.text_encoder(ids)[None], dim=2
    )
    torch.testing.assert_close(model(images, ids), cosines / 0.07)
    with torch.no_grad():
        model.log_scale.fill_(9.0)
    torch.testing.assert_close(model(images, ids), 100 * cosines)


def test_equal_texts_are_found():
    ids = torch.tensor([[1, 2], [1, 3], [1, 2]])
    assert same_text(ids).tolist() == [[True, False, True], [False, True, False], [True, False, True]]


def test_recall_by_hand():
    scores = np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.4]])
    relevant = np.array([[False, True, True], [False, False, True]])
    assert [image_text.recall_at(scores, relevant, k) for k in (1, 2, 3)] == [0.5, 1.0, 1.0]
    with pytest.raises(ValueError, match="something relevant"):
        image_text.recall_at(scores, relevant & np.array([[True, False, False]]), 1)
    with pytest.raises(ValueError, match="count"):
        image_text.recall_at(scores, relevant, 4)
