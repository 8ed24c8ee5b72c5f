"""ONNX files with fewer bytes: half-precision weights, or eight-bit integers.

Needs `onnx` and `onnxruntime`. The chapter `5_trends_and_challenges/efficiency` measures what each is worth.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from utils.data.checks import check_uint8_images

KINDS = ("float32", "float16 stored", "int8 dynamic", "int8 static")


def store_as_half(source: str | Path, target: str | Path) -> Path:
    """Write a copy of an ONNX file whose float32 weights are stored as float16.

    Each is turned back into float32 when the file is loaded, and the arithmetic stays what it was. What float16 cannot
    hold (above 65,504) raises a ValueError.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(source)
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(f"float16 ends at 65,504, and {name} has a number of {np.abs(values).max():g}")
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)
    return Path(target)


def quantise_dynamic(source: str | Path, target: str | Path) -> Path:
    """Write a copy of an ONNX file with int8 weights; activations are rounded while it runs.

    The step of the activations is measured anew for each input, which costs time and needs no pictures now. A dense layer
    has a step for each channel; a convolution has one step, since ONNX Runtime's `ConvInteger` takes no more.
    """
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    target = Path(target)
    with _without_advice():
        quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        quantize_dynamic(target, target, weight_type=QuantType.QInt8, per_channel=True)
    return target


def quantise_static(
    source: str | Path, target: str | Path, images: np.ndarray, input_name: str = "images"
) -> Path:
    """Write a copy of an ONNX file with int8 weights and activations, whose steps are fixed from sample pictures.

    Parameters
    ----------
    source, target : str or Path
    images : uint8 array of shape (B, H, W, 3)
        Training images: the largest and smallest activation that they cause set the step of each layer.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quant_pre_process, quantize_static

    check_uint8_images(images)
    target = Path(target)
    with _without_advice():
        quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        quantize_static(
            target,
            target,
            _Pictures(images, input_name),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "MaxPool"],
        )
    return target


class _Pictures:
    """Hand pictures to ONNX Runtime's calibration, a hundred at a time."""

    def __init__(self, images: np.ndarray, input_name: str, batch_size: int = 100):
        starts = range(0, len(images), batch_size)
        self.batches = iter([{input_name: images[start : start + batch_size]} for start in starts])

    def get_next(self):
        return next(self.batches, None)


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Keep back what the quantiser of ONNX Runtime says about steps that one could add."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def compress(source: str | Path, folder: str | Path, images: np.ndarray) -> dict[str, Path]:
    """Write each of `KINDS` of one ONNX file into a folder, and return the paths; `float32` is the file itself."""
    source, folder = Path(source), Path(folder)
    half, dynamic, static = (folder / f"{source.stem}_{kind}.onnx" for kind in ("half", "dynamic", "static"))
    paths = (
        source,
        store_as_half(source, half),
        quantise_dynamic(source, dynamic),
        quantise_static(source, static, images),
    )
    return dict(zip(KINDS, paths, strict=True))
