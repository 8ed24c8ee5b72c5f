"""Pretrained image models through `transformers`: load by name or from a folder, features, zero-shot answers, neighbours.

Weights come from safetensors files alone. A pickle, the older format, can run any program when it is read, and so can the
code that some repositories bring along; neither is ever opened. Built in the chapter `4_code/large_models`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import are_progress_bars_disabled
from torch import nn
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer
from transformers.utils import logging

from utils.checks import check_whole
from utils.data.checks import check_uint8_images
from utils.metrics import softmax
from utils.runs import ROOT
from utils.torch_training import count_parameters

KINDS = ("vit", "dinov2", "clip")
"""The `model_type` of `config.json` for which this module knows where the features are."""

_FILES = ("*.json", "*.txt", "model*.safetensors")
_PATIENCE = 5.0  # seconds that a hub may take to answer


class BackboneUnavailableError(RuntimeError):
    """A pretrained model is not here, or cannot be used; the message says what was tried and what to do."""


@dataclass(frozen=True)
class Backbone:
    """Hold a pretrained model with what belongs to it.

    Attributes
    ----------
    name : str
        As it was asked for.
    folder : Path
        Where its files lie.
    kind : str
        One of `KINDS`.
    model : Module
        float32, in evaluation mode.
    processor : image processor of transformers
        Turns images into what the model was trained on.
    tokenizer : tokenizer of transformers, or None
        Only CLIP has one.
    """

    name: str
    folder: Path
    kind: str
    model: nn.Module
    processor: Any
    tokenizer: Any

    @property
    def num_parameters(self) -> int:
        """How many numbers the model has."""
        return count_parameters(self.model)


def load_backbone(name_or_folder: str | Path, *, download: bool = True) -> Backbone:
    """Load a ViT, a DINOv2 or a CLIP from a folder, from the cache of the Hugging Face hub, or from the hub.

    Parameters
    ----------
    name_or_folder : str or Path
        A folder with `config.json`, `preprocessor_config.json` and `model.safetensors`, from here or from the root of
        this project; or the name of a repository, such as "facebook/dinov2-small".
    download : bool
        Whether the hub may be asked for what is neither in a folder nor in the cache.

    Raises
    ------
    BackboneUnavailableError
        If there is no such folder or repository, the hub does not answer (within seconds; with HF_HUB_OFFLINE=1 it is
        not asked), files are missing, weights come as a pickle only, or the model is of another kind.
    """
    name = str(name_or_folder)
    folder = find_folder(name, download=download)
    _check_files(name, folder)
    options = {"local_files_only": True, "trust_remote_code": False}
    with _quiet():
        try:
            config = AutoConfig.from_pretrained(folder, **options)
        except (OSError, ValueError, KeyError) as error:
            raise BackboneUnavailableError(
                f"{name}: transformers does not understand {folder / 'config.json'} ({_first_line(error)}): "
                "download it again, or choose a model of one of the kinds " + ", ".join(KINDS)
            ) from error
        kind = config.model_type
        if kind not in KINDS:
            raise BackboneUnavailableError(
                f"{name} is a model of the kind {kind!r}, and it is not known here where its features are: "
                f"choose one of the kinds {', '.join(KINDS)}"
            )
        model = _load_model(name, folder, config, options)
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **options)
        tokenizer = AutoTokenizer.from_pretrained(folder, **options) if kind == "clip" else None
    return Backbone(name, folder, kind, model.eval(), processor, tokenizer)


def find_folder(name: str, *, download: bool = True) -> Path:
    """Return the folder that holds the files of a model.

    A folder of that name comes first, then the cache, then, with `download`, the hub, which gets a few seconds to answer.
    """
    for folder in (Path(name).expanduser(), ROOT / name):
        if folder.is_dir():
            return folder.resolve()
    here = f"there is no folder {name!r}, neither here nor in {ROOT}"
    if name.count("/") != 1 or name.startswith((".", "~", "/")):
        raise BackboneUnavailableError(
            f"{here}: give a folder with a model, or the name of a repository, such as 'facebook/dinov2-small'"
        )
    by_hand = f"on a machine with a network run `hf download {name} --local-dir FOLDER`, and give that folder"
    try:
        with contextlib.suppress(LocalEntryNotFoundError):
            return Path(snapshot_download(name, allow_patterns=_FILES, local_files_only=True))
        if not download:
            raise BackboneUnavailableError(
                f"{here}, it is not in the cache, and the hub was not asked: {by_hand}"
            )
        return Path(snapshot_download(name, allow_patterns=_FILES, etag_timeout=_PATIENCE))
    except BackboneUnavailableError:
        raise
    except HFValidationError as error:
        raise BackboneUnavailableError(f"{here}, and it cannot be the name of a repository either") from error
    except GatedRepoError as error:
        raise BackboneUnavailableError(
            f"the hub gives {name} only to those who have agreed to its licence: do so on its page, then {by_hand}"
        ) from error
    except RepositoryNotFoundError as error:
        raise BackboneUnavailableError(
            f"{here}, and the hub knows no public model of that name: check the spelling"
        ) from error
    except Exception as error:  # a network fails in many ways; the reader needs one sentence for all
        raise BackboneUnavailableError(
            f"{here}, it is not in the cache, and the hub does not answer ({_first_line(error)}): {by_hand}"
        ) from error


def _check_files(name: str, folder: Path) -> None:
    """Raise BackboneUnavailableError unless the folder has what `load_backbone` reads."""
    for needed in ("config.json", "preprocessor_config.json"):
        if not (folder / needed).is_file():
            raise BackboneUnavailableError(
                f"{name}: {folder} has no {needed}: give the folder of a whole model"
            )
    if not any(folder.glob("model*.safetensors")):
        pickles = sorted(path.name for path in folder.glob("*.bin")) + sorted(
            path.name for path in folder.glob("*.pt*")
        )
        why = f"only {', '.join(pickles)}, a pickle, which may run any program" if pickles else "no weights"
        raise BackboneUnavailableError(
            f"{name}: {folder} has no model.safetensors, {why}: look for a version of the model in safetensors"
        )


def wanted_parts(config: Any) -> dict[str, bool]:
    """Return what transformers has to be told so that it builds no part that nothing here uses: the pooler of a ViT."""
    return {"add_pooling_layer": False} if config.model_type == "vit" else {}


def _load_model(name: str, folder: Path, config: Any, options: dict[str, bool]) -> nn.Module:
    """Load the weights; BackboneUnavailableError if the file lacks some, where transformers would make them up."""
    try:
        model, report = AutoModel.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            **wanted_parts(config),
            **options,
        )
    except Exception as error:  # a damaged file fails in as many ways as a network
        raise BackboneUnavailableError(
            f"{name}: the weights in {folder} cannot be read ({_first_line(error)}): download them again"
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise BackboneUnavailableError(
            f"{name}: the file has no weights for {len(missing)} parts of the model, such as {missing[0]}, and "
            "random ones would take their place: give the folder of a whole model"
        )
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from printing reports and bars while it loads; what they say is checked here instead."""
    level, no_bars = logging.get_verbosity(), are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if not no_bars:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def prepare(backbone: Backbone, images: np.ndarray) -> torch.Tensor:
    """Resize, cut and standardise images as the model's `preprocessor_config.json` says.

    Parameters
    ----------
    images : ndarray of shape (B, H, W, 3), uint8

    Returns
    -------
    Tensor of shape (B, 3, H', W'), float32
    """
    check_uint8_images(images)
    if images.shape[3] != 3 or not len(images):
        raise ValueError(
            f"images must have three channels, and there must be at least one, got shape {images.shape}: "
            "of grey images repeat the channel with np.repeat(images, 3, axis=3)"
        )
    return backbone.processor(
        images=list(images), input_data_format="channels_last", return_tensors="pt"
    ).pixel_values


