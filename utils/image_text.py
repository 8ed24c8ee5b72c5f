"""Pictures and their captions in one space: tokenizer, text encoder, contrastive losses, retrieval.

The chapter `5_trends_and_challenges/image_and_text` writes it out.

Source: A. Radford and others, Learning Transferable Visual Models from Natural Language Supervision, 2021, section 2.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.checks import check_whole
from utils.torch_models import Block


class Tokenizer:
    """Number the words of some texts from 1 on, in alphabetical order; 0 fills up what is short.

    Parameters
    ----------
    texts : iterable of str
        All words that it shall know, between spaces; at least one.

    Attributes
    ----------
    words : list of str
        The word of each number, "" for 0.
    length : int
        Words of the longest text: T.
    """

    def __init__(self, texts: Iterable[str]):
        split = [text.split() for text in texts]
        self.words = ["", *sorted({word for words in split for word in words})]
        self.length = max((len(words) for words in split), default=0)
        self.numbers = {word: number for number, word in enumerate(self.words)}
        if len(self.words) == 1:
            raise ValueError("a tokenizer needs at least one word to know, got none")

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Turn B texts into numbers of words, int64 (B, T), 0 behind the end of a text.

        Raises
        ------
        ValueError
            If a text has a word that is not known, more than T words, or none.
        """
        ids = torch.zeros(len(texts), self.length, dtype=torch.int64)
        for row, text in zip(ids, texts, strict=True):
            words = text.split()
            if not 0 < len(words) <= self.length:
                raise ValueError(f"{text!r} has {len(words)} words: give 1 to {self.length}")
            for place, word in enumerate(words):
                if word not in self.numbers:
                    raise ValueError(
                        f"unknown word {word!r} in {text!r}: known are {', '.join(self.words[1:])}"
                    )
                row[place] = self.numbers[word]
        return ids


class TextEncoder(nn.Module):
    """Turn numbers of words (B, T) into one vector for each text, (B, D): word + position, L blocks, mean.

    Parameters
    ----------
    num_words : int
        How many words there are, with the empty one.
    length : int
        T.
    embed_dim, depth, num_heads : int
        D, L and A. With no block the vector is a mean of words: a bag, without order.
    """

    def __init__(self, num_words: int, length: int, embed_dim: int, depth: int = 0, num_heads: int = 4):
        super().__init__()
        self.word = nn.Embedding(num_words, embed_dim)
        self.position = nn.Parameter(0.1 * torch.randn(length, embed_dim))
        self.blocks = nn.ModuleList([Block(embed_dim, num_heads, mlp_ratio=2) for _ in range(depth)])

    def forward(self, ids):
        """Return vectors (B, D); ValueError if blocks would read the filling of a text that is shorter."""
        is_word = ids > 0  # (B, T)
        if len(self.blocks) and not is_word.all():
            raise ValueError(f"with blocks, all texts must have {ids.shape[1]} words: some are shorter")
        tokens = self.word(ids) + self.position  # (B, T, D)
        for block in self.blocks:
            tokens = block(tokens)
        kept = tokens * is_word[..., None]
        return kept.sum(dim=1) / is_word.sum(dim=1, keepdim=True)  # (B, T, D) -> (B, D)


