"""Pretrain a small Vision Transformer without labels: a masked autoencoder, and SimCLR; then ask what it has learned.

The chapter `5_trends_and_challenges/self_supervised` and `scripts/record_self_supervised.py` share what stands here.
"""

import copy
import math
from functools import partial

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

from utils.augmentation import shift_and_flip
from utils.data.dataset import SceneDataset
from utils.data.scene_shapes import BACKGROUNDS
from utils.data.scenes import CLASS_NAMES, SceneSettings, make_scenes
from utils.torch_heads import set_positions
from utils.torch_models import Block, VisionTransformer
from utils.torch_training import first_weights, train

IMAGE_SIZE = 24
NETWORK = {"image_size": IMAGE_SIZE, "patch_size": 4, "embed_dim": 64, "depth": 2, "num_heads": 4}
SETTINGS = SceneSettings(rotation=15.0, shift=0.2)
"""Objects are turned and moved less than usual: the network is small, and shall see a thousand labels at most."""
PIXEL_MEAN, PIXEL_STD = 0.45, 0.2
VISIBLE = 18
"""Of 36 patches: half are hidden."""
TEMPERATURE = 0.5
SHIFT = 2
UNLABELLED = 6000
PRETRAINING = {
    "masked": {"epochs": 8, "batch_size": 64, "learning_rate": 2e-3},
    "contrastive": {"epochs": 2, "batch_size": 64, "learning_rate": 2e-3},
}
"""Of the recorded runs: a masked pass is much cheaper, so it gets more of them."""
STEPS, EXTRA_STEPS, BATCH_SIZE = 400, 1000, 25
"""Labelled steps for all, and how many more from scratch may have: what a pretraining costs in labelled steps."""
PARTS = ("unlabelled", "train", "validation", "test")


def patchify(images: torch.Tensor, patch_size: int) -> torch.Tensor:
    """Cut images (B, C, H, W) into patches (B, N, C·P·P), row by row, as `utils.torch_models.PatchEmbed` does."""
    return functional.unfold(images, patch_size, stride=patch_size).transpose(1, 2)


def unpatchify(patches: torch.Tensor, image_size: int, patch_size: int) -> torch.Tensor:
    """Put patches (B, N, C·P·P) together again: images (B, C, H, W)."""
    return functional.fold(patches.transpose(1, 2), image_size, patch_size, stride=patch_size)


