"""What the chapter on pictures and texts measures: scenes with pairs held out, training, scores, and captions made wrong.

Used by the chapter `5_trends_and_challenges/image_and_text` and by `scripts/record_image_and_text.py`.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
from torch import nn

from utils import data
from utils.augmentation import shift_and_flip
from utils.data.arrangements import NUMBERS, Arrangements
from utils.data.dataset import SceneDataset
from utils.data.scene_shapes import BACKGROUNDS, COLOURS, SHAPES, TEXTURES
from utils.image_text import HalvesCnn, ImageTextModel, TextEncoder, Tokenizer, contrastive_loss
from utils.long_training import set_rates
from utils.muon import Muon
from utils.recipes import MEASURED_IMAGES, RECIPES, build_model
from utils.torch_training import first_weights, to_tensor
from utils.whitened_cnn import WhitenedCnn

ATTRIBUTES = {
    "size": ("small", "medium", "large"),
    "texture": TEXTURES,
    "colour": tuple(COLOURS),
    "shape": tuple(SHAPES),
    "ground": tuple(BACKGROUNDS),
}
"""What a caption of a scene says, in its order, with the words for it."""
PAIRS = tuple((shape, colour) for shape in ATTRIBUTES["shape"] for colour in ATTRIBUTES["colour"])
"""The 80 pairs of shape and colour."""
EMBED_DIM = 64
WORDINGS = {
    "a red circle": "a {colour} {shape}",
    "circle red a": "{shape} {colour} a",
    "red circle": "{colour} {shape}",
    "a photo of a red circle": "a photo of a {colour} {shape}",
    "mean of 48 captions": None,
}
"""Ways to ask for a pair; the last is the mean over all that a caption can say besides."""


def is_held_out(shapes: np.ndarray, colours: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return which pairs of shape and colour, both as numbers, are never shown in training: a fifth, and two of each colour.

    The pattern moves with the seed. Each shape keeps at least six of its eight colours.
    """
    return (np.asarray(shapes) + np.asarray(colours) + seed) % 5 == 0


def split_scenes(count: int, seed: int) -> tuple[SceneDataset, SceneDataset, np.ndarray]:
    """Return training scenes without the pairs held out, validation scenes with all, and which of those are held out."""
    train = data.load("scenes", "train", count, seed=seed)
    validation = data.load("scenes", "validation", 1000, seed=seed)
    unseen = [is_held_out(part.labels, part.object_colours[:, 0], seed) for part in (train, validation)]
    return train.subset(np.flatnonzero(~unseen[0])), validation, unseen[1]


def attributes_of(scenes: SceneDataset) -> np.ndarray:
    """Return what the captions of scenes with one object say, as numbers into `ATTRIBUTES`: int64 (B, 5)."""
    words = [caption.split() for caption in scenes.captions]  # a small striped red circle on moss ground
    rows = [(w[1], w[2], w[3], w[4], w[6]) for w in words]
    values = list(ATTRIBUTES.values())
    return np.array([[values[k].index(row[k]) for k in range(5)] for row in rows])


def caption_of(attributes: Sequence[int], said: Sequence[bool]) -> str:
    """Return a caption that says some of the five attributes; without its shape, an object is a thing."""
    names = [values[k] for values, k in zip(ATTRIBUTES.values(), attributes, strict=True)]
    words = [name for name, is_said in zip(names[:3], said[:3], strict=True) if is_said]
    words = ["a", *words, names[3] if said[3] else "thing"]
    return " ".join([*words, "on", names[4], "ground"] if said[4] else words)


