"""Models that hand out what they compute: the same answers, maps that add up, and a file that holds them."""

import numpy as np
import onnx
import pytest
import torch

from utils import explanations
from utils.explained_models import ExplainedCnn, ExplainedVit, export_explained, halve, to_planes
from utils.export import open_session
from utils.trained import load_trained

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
WRAPPERS = {"cnn_scenes": ExplainedCnn, "vit_scenes": ExplainedVit}


@pytest.fixture(params=WRAPPERS)
def explained(request):
    """Return a trained model of the course that hands out what it computes."""
    return WRAPPERS[request.param](load_trained(request.param)).eval()


@torch.no_grad()
def test_logits_are_those_of_the_model(explained):
    logits, *_ = explained(torch.from_numpy(IMAGES))
    torch.testing.assert_close(logits, explained.model(to_planes(torch.from_numpy(IMAGES))), rtol=0, atol=0)


@torch.no_grad()
def test_evidence_of_all_places_sums_to_the_logits():
    explained = ExplainedCnn(load_trained("cnn_scenes"))
    logits, *maps, evidence = explained(torch.from_numpy(IMAGES))
    assert [tuple(m.shape[1:]) for m in maps] == [(24, 16, 16), (32, 8, 8), (32, 8, 8), (96, 4, 4)]
    assert evidence.shape == (3, 10, 4, 4) and all((m >= 0).all() for m in maps)
    torch.testing.assert_close(evidence.sum((2, 3)), logits, rtol=0, atol=1e-5)
    flat = ExplainedCnn(load_trained("cnn_scenes"))
    with torch.no_grad():
        flat.model.network.groups[-1].norms[-1].weight.zero_()  # every place of a map is its largest
    logits, *_, evidence = flat(torch.from_numpy(IMAGES))
    torch.testing.assert_close(evidence, evidence.mean((2, 3), keepdim=True).expand_as(evidence))
    torch.testing.assert_close(evidence.sum((2, 3)), logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_attention_is_that_of_the_blocks():
    explained = ExplainedVit(load_trained("vit_scenes"))
    _, attention = explained(torch.from_numpy(IMAGES))
    network, planes = explained.model.network, to_planes(torch.from_numpy(IMAGES))
    tokens = network.patch_embed(explained.model.standardise(planes)) + network.pos_embed
    layers = explanations.attention_weights(network.blocks, tokens)
    assert attention.shape == (3, 3, 4, 64, 64)
    torch.testing.assert_close(attention, torch.stack(layers, dim=1), rtol=0, atol=0)
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 3, 4, 64))


def test_the_file_gives_the_same_numbers_with_half_the_bytes(explained, tmp_path):
    path = export_explained(explained, tmp_path / "model.onnx", 32)
    outputs = open_session(path).run(None, {"images": IMAGES})
    with torch.no_grad():
        expected = explained(torch.from_numpy(IMAGES))
    assert len(outputs) == len(explained.names)
    for ours, theirs in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-4)
    weights = sum(p.numel() for p in explained.parameters())
    assert path.stat().st_size < 2 * weights + 80_000, "not half precision"


def test_only_weights_that_half_precision_can_hold_are_halved():
    exact, rough = np.full(16, 0.5, np.float32), np.full(16, 0.1, np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["exact", "rough"], ["sum"])],
        "graph",
        [],
        [onnx.helper.make_tensor_value_info("sum", onnx.TensorProto.FLOAT, [16])],
        [onnx.numpy_helper.from_array(exact, "exact"), onnx.numpy_helper.from_array(rough, "rough")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    halve(model)
    kinds = {weight.name: weight.data_type for weight in model.graph.initializer}
    assert kinds == {"exact_half": onnx.TensorProto.FLOAT16, "rough": onnx.TensorProto.FLOAT}
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {})[0], exact + rough)