def random_mask(
    batch_size: int, count: int, visible: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose at random which patches of each image may be seen.

    Returns
    -------
    seen : int64 Tensor of shape (B, V)
        The numbers of the V visible patches.
    hidden : bool Tensor of shape (B, N)
        True where a patch is not among them.
    """
    if not 0 < visible < count:
        raise ValueError(f"of {count} patches, 1 to {count - 1} can be visible, got {visible}")
    seen = torch.rand(batch_size, count, generator=generator).argsort(dim=1)[:, :visible]
    return seen, torch.ones(batch_size, count, dtype=torch.bool).scatter(1, seen, False)


def pick(tokens: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Take some tokens of each image: (B, N, D) and numbers (B, V) to (B, V, D)."""
    return tokens.gather(1, seen[:, :, None].expand(-1, -1, tokens.shape[2]))


class MaskedAutoencoder(nn.Module):
    """An encoder that sees some patches of an image, and a small decoder that paints them all.

    It paints how each patch differs from the mean of the visible ones, and at first it paints that mean itself.
    Source: K. He and others, Masked Autoencoders Are Scalable Vision Learners, 2022, section 3.

    Parameters
    ----------
    encoder : VisionTransformer
        With `PatchEmbed`, whose tokens share no pixels. Its head is not used.
    width, depth : int
        Of the decoder.
    """

    def __init__(self, encoder: VisionTransformer, width: int = 32, depth: int = 1):
        super().__init__()
        count, embed_dim = encoder.pos_embed.shape[1:]
        self.encoder = encoder
        self.narrow = nn.Linear(embed_dim, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.1 * torch.randn(1, count, width))
        self.blocks = nn.Sequential(*[Block(width, 4, 2.0) for _ in range(depth)], nn.LayerNorm(width))
        self.paint = nn.Linear(width, encoder.patch_embed.proj.weight[0].numel())
        nn.init.zeros_(self.paint.weight)
        nn.init.zeros_(self.paint.bias)

    def forward(self, images: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Turn images (B, C, H, W) and the numbers of the visible patches (B, V) into patches (B, N, C·P·P)."""
        encoder = self.encoder
        tokens = pick(encoder.patch_embed(images) + encoder.pos_embed, seen)  # (B, N, D) -> (B, V, D)
        for block in encoder.blocks:
            tokens = block(tokens)
        tokens = self.narrow(encoder.norm(tokens))  # (B, V, D) -> (B, V, d)
        canvas = self.mask_token.expand(len(images), *self.places.shape[1:])  # (B, N, d)
        canvas = canvas.scatter(1, seen[:, :, None].expand_as(tokens), tokens)
        mean = pick(patchify(images, encoder.patch_embed.proj.stride[0]), seen).mean(dim=1, keepdim=True)
        return mean + self.paint(self.blocks(canvas + self.places))  # (B, 1, C·P·P) + (B, N, C·P·P)


def masked_loss(painted: torch.Tensor, patches: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the hidden patches: (B, N, C·P·P) twice, and bool (B, N), to a scalar."""
    return (painted - patches).square()[hidden].mean()


def nt_xent(one: torch.Tensor, other: torch.Tensor, temperature: float = TEMPERATURE) -> torch.Tensor:
    """Return how badly each view finds its partner among all the others, in nats.

    Source: T. Chen and others, A Simple Framework for Contrastive Learning of Visual Representations, 2020, equation 1.

    Parameters
    ----------
    one, other : float Tensor of shape (B, d)
        Row i of both comes from the same image.
    temperature : float
        Above 0.
    """
    if one.shape != other.shape or temperature <= 0:
        raise ValueError(
            f"need two views of the same shape and a temperature above 0, got {tuple(one.shape)}, "
            f"{tuple(other.shape)} and {temperature}"
        )
    z = functional.normalize(torch.cat([one, other]), dim=1)  # (2B, d), of length 1
    similar = z @ z.T / temperature  # (2B, 2B)
    similar = similar.masked_fill(torch.eye(len(z), dtype=torch.bool), -math.inf)  # not itself
    partner = torch.arange(len(z)).roll(len(one))  # B, ..., 2B - 1, 0, ..., B - 1
    return functional.cross_entropy(similar, partner)


def move(images: torch.Tensor, generator: torch.Generator, shift: int = SHIFT) -> torch.Tensor:
    """Shift and mirror each of (B, C, H, W) at random, by up to `shift` pixels; see `shift_and_flip`."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    moved = shift_and_flip(images.permute(0, 2, 3, 1), mirrored, shift=shift, generator=generator)
    return moved.permute(0, 3, 1, 2)


def change_colour(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn all hues of each image (B, C, H, W) in [0, 1] by one random angle, and change its light by up to 40 %."""
    angle = 2 * math.pi * torch.rand(len(images), 1, 1, generator=generator)
    light = 0.6 + 0.8 * torch.rand(len(images), 1, 1, generator=generator)
    around = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
    turn = (
        angle.cos() * torch.eye(3) + (1 - angle.cos()) / 3 + angle.sin() * around
    )  # (B, 3, 3), grey stays grey
    return torch.einsum("bij,bjhw->bihw", light * turn, images).clamp(0, 1)


class Projector(nn.Module):
    """An encoder, and behind it two dense layers that are thrown away later: images (B, C, H, W) to (B, d).

    Each is followed by batch normalisation, which takes away what all pictures have in common; without it, the vectors of
    a fresh network all point the same way, and training starts slowly.
    """

    def __init__(self, encoder: VisionTransformer, width: int = 64):
        super().__init__()
        embed_dim = encoder.pos_embed.shape[2]
        self.encoder = encoder
        self.mlp = nn.Sequential(
            nn.Linear(embed_dim, embed_dim, bias=False),
            nn.BatchNorm1d(embed_dim),
            nn.ReLU(),
            nn.Linear(embed_dim, width, bias=False),
            nn.BatchNorm1d(width, affine=False),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.mlp(self.encoder.forward_features(images).mean(dim=1))


def load_scenes(part: str, count: int, seed: int) -> SceneDataset:
    """Draw scenes of 24 × 24 pixels: one seed, one "unlabelled", "train", "validation" or "test" part."""
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r}: choose one of {', '.join(map(repr, PARTS))}")
    rng = np.random.default_rng([seed, 60 + PARTS.index(part)])
    return make_scenes(count, rng, IMAGE_SIZE, SETTINGS)


def truths(scenes: SceneDataset) -> dict[str, np.ndarray]:
    """Return what one may ask about each of B scenes with one object.

    Returns
    -------
    dict
        shape, colour, texture, ground : int64 arrays of shape (B,)
        place : the middle of the object's box, across and down, (B, 2), in pixels
        size : the root of the area of its box, (B,), in pixels
        light : the mean of all pixels, (B,), in 0 ... 255
    """
    grounds, boxes = list(BACKGROUNDS), scenes.boxes[:, 0]  # left, top, right, bottom
    sides = boxes[:, 2:] - boxes[:, :2]  # (B, 2)
    return {
        "shape": scenes.labels,
        "colour": scenes.object_colours[:, 0],
        "texture": scenes.object_textures[:, 0],
        "ground": np.array([grounds.index(caption.split()[-2]) for caption in scenes.captions]),
        "place": (boxes[:, :2] + boxes[:, 2:]) / 2,
        "size": np.sqrt(sides.prod(axis=1)),
        "light": scenes.images.mean(axis=(1, 2, 3)),
    }


def new_encoder(seed: int) -> VisionTransformer:
    """Return the network of the chapter with its first weights.

    Places start large and pixels are standardised by the first weights, or so small a network would first spend thousands
    of steps on finding out that its tokens differ.
    """
    with first_weights(seed):
        encoder = set_positions(VisionTransformer(num_classes=len(CLASS_NAMES), **NETWORK), "large")
    proj = encoder.patch_embed.proj
    with torch.no_grad():
        proj.weight.div_(PIXEL_STD)
        proj.bias.sub_(PIXEL_MEAN * proj.weight.sum(dim=(1, 2, 3)))
    return encoder


def pretrain_masked(
    images: torch.Tensor, seed: int, *, visible: int = VISIBLE, **settings
) -> tuple[MaskedAutoencoder, list[float]]:
    """Train a masked autoencoder on images (B, C, H, W) in [0, 1].

    Returns
    -------
    model : MaskedAutoencoder
    losses : list of float
        The mean loss of each pass.
    """

    def loss(model, batch, generator):
        seen, hidden = random_mask(len(batch), model.places.shape[1], visible, generator)
        return masked_loss(model(batch, seen), patchify(batch, NETWORK["patch_size"]), hidden)

    return _pretrain(MaskedAutoencoder, images, seed, loss, PRETRAINING["masked"] | settings)


def pretrain_contrastive(
    images: torch.Tensor, seed: int, *, colour: bool = True, temperature: float = TEMPERATURE, **settings
) -> tuple[Projector, list[float]]:
    """Train an encoder with SimCLR on images (B, C, H, W) in [0, 1]; without `colour`, views keep their colours.

    Returns
    -------
    model : Projector
    losses : list of float
        The mean loss of each pass.
    """

    def view(batch, generator):
        moved = move(batch, generator)
        return change_colour(moved, generator) if colour else moved

    def loss(model, batch, generator):
        return nt_xent(model(view(batch, generator)), model(view(batch, generator)), temperature)

    return _pretrain(Projector, images, seed, loss, PRETRAINING["contrastive"] | settings)


def _pretrain(build, images: torch.Tensor, seed: int, loss, settings: dict) -> tuple[nn.Module, list[float]]:
    """Put fresh parts around a fresh encoder and train them with `loss(model, batch, generator)`."""
    encoder = new_encoder(seed)
    with first_weights(seed + 1):
        model = build(encoder)
    generator = torch.Generator().manual_seed(seed)
    losses = train(model, (images,), loss=partial(loss, generator=generator), generator=generator, **settings)
    return model.eval(), losses


def train_labelled(
    start: VisionTransformer,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    seed: int,
    learning_rate: float,
    steps: int = STEPS,
) -> VisionTransformer:
    """Train a copy of `start` with a new head for about `steps` batches of 25 images that are shifted and mirrored.

    Parameters
    ----------
    start : VisionTransformer
        Pretrained, or with its first weights.
    images, labels : Tensors of shape (B, C, H, W) and (B,)
    """
    model = copy.deepcopy(start)
    with first_weights(seed + 2):
        model.head = nn.Linear(model.head.in_features, len(CLASS_NAMES))
    generator = torch.Generator().manual_seed(seed)

    def loss(model, batch, y):
        return functional.cross_entropy(model(move(batch, generator)), y)

    train(
        model,
        (images, labels),
        loss=loss,
        generator=generator,
        epochs=max(1, round(steps / -(-len(labels) // BATCH_SIZE))),
        batch_size=BATCH_SIZE,
        learning_rate=learning_rate,
    )
    return model.eval()


STRENGTHS = tuple(10.0**k for k in range(-1, 5))


def linear_probe(features: np.ndarray, truth: np.ndarray):
    """Fit one linear layer to features (n, D) in closed form: what has a `score` for other features and their truth.

    Whole numbers are classes, and the score is the accuracy; for other numbers it is R², the explained share of the
    variance. How much the weights are held back is chosen by leaving out one row at a time.
    """
    kind = RidgeClassifierCV if np.issubdtype(truth.dtype, np.integer) else RidgeCV
    return make_pipeline(StandardScaler(), kind(alphas=STRENGTHS)).fit(features, truth)


def nearest(features: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """Return which rows of features (n, D) point most nearly where each query (q, D) does: (q, count), nearest first."""
    one, other = (f / np.linalg.norm(f, axis=1, keepdims=True) for f in (queries, features))
    return np.argsort(-one @ other.T, axis=1, kind="stable")[:, :count]