def true_of(attributes: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Return whether caption j is true of picture i, bool (B, B), for attributes and what is said of them, each (B, 5)."""
    agree = attributes[:, None] == attributes[None]  # (B, B, 5)
    return (agree | ~said[None]).all(dim=2)


def scene_tokenizer() -> Tokenizer:
    """Return a tokenizer for all captions of single scenes, and for "a photo of", which no caption says."""
    words = [word for values in ATTRIBUTES.values() for word in values]
    return Tokenizer([*words, "a photo of a thing on the ground"])


def image_encoder(images: np.ndarray, name: str = "fast") -> nn.Sequential:
    """Return the course's fast CNN ("fast"), the same with `HalvesCnn` ("halves"), or the first one ("first").

    Fresh, and with vectors (B, D) in place of logits.

    images : uint8 array of shape (B, H, W, C)
        Training images: mean, std and whitening kernels are measured on them.
    """
    if name not in ("fast", "halves", "first"):
        raise ValueError(f"unknown encoder {name!r}: choose fast, halves or first")
    recipe = RECIPES["first_cnn" if name == "first" else "cnn_sooner"]
    recipe = recipe.changed(options={**recipe.options, "num_classes": EMBED_DIM})
    encoder = build_model(recipe, to_tensor(images[:MEASURED_IMAGES]))
    if name == "halves":
        encoder.network = HalvesCnn(encoder.network, EMBED_DIM)
    return encoder


def build_pair(
    seed: int, images: np.ndarray, tokenizer: Tokenizer, name: str = "fast", depth: int = 0
) -> ImageTextModel:
    """Return an encoder of pictures, see `image_encoder`, and one of texts with L = depth, weights drawn from the seed."""
    with first_weights(seed):
        pictures = image_encoder(images, name)
        return ImageTextModel(pictures, TextEncoder(len(tokenizer.words), tokenizer.length, EMBED_DIM, depth))


def train_on_captions(
    model: ImageTextModel,
    images: np.ndarray,
    ids: torch.Tensor,
    *others: torch.Tensor,
    epochs: int,
    seed: int,
    loss: Callable[..., torch.Tensor] = lambda logits, ids: contrastive_loss(logits),
    batch_size: int = 250,
) -> list[float]:
    """Train in place and return the mean loss of each pass.

    Muon for the kernels of the fast CNN, AdamW for the rest, learning rates that fall to 0 along a line.

    Parameters
    ----------
    images : uint8 array of shape (n, H, W, C)
        Each time shifted by up to two pixels, and mirrored by a coin: these captions say nothing of left and right.
    ids : int64 Tensor of shape (n, T), and others of n rows
        What is handed to the loss for the pictures of a batch.
    loss : callable
        `loss(logits, ids, *others)` gives a scalar; logits (B, B).
    """
    pictures, generator = torch.from_numpy(images), torch.Generator().manual_seed(seed)

    def batch_loss(rows):
        mirrored = torch.rand(len(rows), generator=generator) < 0.5
        batch = shift_and_flip(pictures[rows], mirrored, shift=2, generator=generator)
        logits = model(batch.permute(0, 3, 1, 2).float() / 255, ids[rows])
        return loss(logits, ids[rows], *(other[rows] for other in others))

    return _fit(model, batch_loss, len(pictures), epochs, batch_size, generator)


def _fit(model, batch_loss, count, epochs, batch_size, generator):
    """Train in place with `batch_loss(rows)`, as `train_on_captions` says, and return the mean loss of each pass."""
    optimisers = _optimisers(model)
    highest = [[group["lr"] for group in optimiser.param_groups] for optimiser in optimisers]
    per_epoch = max(1, count // batch_size)
    losses = []
    for epoch in range(epochs):
        model.train()
        order, total = torch.randperm(count, generator=generator), 0.0
        for step in range(per_epoch):
            set_rates(optimisers, highest, 1 - (epoch * per_epoch + step) / (epochs * per_epoch))
            value = batch_loss(order[step * batch_size : (step + 1) * batch_size])
            value.backward()
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            total += value.item()
        losses.append(total / per_epoch)
    return losses


def _optimisers(model: ImageTextModel) -> list[torch.optim.Optimizer]:
    network = model.image_encoder.network
    fast = isinstance(network, WhitenedCnn | HalvesCnn)
    kernels = [p for p in network.parameters() if fast and p.ndim == 4 and p.requires_grad]
    taken = {id(p) for p in kernels}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
    optimisers = [torch.optim.AdamW(rest, lr=3e-3 if fast else 1e-3, betas=(0.9, 0.98), weight_decay=0.01)]
    if kernels:
        optimisers.append(Muon(kernels, 0.24, momentum=0.6, fixed_norm=True))
    return optimisers


@torch.no_grad()
def image_vectors(model: ImageTextModel, images: np.ndarray) -> np.ndarray:
    """Return the vectors (B, D) of uint8 images (B, H, W, C), each of length 1."""
    model.eval()
    return torch.cat([model.encode_images(batch) for batch in to_tensor(images).split(500)]).numpy()


@torch.no_grad()
def text_vectors(model: ImageTextModel, tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Return the vectors (B, D) of texts, each of length 1."""
    model.eval()
    return model.encode_texts(tokenizer.encode(texts)).numpy()


def wording_vectors(model: ImageTextModel, tokenizer: Tokenizer, template: str | None) -> np.ndarray:
    """Return a vector for each of `PAIRS` in one of the `WORDINGS`, (80, D)."""
    if template is not None:
        texts = [template.format(shape=shape, colour=colour) for shape, colour in PAIRS]
        return text_vectors(model, tokenizer, texts)
    vectors = np.zeros((len(PAIRS), EMBED_DIM), np.float32)
    for size, look, ground in product(*(ATTRIBUTES[name] for name in ("size", "texture", "ground"))):
        texts = [f"a {size} {look} {colour} {shape} on {ground} ground" for shape, colour in PAIRS]
        vectors += text_vectors(model, tokenizer, texts)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pair_scores(scores: np.ndarray, scenes: SceneDataset, unseen: np.ndarray) -> dict[str, float]:
    """Return the shares of right pairs, shapes and colours, for scores (B, 80) in the order of `PAIRS`.

    "answered seen" is how often an unseen pair is taken for one of those seen in training.
    """
    colours = scenes.object_colours[:, 0]
    shape, colour = np.divmod(scores.argmax(axis=1), len(COLOURS))
    right = {"shape": shape == scenes.labels, "colour": colour == colours}
    right["pair"] = right["shape"] & right["colour"]
    found = {}
    for name, rows in (("seen", ~unseen), ("unseen", unseen)):
        found |= {f"{what} {name}": float(hits[rows].mean()) for what, hits in right.items()}
    of_unseen = scenes.labels[unseen] * len(COLOURS) + colours[unseen]
    answers = (shape * len(COLOURS) + colour)[unseen]
    return found | {"answered seen": float((~np.isin(answers, of_unseen)).mean())}


def with_bonus(
    scores: np.ndarray, scenes: SceneDataset, unseen: np.ndarray, hidden: np.ndarray, bonus: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of right pairs among seen and among unseen ones, for each bonus on the hidden pairs.

    hidden : bool array of shape (80,)

    Source: W.-L. Chao and others, An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object
    Recognition in the Wild, 2016, calibrated stacking.
    """
    found = [pair_scores(scores + extra * hidden, scenes, unseen) for extra in bonus]
    return tuple(np.array([point[f"pair {name}"] for point in found]) for name in ("seen", "unseen"))


def swap_things(caption: str) -> str:
    """Turn "red circle left of blue square" into "blue square left of red circle"."""
    first, second, side, of, third, fourth = caption.split()
    return f"{third} {fourth} {side} {of} {first} {second}"


def swap_colours(caption: str) -> str:
    """Turn "red circle left of blue square" into "blue circle left of red square"."""
    first, second, side, of, third, fourth = caption.split()
    return f"{third} {second} {side} {of} {first} {fourth}"


def other_numbers(caption: str) -> list[str]:
    """Return the caption with each of the other numbers."""
    number, *rest = caption.split()
    return [" ".join([other, *rest]) for other in NUMBERS if other != number]


def make_wrong(caption: str, rng: np.random.Generator) -> str:
    """Return a caption of nearly the same words that is false: things or colours swapped, or another number."""
    if caption.split()[0] in NUMBERS:
        return str(rng.choice(other_numbers(caption)))
    return (swap_things, swap_colours)[rng.integers(2)](caption)


def train_on_arrangements(
    model: ImageTextModel,
    tokenizer: Tokenizer,
    arrangements: Arrangements,
    *,
    epochs: int,
    seed: int,
    hard: bool,
) -> list[float]:
    """Train in place like `train_on_captions`, in batches of 50, nothing mirrored. Return the mean loss of each pass.

    With `hard`, each batch holds for each caption one made wrong.
    """
    rng = np.random.default_rng([seed, 2])
    wrong = tokenizer.encode([make_wrong(caption, rng) for caption in arrangements.captions])
    ids = tokenizer.encode(arrangements.captions)
    pictures, generator = to_tensor(arrangements.images), torch.Generator().manual_seed(seed)

    def batch_loss(rows):
        texts = torch.cat([ids[rows], wrong[rows]]) if hard else ids[rows]  # (B + M, T)
        equal = (ids[rows, None] == texts[None]).all(dim=2)  # (B, B + M)
        own = torch.eye(len(rows), len(texts), dtype=torch.bool)
        return contrastive_loss(model(pictures[rows], texts), ignore=equal & ~own)

    return _fit(model, batch_loss, len(ids), epochs, 50, generator)


def arrangement_scores(
    model: ImageTextModel, tokenizer: Tokenizer, arrangements: Arrangements
) -> dict[str, float]:
    """Return how often the right caption wins against one with things or colours swapped, and among three numbers.

    "content" is how often a pair is closest to its own among the captions of all pairs, swaps aside.
    """
    captions = np.array(arrangements.captions)
    pairs, groups = np.flatnonzero(arrangements.is_pair), np.flatnonzero(~arrangements.is_pair)
    images, found = arrangements.images[pairs], {}
    for name, swap in (("things swapped", swap_things), ("colours swapped", swap_colours)):
        wrong = [swap(caption) for caption in captions[pairs]]
        found[name] = prefers(model, tokenizer, images, captions[pairs], wrong)
    scores = image_vectors(model, images) @ text_vectors(model, tokenizer, captions[pairs]).T
    words = [" ".join(sorted(set(caption.split()) - {"left", "right", "of"})) for caption in captions[pairs]]
    found["content"] = float(np.mean([words[i] == words[j] for i, j in enumerate(scores.argmax(axis=1))]))
    vectors = image_vectors(model, arrangements.images[groups])  # (G, D)
    choices = [[caption, *other_numbers(caption)] for caption in captions[groups]]
    likeness = [
        (vectors * text_vectors(model, tokenizer, texts)).sum(axis=1) for texts in zip(*choices, strict=True)
    ]
    found["number"] = float((np.argmax(likeness, axis=0) == 0).mean())
    return {name: round(value, 4) for name, value in found.items()}


def prefers(
    model: nn.Module, tokenizer: Tokenizer, images: np.ndarray, right: Sequence[str], wrong: Sequence[str]
) -> float:
    """Return how often a picture is closer to its right text than to the wrong one; a tie counts half."""
    vectors = image_vectors(model, images)
    gaps = [(vectors * text_vectors(model, tokenizer, texts)).sum(axis=1) for texts in (right, wrong)]
    gap = np.round(gaps[0] - gaps[1], 5)  # what rounding makes of equal vectors is a tie
    return float(((gap > 0) + 0.5 * (gap == 0)).mean())
