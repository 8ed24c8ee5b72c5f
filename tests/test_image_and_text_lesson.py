"""What `5_trends_and_challenges/image_and_text` writes out is what `utils.image_text` has."""

import numpy as np
import pytest
import torch
from lessons import written_out
from torch import nn
from torch.nn import functional

from utils import image_text, runs
from utils import image_text_study as study
from utils.torch_models import Block
from utils.torch_training import first_weights

GENERATOR = torch.Generator().manual_seed(0)
TEXTS = ["a red circle", "a small blue star", "blue star"]


@pytest.fixture(scope="module")
def lesson():
    return written_out(
        "5_trends_and_challenges/image_and_text",
        np=np,
        torch=torch,
        nn=nn,
        functional=functional,
        Block=Block,
    )


def test_the_tokenizer_is_the_packages(lesson):
    ours, package = (make(TEXTS) for make in (lesson["Tokenizer"], image_text.Tokenizer))
    assert ours.words == package.words and ours.length == package.length
    torch.testing.assert_close(ours.encode(TEXTS), package.encode(TEXTS))
    messages = []
    for tokenizer in (ours, package):
        for text in ("a green circle", "", "a a a a a"):
            with pytest.raises(ValueError) as error:
                tokenizer.encode([text])
            messages.append(str(error.value))
    assert messages[:3] == messages[3:]


def test_the_encoders_are_the_packages(lesson):
    ids = torch.tensor([[1, 2, 3, 4], [4, 3, 2, 1]])
    images = torch.rand(2, 3, 2, 2, generator=GENERATOR)
    answers = []
    for names in (lesson, vars(image_text)):
        with first_weights(0):
            eye = nn.Sequential(nn.Flatten(), nn.Linear(12, 8))
            texts = names["TextEncoder"](5, 4, 8, depth=1, num_heads=2)
            bag = names["TextEncoder"](5, 4, 8)
        model = names["ImageTextModel"](eye, texts)
        short = torch.tensor([[1, 2, 0, 0]])
        with pytest.raises(ValueError, match="all texts must have 4 words"):
            texts(short)
        answers.append((model(images, ids), bag(short), model.encode_images(images)))
    for one, other in zip(*answers, strict=True):
        torch.testing.assert_close(one, other)


def test_the_loss_is_the_packages(lesson):
    logits = torch.randn(6, 9, generator=GENERATOR)
    ids = torch.tensor([[1, 2], [1, 2], [3, 1], [1, 2], [2, 2], [3, 1]])
    same = lesson["same_text"](ids)
    torch.testing.assert_close(same, image_text.same_text(ids))
    ignore = torch.zeros(6, 9, dtype=torch.bool)
    ignore[:, 6:] = torch.rand(6, 3, generator=GENERATOR) < 0.5
    for options in ({}, {"positives": same}, {"ignore": ignore}):
        torch.testing.assert_close(
            lesson["contrastive_loss"](logits, **options), image_text.contrastive_loss(logits, **options)
        )
    with pytest.raises(ValueError, match="needs a text"):
        lesson["contrastive_loss"](logits.T)


def test_recall_and_swaps_are_the_packages(lesson):
    rng = np.random.default_rng(0)
    scores, relevant = rng.random((7, 5)), rng.random((7, 5)) < 0.3
    relevant[:, 0] |= ~relevant.any(axis=1)
    for count in (1, 2, 5):
        assert lesson["recall_at"](scores, relevant, count) == image_text.recall_at(scores, relevant, count)
    with pytest.raises(ValueError, match="something relevant"):
        lesson["recall_at"](scores, ~relevant & relevant, 1)
    for name in ("swap_things", "swap_colours"):
        caption = "red circle right of blue square"
        assert lesson[name](caption) == getattr(study, name)(caption)


def test_the_record_is_of_what_the_page_says():
    record = runs.load_result("image_and_text")
    assert len(record["seeds"]) >= 3
    for found in (*record["arms"].values(), *record["arrangements"].values()):
        assert len(found) == len(record["seeds"])
    for run in record["arrangements"]["bag"]:
        assert run["things swapped"] == run["colours swapped"] == 0.5
