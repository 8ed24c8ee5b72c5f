"""A Vision Transformer's file read, renamed and computed without `transformers`, to know what is in there.

Built in the chapter `4_code/large_models`. The layers are those of `utils.numpy_nn`.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from utils import numpy_nn

TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8"}
"""Types of numbers by the names that safetensors gives them; NumPy has no bfloat16."""

NAMES = {
    "layernorm_before": "norm1",
    "attention.output.dense": "attn.proj",
    "layernorm_after": "norm2",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}
"""The parts of a block: in the files of transformers, and in this book, which has timm's names."""


def read_safetensors(path: str | Path) -> dict[str, np.ndarray]:
    """Read a safetensors file: the length of the list, the list, the numbers.

    Raises
    ------
    ValueError
        For a file that is none, or for numbers of a type that NumPy does not have.
    """
    content = Path(path).read_bytes()
    length = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else len(content)
    if 8 + length > len(content) or content[8:9] != b"{":
        raise ValueError(f"{path} is no safetensors file: it does not begin with a list of its arrays")
    listing, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    arrays = {}
    for name, entry in listing.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in TYPES:
            raise ValueError(
                f"{name} in {path} has the type {entry['dtype']}; NumPy reads {', '.join(TYPES)}"
            )
        first, last = entry["data_offsets"]
        arrays[name] = np.frombuffer(numbers[first:last], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def turned(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return weight and bias of one layer with NumPy's layout: (out, in) becomes (in, out), (O, C, K, K) (K, K, C, O)."""
    weight, bias = (arrays[f"{name}.{part}"].astype(np.float32) for part in ("weight", "bias"))
    axes = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[weight.ndim]
    return {"weight": weight.transpose(axes), "bias": bias}


def block_state(arrays: Mapping[str, np.ndarray], index: int) -> dict[str, np.ndarray]:
    """Return the weights of one block under the names of `utils.numpy_nn.Block`."""
    block = f"vit.encoder.layer.{index}"
    state = {}
    for theirs, ours in NAMES.items():
        for part, array in turned(arrays, f"{block}.{theirs}").items():
            state[f"{ours}.{part}"] = array
    three = [turned(arrays, f"{block}.attention.attention.{part}") for part in ("query", "key", "value")]
    for part in ("weight", "bias"):
        state[f"attn.qkv.{part}"] = np.concatenate([one[part] for one in three], axis=-1)  # (D, 3D), (3D)
    return state


def encode_by_hand(
    arrays: Mapping[str, np.ndarray], pixels: np.ndarray, depth: int, num_heads: int, epsilon: float = 1e-12
) -> list[np.ndarray]:
    """Compute a Vision Transformer's tokens before the first block and after each of the L blocks.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As in the file of a `ViTForImageClassification`.
    pixels : ndarray of shape (B, H, W, C), float32
        Prepared as the model wants them.
    depth, num_heads : int
        L and A.
    epsilon : float
        What its layer normalisations add to the variance.

    Returns
    -------
    list of L + 1 ndarrays of shape (B, 1 + N, D)
    """
    rng, embeddings = np.random.default_rng(0), "vit.embeddings"
    patches = turned(arrays, f"{embeddings}.patch_embeddings.projection")
    patch_size, _, channels, width = patches["weight"].shape
    embed = numpy_nn.PatchEmbed(pixels.shape[1], patch_size, channels, width, rng)
    embed.proj.load(patches)
    first = np.repeat(arrays[f"{embeddings}.cls_token"], len(pixels), axis=0)  # (1, 1, D) -> (B, 1, D)
    tokens = np.concatenate([first, embed.forward(pixels)], axis=1)  # (B, 1 + N, D)
    states = [(tokens + arrays[f"{embeddings}.position_embeddings"]).astype(np.float32)]
    for index in range(depth):
        state = block_state(arrays, index)
        block = numpy_nn.Block(width, num_heads, len(state["mlp.fc1.bias"]) / width, rng)
        block.load(state)
        block.norm1.epsilon = block.norm2.epsilon = epsilon
        states.append(block.forward(states[-1]))
    return states
