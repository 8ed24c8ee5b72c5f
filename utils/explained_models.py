"""A trained classifier that hands out what it computes on its way to the answer, and its ONNX file for the labs."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from utils.explanations import attention_weights
from utils.export import OPSET, drop_notes, quiet_exporter
from utils.whitened_cnn import LOGIT_DIVISOR


class ExplainedCnn(nn.Module):
    """A trained `WhitenedCnn` that shows its maps: uint8 images (B, H, W, C) to what `names` lists.

    Parameters
    ----------
    model : Sequential
        From `utils.trained.load_trained`: `standardise`, then `network`.

    Attributes
    ----------
    names : list of str
        "logits" (B, Y); "maps_1", "maps_2", … (B, D, H', W'), what leaves each ReLU; "evidence" (B, Y, H', W'), the
        share of each logit that comes from each place of the last maps. The network takes the largest value of each
        map, so a map speaks for the place where it is largest, and the shares of all places sum to the logit.
    """

    def __init__(self, model: nn.Sequential):
        super().__init__()
        self.model = model
        self.names = ["logits", *(f"maps_{i + 1}" for i in range(len(self._layers()))), "evidence"]

    def _layers(self) -> list[nn.Module]:
        """Return the layers behind each of which a ReLU stands."""
        network = self.model.network
        return [network.whiten, *(norm for group in network.groups for norm in group.norms)]

    def forward(self, images):
        maps = []
        handles = [
            layer.register_forward_hook(lambda module, given, out: maps.append(functional.relu(out)))
            for layer in self._layers()
        ]
        try:
            logits = self.model(to_planes(images))
        finally:
            for handle in handles:
                handle.remove()
        largest = (maps[-1] == maps[-1].amax((2, 3), keepdim=True)).float()  # (B, D, H', W')
        shares = maps[-1] * largest / largest.sum((2, 3), keepdim=True)  # places with the same value share it
        evidence = torch.einsum("bdhw,yd->byhw", shares, self.model.network.head.weight) / LOGIT_DIVISOR
        return logits, *maps, evidence


class ExplainedVit(nn.Module):
    """A trained `VisionTransformer` that shows its attention: uint8 images (B, H, W, C) to what `names` lists.

    Attributes
    ----------
    names : list of str
        "logits" (B, Y) and "attention" (B, L, A, N, N): how much each token takes from each other, block by block.
    """

    names = ("logits", "attention")

    def __init__(self, model: nn.Sequential):
        super().__init__()
        self.model = model

    def forward(self, images):
        planes, network = to_planes(images), self.model.network
        tokens = network.patch_embed(self.model.standardise(planes)) + network.pos_embed  # (B, N, D)
        layers = attention_weights(network.blocks, tokens)  # L of (B, A, N, N)
        return self.model(planes), torch.stack(layers, dim=1)


def to_planes(images: torch.Tensor) -> torch.Tensor:
    """Turn uint8 images (B, H, W, C) into float32 (B, C, H, W) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


def export_explained(model: nn.Module, path: Path, image_size: int) -> Path:
    """Write an explained model as one ONNX file: input "images", outputs as in `names`.

    Weights that half precision can hold, as those of the course's checkpoints, are stored so, and turned back into float32
    when the file is opened: half the bytes, the same numbers.
    """
    import onnx

    example = torch.zeros(2, image_size, image_size, 3, dtype=torch.uint8)
    with quiet_exporter():
        torch.onnx.export(
            model.eval(), (example,), path, dynamo=True, verbose=False, opset_version=OPSET, external_data=False,
            input_names=["images"], output_names=list(model.names), dynamic_shapes=({0: torch.export.Dim("batch")},),
            optimize=False,  # it would multiply batch norms into the kernels, and half precision could not hold them
        )  # fmt: skip
    written = onnx.load(path)
    drop_notes(written)
    halve(written)
    onnx.checker.check_model(written, full_check=True)
    onnx.save(written, path)
    return path


def halve(model) -> None:
    """Store the weights of an `onnx.ModelProto` in half precision where that changes none of their numbers."""
    import onnx

    graph = model.graph
    for weight in list(graph.initializer):
        numbers = onnx.numpy_helper.to_array(weight)
        if numbers.dtype != np.float32 or numbers.size < 16:
            continue
        half = numbers.astype(np.float16)
        if np.array_equal(half.astype(np.float32), numbers):
            name = weight.name
            weight.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}_half"))
            cast = onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT)
            graph.node.insert(0, cast)