class HalvesCnn(nn.Module):
    """Look at the left and at the right half of a picture with one CNN, and hand what it saw in both to a dense layer.

    Parameters
    ----------
    cnn : WhitenedCnn
        Of `utils.whitened_cnn`; its own last layer is left out.
    embed_dim : int
        D.
    """

    def __init__(self, cnn: nn.Module, embed_dim: int):
        super().__init__()
        self.cnn = cnn
        self.head = nn.Linear(2 * cnn.head.in_features, embed_dim, bias=False)
        cnn.head = nn.Identity()

    def forward(self, images):
        """Turn standardised images (B, C, H, W), W even, into vectors (B, D)."""
        halves = images.split(images.shape[3] // 2, dim=3)  # twice (B, C, H, W / 2)
        seen = [self.cnn.forward_features(half).amax((2, 3)) for half in halves]
        return self.head(torch.cat(seen, dim=1))  # (B, 2 · widths[-1]) -> (B, D)


class ImageTextModel(nn.Module):
    """Hold an encoder of pictures, one of texts, and a temperature that is learned.

    Parameters
    ----------
    image_encoder, text_encoder : Module
        Images (B, C, H, W) and numbers of words (B, T) to vectors (B, D).
    """

    def __init__(self, image_encoder: nn.Module, text_encoder: nn.Module):
        super().__init__()
        self.image_encoder, self.text_encoder = image_encoder, text_encoder
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def encode_images(self, images):
        """Return vectors (B, D) of length 1."""
        return functional.normalize(self.image_encoder(images), dim=1)

    def encode_texts(self, ids):
        """Return vectors (B, D) of length 1."""
        return functional.normalize(self.text_encoder(ids), dim=1)

    def forward(self, images, ids):
        """Return the logits of images and texts: cosine over temperature, (B, M)."""
        scale = self.log_scale.exp().clamp(max=100)
        return scale * self.encode_images(images) @ self.encode_texts(ids).T


def contrastive_loss(
    logits: torch.Tensor, positives: torch.Tensor | None = None, ignore: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the symmetric cross-entropy: each picture has to find its text among all, and each text its picture.

    Parameters
    ----------
    logits : Tensor of shape (B, B + M)
        Row i belongs to picture i, column j < B to its text; M further texts belong to no picture.
    positives : bool Tensor of shape (B, B), symmetric, optional
        Which pairs belong together; the target is shared among those of a row. The diagonal if not given.
    ignore : bool Tensor of shape (B, B + M), optional
        Pairs that are taken out of the sums, for they are neither right nor wrong. None of the positives.

    Source: A. Radford and others, 2021, figure 3; several positives as in P. Khosla and others, Supervised Contrastive
    Learning, 2020, equation 2.
    """
    count = len(logits)
    if logits.shape[1] < count:
        raise ValueError(f"each of the {count} pictures needs a text, got {logits.shape[1]} texts")
    if positives is None:
        positives = torch.eye(count, dtype=torch.bool)
    if ignore is not None:
        logits = logits.masked_fill(ignore, -torch.inf)
    find_text = logits.log_softmax(dim=1)[:, :count]
    find_picture = logits[:, :count].log_softmax(dim=0)
    target = positives / positives.sum(dim=1, keepdim=True)  # (B, B)
    both = (find_text + find_picture).masked_fill(~positives, 0)
    return -(target * both).sum() / (2 * count)


def sigmoid_loss(logits: torch.Tensor, positives: torch.Tensor | None = None) -> torch.Tensor:
    """Return the loss that judges each pair for itself, summed over the texts and averaged over the pictures.

    Parameters
    ----------
    logits : Tensor of shape (B, B)
        With the bias added.
    positives : bool Tensor of shape (B, B), optional
        The diagonal if not given.

    Source: X. Zhai and others, Sigmoid Loss for Language Image Pre-Training, 2023, equation 1.
    """
    if positives is None:
        positives = torch.eye(len(logits), dtype=torch.bool)
    signs = torch.where(positives, 1.0, -1.0)
    return -functional.logsigmoid(signs * logits).sum() / len(logits)


def same_text(ids: torch.Tensor) -> torch.Tensor:
    """Return which of the texts (B, T) are equal, bool (B, B)."""
    return (ids[:, None] == ids[None]).all(dim=2)


def recall_at(scores: np.ndarray, relevant: np.ndarray, count: int) -> float:
    """Return the share of the queries that have something relevant among their `count` best.

    Parameters
    ----------
    scores : ndarray of shape (Q, G)
        Of each query for each entry of the gallery.
    relevant : bool ndarray of shape (Q, G)
        At least one in each row.
    count : int
        In 1 … G.
    """
    if scores.shape != relevant.shape or not relevant.any(axis=1).all():
        raise ValueError(
            f"each query needs something relevant, in arrays of one shape: got {scores.shape}, {relevant.shape}"
        )
    check_whole("count", count, 1, scores.shape[1])
    best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return float(np.take_along_axis(relevant, best, axis=1).any(axis=1).mean())