@torch.no_grad()
def image_features(backbone: Backbone, images: np.ndarray, batch_size: int = 100) -> np.ndarray:
    """Return one vector for each image: float32 (B, D).

    Of a ViT and a DINOv2 it is the class token behind the last layer normalisation, of a CLIP its projection into the
    space that pictures and texts share.

    Parameters
    ----------
    images : ndarray of shape (B, H, W, 3), uint8
    """
    check_whole("batch_size", batch_size, 1)
    parts = []
    for start in range(0, max(len(images), 1), batch_size):
        pixels = prepare(backbone, images[start : start + batch_size])
        if backbone.kind == "clip":
            parts.append(backbone.model.get_image_features(pixels).pooler_output)  # (b, D)
        else:
            parts.append(backbone.model(pixels).last_hidden_state[:, 0])  # (b, 1 + N, D) -> (b, D)
    return torch.cat(parts).numpy()


@torch.no_grad()
def text_features(backbone: Backbone, texts: Sequence[str]) -> np.ndarray:
    """Return one vector for each text, in the space that a CLIP's pictures and texts share: float32 (Y, D)."""
    if backbone.tokenizer is None:
        raise ValueError(f"{backbone.name} is a {backbone.kind}, which reads no texts: give a CLIP")
    if isinstance(texts, str) or not len(texts):
        raise ValueError(f"texts must be a list of at least one text, got {texts!r}")
    tokens = backbone.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    return backbone.model.get_text_features(
        input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
    ).pooler_output.numpy()


@torch.no_grad()
def attention_maps(backbone: Backbone, images: np.ndarray) -> np.ndarray:
    """Return what each head of each layer looks at, float32 (L, B, A, 1 + N, 1 + N); token 0 is the class token.

    Row i of the last two axes says how much token i takes from each token, and sums to 1.
    """
    model = backbone.model.vision_model if backbone.kind == "clip" else backbone.model
    usual = model.config._attn_implementation
    model.set_attn_implementation("eager")  # the fast implementations never write the weights down
    try:
        maps = model(prepare(backbone, images), output_attentions=True).attentions
    finally:
        model.set_attn_implementation(usual)
    return torch.stack(maps).numpy()  # L times (B, A, 1 + N, 1 + N)


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (..., D) to length 1; ValueError for a vector of zeros, which points nowhere."""
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.all(lengths > 0):
        raise ValueError("a vector of zeros has no direction, so it cannot be given the length 1")
    return vectors / lengths


def zero_shot(images: np.ndarray, texts: np.ndarray, scale: float) -> np.ndarray:
    """Return the probability of each text for each image: softmax of `scale` times the cosine, (B, Y).

    Source: A. Radford and others, Learning Transferable Visual Models from Natural Language Supervision, 2021, figure 3.

    Parameters
    ----------
    images : ndarray of shape (B, D)
    texts : ndarray of shape (Y, D)
    scale : float
        The inverse of the temperature: `exp(model.logit_scale)` of a CLIP.
    """
    logits = scale * unit_length(images) @ unit_length(texts).T  # (B, D) @ (D, Y) -> (B, Y)
    return softmax(logits)


def nearest(queries: np.ndarray, gallery: np.ndarray, count: int) -> np.ndarray:
    """Return for each query (Q, D) the rows of the gallery (G, D) with the largest cosine, best first: (Q, count)."""
    check_whole("count", count, 1, len(gallery))
    likeness = unit_length(queries) @ unit_length(gallery).T  # (Q, G)
    return np.argsort(-likeness, axis=1, kind="stable")[:, :count]
