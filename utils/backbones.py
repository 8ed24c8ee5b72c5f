"""Which pretrained image models there are, and how large they are: counted from their configurations, no weights needed.

A model on PyTorch's device `meta` has shapes and no numbers, so even the largest is built in a moment. Used in the chapter
`4_code/large_models`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, CLIPConfig, Dinov2Config, ViTConfig

from utils import model_sizes
from utils.pretrained import wanted_parts


@dataclass(frozen=True)
class PublishedBackbone:
    """Name a published model and what has to be known before one uses it.

    Attributes
    ----------
    name : str
        Its repository on the Hugging Face hub; the page is https://huggingface.co/ with that name.
    config : callable
        Gives its configuration, as published there.
    image_size : int
        H = W of the images that it is fed with, in pixels.
    trained_on, licence : str
        As its authors state them; licences change, so look at the page.
    source : str
        The key of the reference.
    """

    name: str
    config: Callable[[], Any]
    image_size: int
    trained_on: str
    licence: str
    source: str


def published_backbones() -> list[PublishedBackbone]:
    """Return the models that the chapter compares: classified, taught by themselves, taught by captions."""

    def dinov2(hidden_size, num_hidden_layers, num_attention_heads):
        return lambda: Dinov2Config(
            hidden_size=hidden_size,
            num_hidden_layers=num_hidden_layers,
            num_attention_heads=num_attention_heads,
            patch_size=14,
            image_size=518,
        )

    own, pairs = "142 million images, not published", "400 million captioned images, not published"
    apache, mit = "Apache 2.0", "MIT"
    vit = "google/vit-base-patch16-224-in21k"
    clip_b32, clip_l14 = partial(_clip, 512, 768, 12, 32), partial(_clip, 768, 1024, 24, 14)
    open_clip = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    return [
        PublishedBackbone(
            vit, ViTConfig, 224, "14 million images with class names", apache, "dosovitskiy2021"
        ),
        PublishedBackbone("facebook/dinov2-small", dinov2(384, 12, 6), 224, own, apache, "oquab2024"),
        PublishedBackbone("facebook/dinov2-base", dinov2(768, 12, 12), 224, own, apache, "oquab2024"),
        PublishedBackbone("facebook/dinov2-large", dinov2(1024, 24, 16), 224, own, apache, "oquab2024"),
        PublishedBackbone("openai/clip-vit-base-patch32", clip_b32, 224, pairs, "none stated", "radford2021"),
        PublishedBackbone(
            "openai/clip-vit-large-patch14", clip_l14, 224, pairs, "none stated", "radford2021"
        ),
        PublishedBackbone(
            open_clip, clip_b32, 224, "2 billion captioned links, published", mit, "schuhmann2022"
        ),
    ]


def _clip(text_width: int, width: int, depth: int, patch_size: int) -> CLIPConfig:
    """Give the shapes of a CLIP: heads of 64 numbers, MLPs four times as wide, and the texts' width shared with images."""

    def encoder(hidden_size: int, layers: int) -> dict[str, int]:
        return {
            "hidden_size": hidden_size,
            "intermediate_size": 4 * hidden_size,
            "num_hidden_layers": layers,
            "num_attention_heads": hidden_size // 64,
        }

    image = encoder(width, depth) | {"patch_size": patch_size, "image_size": 224}
    return CLIPConfig(text_config=encoder(text_width, 12), vision_config=image, projection_dim=text_width)


def shapes_only(config: Any) -> nn.Module:
    """Build the model of a configuration without its numbers, on the device `meta`."""
    with torch.device("meta"):
        return AutoModel.from_config(config, **wanted_parts(config))


def image_layers(config: Any, image_size: int) -> list[model_sizes.Layer]:
    """List the layers that an image goes through, with their work for one image of `image_size` × `image_size` pixels.

    The layer behind the tokens of a CLIP, its second layer normalisation, and the scales and the mask token of a DINOv2
    are left out.
    """
    image = getattr(config, "vision_config", config)
    hidden = getattr(image, "intermediate_size", None) or image.hidden_size * image.mlp_ratio
    return model_sizes.vision_transformer(
        image_size,
        image.patch_size,
        image.hidden_size,
        image.num_hidden_layers,
        int(hidden),
        image.num_attention_heads,
    )
