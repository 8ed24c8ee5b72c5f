"""Record what decides zero-shot recognition, and what a model of pictures and texts does not notice: three seeds.

    python scripts/record_image_and_text.py

Writes results/image_and_text.json, after about sixteen minutes on one core. Training and validation scenes only; the pairs
held out move with the seed. All arms of one kind have the same scenes, passes and batches.
"""

import time
from functools import partial

import numpy as np
import torch
from torch import nn

from utils import image_text_study as study
from utils import runs
from utils.data.arrangements import make_arrangements
from utils.image_text import (
    Tokenizer,
    contrastive_loss,
    recall_at,
    same_text,
    sigmoid_loss,
)
from utils.torch_training import make_repeatable

SEEDS = (0, 1, 2)
SCENES, EPOCHS = 6000, 4
BONUS = [round(0.01 * step, 2) for step in range(61)]
"""Added to the cosines of the hidden pairs; the one at which seen and unseen pairs do equally well is looked for."""
ARRANGED = 4000
KINDS = {
    "bag": (0, False, 6),
    "one block": (1, False, 6),
    "one block, wrong captions": (1, True, 6),
    "one block, longer": (1, False, 12),
    "one block, wrong captions, longer": (1, True, 12),
}
"""For each kind: blocks of the text encoder, whether captions made wrong are in the batches, passes."""


def others_of(ids: torch.Tensor) -> torch.Tensor:
    """Return the pairs of equal texts off the diagonal."""
    return same_text(ids) & ~torch.eye(len(ids), dtype=torch.bool)


def plain(logits, ids, *_):
    return contrastive_loss(logits)


def masked(logits, ids, *_):
    return contrastive_loss(logits, ignore=others_of(ids))


def truth_masked(logits, ids, attributes, said):
    own = torch.eye(len(ids), dtype=torch.bool)
    return contrastive_loss(logits, ignore=study.true_of(attributes, said) & ~own)


ARMS = {
    "fast CNN": ("pair", plain, "fast"),
    "equal texts masked": ("pair", masked, "fast"),
    "full captions": ("full", plain, "fast"),
    "half captions": ("half", plain, "fast"),
    "half captions, true ones masked": ("half", truth_masked, "fast"),
    "first CNN": ("pair", plain, "first"),
}
"""For each arm: what the captions say, the loss, the encoder of the pictures."""
SIGMOID_ARMS = {
    "sigmoid": None,
    "sigmoid, equal texts are positives": same_text,
}


def said_of(kind: str, count: int, seed: int) -> np.ndarray:
    """Return which attributes the captions say, bool (n, 5): shape and colour, all, or one or both of shape and colour."""
    said = np.zeros((count, 5), bool)
    said[:, 2:4] = True
    if kind == "full":
        said[:] = True
    if kind == "half":
        drawn = np.random.default_rng([seed, 5]).integers(0, 3, count)
        said[drawn == 1, 2] = False
        said[drawn == 2, 3] = False
    return said


