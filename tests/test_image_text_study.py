"""What the chapter on pictures and texts measures, on cases small enough to count by hand."""

import numpy as np
import pytest
import torch

from utils import data
from utils import image_text_study as study
from utils.data.arrangements import make_arrangements
from utils.image_text import Tokenizer, contrastive_loss
from utils.torch_training import to_tensor

SCENES = data.load("scenes", "train", 60, seed=0)


def test_a_fifth_of_the_pairs_is_held_out_and_no_shape_or_colour_as_a_whole():
    shapes, colours = np.divmod(np.arange(80), 8)
    for seed in range(5):
        held = study.is_held_out(shapes, colours, seed).reshape(10, 8)
        assert held.sum() == 16 and (held.sum(axis=0) == 2).all() and (held.sum(axis=1) <= 2).all()
    train, validation, unseen = study.split_scenes(200, 3)
    assert not study.is_held_out(train.labels, train.object_colours[:, 0], 3).any()
    assert unseen.shape == (len(validation),) and 0.1 < unseen.mean() < 0.3


def test_captions_come_back_from_their_attributes():
    attributes = study.attributes_of(SCENES)
    everything = np.ones(5, bool)
    assert tuple(study.caption_of(row, everything) for row in attributes) == SCENES.captions
    assert study.caption_of((0, 1, 0, 0, 3), (0, 0, 1, 0, 0)) == "a red thing"
    assert study.caption_of((0, 1, 0, 0, 3), (0, 0, 0, 1, 1)) == "a circle on moss ground"
    np.testing.assert_array_equal(attributes[:, 3], SCENES.labels)
    tokenizer = study.scene_tokenizer()
    assert tokenizer.length == 8 and tokenizer.encode(SCENES.captions).all()
    tokenizer.encode(["a photo of a red circle", "a red thing"])


def test_what_is_true_of_a_picture():
    attributes = torch.tensor([[0, 0, 1, 5, 0], [0, 0, 2, 5, 0]])
    said = torch.tensor([[0, 0, 1, 1, 0], [0, 0, 0, 1, 0]], dtype=torch.bool)
    assert study.true_of(attributes, said).tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize("encoder", ["fast", "first"])
def test_training_makes_the_loss_smaller_and_one_seed_gives_one_run(encoder):
    tokenizer = study.scene_tokenizer()
    ids = tokenizer.encode(SCENES.captions)

    def trained():
        model = study.build_pair(0, SCENES.images, tokenizer, encoder)
        return model, study.train_on_captions(model, SCENES.images, ids, epochs=6, seed=0, batch_size=30)

    (model, losses), (_, again) = trained(), trained()
    assert losses[-1] < losses[0] - 0.2 and losses == again
    vectors = study.image_vectors(model, SCENES.images)
    texts = study.text_vectors(model, tokenizer, SCENES.captions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    even = study.prefers(model, tokenizer, SCENES.images, SCENES.captions, SCENES.captions)
    assert even == 0.5


def test_the_loss_gets_what_belongs_to_the_batch():
    tokenizer = study.scene_tokenizer()
    numbers = torch.arange(60)
    ids = tokenizer.encode(SCENES.captions)
    seen = []

    def loss(logits, batch, rows):
        torch.testing.assert_close(batch, ids[rows])
        seen.extend(rows.tolist())
        return contrastive_loss(logits)

    model = study.build_pair(0, SCENES.images, tokenizer)
    study.train_on_captions(model, SCENES.images, ids, numbers, epochs=1, seed=0, loss=loss, batch_size=20)
    assert sorted(seen) == numbers.tolist()


def test_scores_of_pairs_by_hand():
    colours = SCENES.object_colours[:, 0]
    unseen = study.is_held_out(SCENES.labels, colours)
    truth = SCENES.labels * 8 + colours
    perfect = study.pair_scores(np.eye(80)[truth], SCENES, unseen)
    assert perfect.pop("answered seen") == 0 and set(perfect.values()) == {1.0}
    wrong_shape = study.pair_scores(np.eye(80)[(truth + 8) % 80], SCENES, unseen)
    assert wrong_shape["colour unseen"] == 1 and wrong_shape["pair seen"] == wrong_shape["shape unseen"] == 0
    assert wrong_shape["answered seen"] == 1
    hidden = study.is_held_out(*np.divmod(np.arange(80), 8))
    blind = 0.5 * np.eye(80)[truth] - hidden  # right, but for hidden pairs, which it never names
    seen, missed = study.with_bonus(blind, SCENES, unseen, hidden, (0, 0.9, 2))
    assert seen.tolist() == [1, 1, 0] and missed.tolist() == [0, 1, 1]


def test_captions_are_made_wrong():
    caption = "red circle left of blue square"
    assert study.swap_things(caption) == "blue square left of red circle"
    assert study.swap_colours(caption) == "blue circle left of red square"
    assert study.other_numbers("two red rings on sand ground") == [
        "three red rings on sand ground",
        "four red rings on sand ground",
    ]
    rng = np.random.default_rng(0)
    made = {study.make_wrong(caption, rng) for _ in range(20)}
    assert made == {study.swap_things(caption), study.swap_colours(caption)}
    assert len({study.make_wrong("two red rings on sand ground", rng) for _ in range(20)}) == 2


@pytest.mark.parametrize("template", study.WORDINGS.values())
def test_each_wording_gives_a_vector_for_each_pair(template):
    tokenizer = study.scene_tokenizer()
    model = study.build_pair(0, SCENES.images, tokenizer)
    vectors = study.wording_vectors(model, tokenizer, template)
    assert vectors.shape == (80, study.EMBED_DIM)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len(np.unique(vectors.round(5), axis=0)) == 80
    with pytest.raises(ValueError, match="unknown encoder 'slow'"):
        study.image_encoder(SCENES.images, "slow")


def test_a_bag_of_words_cannot_tell_swapped_captions_apart():
    drawn = make_arrangements(40, np.random.default_rng(0))
    tokenizer = Tokenizer(drawn.captions)
    scores = {}
    for depth in (0, 1):
        model = study.build_pair(0, drawn.images, tokenizer, "halves", depth)
        losses = study.train_on_arrangements(model, tokenizer, drawn, epochs=4, seed=0, hard=depth == 1)
        assert losses[-1] < losses[0]
        scores[depth] = study.arrangement_scores(model, tokenizer, drawn)
    assert scores[0]["things swapped"] == scores[0]["colours swapped"] == 0.5
    assert all(0 <= value <= 1 for found in scores.values() for value in found.values())


def test_the_cnn_of_two_halves_knows_left_from_right():
    """Exchanging the halves of a picture changes its vector as exchanging the halves of the last layer does."""
    encoder = study.image_encoder(SCENES.images, "halves").eval()
    turned = np.roll(SCENES.images, 16, axis=2)  # (B, H, W, C)
    head = encoder.network.head.weight
    with torch.no_grad():
        plain = encoder(to_tensor(SCENES.images))
        assert plain.shape == (len(SCENES), study.EMBED_DIM)
        exchanged = encoder(to_tensor(turned))
        assert (plain - exchanged).abs().max() > 0.01
        head.copy_(torch.cat(head.chunk(2, dim=1)[::-1], dim=1))
        torch.testing.assert_close(encoder(to_tensor(turned)), plain)
