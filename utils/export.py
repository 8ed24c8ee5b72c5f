"""From a trained PyTorch classifier to one ONNX file that holds all that an answer depends on.

The chapter `4_code/project` writes `PictureClassifier` and `export_onnx` out (without `drop_notes`) and uses the rest.
"""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from utils.checks import check_whole
from utils.data.checks import check_range, check_uint8_images
from utils.torch_models import Standardise

OPSET = 18
_INPUT, _OUTPUT = "images", "logits"


class PictureClassifier(nn.Module):
    """Bytes in, logits out: uint8 images (B, H, W, C), as they lie in a picture, to logits (B, Y).

    The change of axes, the division by 255, the standardisation and the temperature are inside, so nobody who uses
    the model can forget one of them or do one twice.

    Parameters
    ----------
    network : Module
        Standardised float32 images (B, C, H, W) to logits (B, Y).
    mean, std : sequence of C float
        Of the training images in [0, 1], see `utils.data.transforms.channel_statistics`.

    Attributes
    ----------
    temperature : Tensor, one number, 1 at first
        The logits are divided by it; `utils.metrics.softmax` says why one would.
    """

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.standardise = Standardise(mean, std)
        self.network = network
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, images):
        planes = images.permute(0, 3, 1, 2).float() / 255  # (B, H, W, C) -> (B, C, H, W)
        return self.network(self.standardise(planes)) / self.temperature


def export_onnx(
    model: nn.Module,
    path: str | Path,
    *,
    image_size: int,
    class_names: Sequence[str],
    threshold: float = 0.0,
) -> Path:
    """Write a model of bytes as one ONNX file, the names of its classes in the metadata.

    Parameters
    ----------
    model : Module
        uint8 images (B, H, W, 3) to logits (B, Y), such as `PictureClassifier`; put into evaluation mode.
    path : str or Path
        Where the file goes.
    image_size : int
        H = W, in pixels.
    class_names : sequence of Y str
    threshold : float in [0, 1]
        Below this probability the answer is "not sure".

    Raises
    ------
    ValueError
        If the model gives another number of logits than there are names, or a number is out of range.
    """
    import onnx

    path, names = Path(path), list(class_names)
    check_whole("image_size", image_size, 1)
    check_range("threshold", threshold, 0, 1)
    example = torch.zeros(2, image_size, image_size, 3, dtype=torch.uint8)
    model.eval()
    with torch.no_grad():
        count = model(example).shape[1]
    if count != len(names) or len(set(names)) != count:
        raise ValueError(f"the model gives {count} logits: give {count} different class names, not {names}")
    with quiet_exporter():
        torch.onnx.export(
            model, (example,), path, dynamo=True, verbose=False, opset_version=OPSET, external_data=False,
            input_names=[_INPUT], output_names=[_OUTPUT], dynamic_shapes=({0: torch.export.Dim("batch")},),
        )  # fmt: skip
    written = onnx.load(path)
    drop_notes(written)
    card = {"class_names": names, "image_size": image_size, "threshold": threshold}
    onnx.helper.set_model_props(written, {key: json.dumps(value) for key, value in card.items()})
    onnx.checker.check_model(written, full_check=True)
    onnx.save(written, path)
    return path


def drop_notes(model) -> None:
    """Take out of an `onnx.ModelProto` what the exporter notes at each node: lines of code, and in whose folders they are.

    No answer depends on it, and in a small network it is a third of all bytes. The model's own metadata stays.
    """
    graph = model.graph
    for part in (*graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep back two notes of the exporter about itself: packages it could use, and a spelling that it will change."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*treespec.*")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def read_card(path: str | Path) -> dict[str, object]:
    """Return what the metadata of an exported file says: `class_names`, `image_size` and `threshold`.

    ValueError for a file that has none, and for weights that lie in a second file: alone, it would be worth nothing.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    outside = [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        raise ValueError(
            f"{path} keeps the weights {', '.join(outside)} in a second file: export with external_data=False"
        )
    card = {entry.key: json.loads(entry.value) for entry in model.metadata_props if entry.key in _CARD}
    if set(card) != _CARD:
        raise ValueError(
            f"{path} does not say {', '.join(sorted(_CARD - set(card)))}: write it with export_onnx"
        )
    return card


_CARD = {"class_names", "image_size", "threshold"}


def open_session(path: str | Path):
    """Return an ONNX Runtime session of a file, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_onnx(path: str | Path, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Return the logits (B, Y), float32, that ONNX Runtime gives for uint8 images (B, H, W, 3), on one thread."""
    check_uint8_images(images)
    session = open_session(path)
    starts = range(0, max(len(images), 1), batch_size)
    parts = [session.run([_OUTPUT], {_INPUT: images[start : start + batch_size]})[0] for start in starts]
    return np.concatenate(parts)