def arm(seed: int, name: str) -> dict[str, float]:
    """Train one arm and return its scores on the validation scenes."""
    train_set, validation, unseen = study.split_scenes(SCENES, seed)
    tokenizer = study.scene_tokenizer()
    kind, loss, encoder = ARMS.get(name, ("pair", None, "fast"))
    model = study.build_pair(seed, train_set.images, tokenizer, encoder)
    if loss is None:
        positives = SIGMOID_ARMS[name]
        model.bias = nn.Parameter(torch.tensor(-10.0))  # first values as in the paper
        with torch.no_grad():
            model.log_scale.fill_(np.log(10))

        def loss(logits, ids, *_):
            return sigmoid_loss(logits + model.bias, positives and positives(ids))

    attributes = study.attributes_of(train_set)
    said = said_of(kind, len(train_set), seed)
    captions = [study.caption_of(row, told) for row, told in zip(attributes, said, strict=True)]
    started = time.process_time()
    study.train_on_captions(
        model,
        train_set.images,
        tokenizer.encode(captions),
        torch.from_numpy(attributes),
        torch.from_numpy(said),
        epochs=EPOCHS,
        seed=seed,
        loss=loss,
    )
    seconds = time.process_time() - started
    vectors = study.image_vectors(model, validation.images)
    result = {"cpu_seconds": round(seconds, 1)}
    for wording, template in study.WORDINGS.items():
        texts = study.wording_vectors(model, tokenizer, template)
        scores = study.pair_scores(vectors @ texts.T, validation, unseen)
        result |= {f"{wording}: {key}": round(value, 4) for key, value in scores.items()}
    scores = vectors @ study.wording_vectors(model, tokenizer, "a {colour} {shape}").T
    hidden = study.is_held_out(*np.divmod(np.arange(80), 8), seed)
    seen, missed = study.with_bonus(scores, validation, unseen, hidden, BONUS)
    even = int(np.argmin(np.abs(seen - missed)))
    result |= {"even": round(float(seen[even] + missed[even]) / 2, 4), "even bonus": BONUS[even]}
    if kind == "full":
        result |= retrieval(model, tokenizer, vectors, validation, unseen)
    return result


def retrieval(model, tokenizer, vectors, validation, unseen) -> dict[str, float]:
    """Return recall at 1 and 5 in both directions, with equal captions counted as what they are, and not."""
    texts, which = np.unique(validation.captions, return_inverse=True)
    scores = vectors @ study.text_vectors(model, tokenizer, list(texts)).T  # (B, texts)
    relevant = which[:, None] == np.arange(len(texts))
    own = np.eye(len(vectors), dtype=bool)
    found = {"texts": len(texts)}
    for k in (1, 5):
        found[f"image to text {k}"] = recall_at(scores, relevant, k)
        found[f"text to image {k}"] = recall_at(scores.T, relevant.T, k)
        found[f"text to own image {k}"] = recall_at(scores[:, which].T, own, k)
        for name, rows in (("seen", ~unseen), ("unseen", unseen)):
            found[f"image to text {k} {name}"] = recall_at(scores[rows], relevant[rows], k)
    return {key: round(float(value), 4) for key, value in found.items()}


def arranged(seed: int, depth: int, hard: bool, epochs: int) -> dict[str, float]:
    """Train on arrangements, with or without captions made wrong in each batch, and return what the model notices."""
    train_set = make_arrangements(ARRANGED, np.random.default_rng([seed, 0]))
    validation = make_arrangements(1000, np.random.default_rng([seed, 1]))
    tokenizer = Tokenizer(train_set.captions)
    model = study.build_pair(seed, train_set.images, tokenizer, "halves", depth)
    study.train_on_arrangements(model, tokenizer, train_set, epochs=epochs, seed=seed, hard=hard)
    return study.arrangement_scores(model, tokenizer, validation)


def main() -> None:
    make_repeatable(0)
    part = runs.reported("image_and_text", partial(print, flush=True))
    names = (*ARMS, *SIGMOID_ARMS)
    arms, arrangements = {name: [] for name in names}, {name: [] for name in KINDS}
    for seed in SEEDS:
        for name in names:
            arms[name].append(part(f"{name} {seed}", lambda: arm(seed, name)))  # noqa: B023
        for name, kind in KINDS.items():
            arrangements[name].append(part(f"{name} {seed}", lambda: arranged(seed, *kind)))  # noqa: B023
    result = {
        "command": "python scripts/record_image_and_text.py",
        "what": "contrastive training on scenes and captions, a fifth of the pairs of shape and colour held out; "
        "arrangements of small objects with captions made wrong",
        "seeds": list(SEEDS),
        "scenes": SCENES,
        "epochs": EPOCHS,
        "arranged": ARRANGED,
        "arranged_epochs": {name: epochs for name, (_, _, epochs) in KINDS.items()},
        "arms": arms,
        "arrangements": arrangements,
    }
    path = runs.save_result("image_and_text", result | runs.provenance(("numpy", "torch")))
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
