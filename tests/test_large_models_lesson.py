"""What the lesson on large models writes out gives the same as the package's copies."""

import json
import struct
from pathlib import Path

import numpy as np
import papermill
import pytest
from lessons import written_out
from test_pretrained import SAVE

from utils import numpy_nn, pretrained, vit_by_hand
from utils.runs import ROOT

CHAPTER = "4_code/large_models"


@pytest.fixture(scope="module")
def lesson():
    """Return the names that the chapter's cells tagged `define` define."""
    return written_out(CHAPTER, np=np, json=json, struct=struct, Path=Path, numpy_nn=numpy_nn)


@pytest.fixture(scope="module")
def arrays():
    return vit_by_hand.read_safetensors(
        pretrained.find_folder("results/checkpoints/small_vit") / "model.safetensors"
    )


def test_the_reader(lesson, arrays):
    path = pretrained.find_folder("results/checkpoints/small_vit") / "model.safetensors"
    ours = lesson["read_safetensors"](path)
    assert ours.keys() == arrays.keys()
    assert all(np.array_equal(ours[name], arrays[name]) for name in arrays)


def test_names_and_encoder(lesson, arrays):
    assert lesson["NAMES"] == vit_by_hand.NAMES
    ours, theirs = (one["block_state"](arrays, 1) for one in (lesson, vars(vit_by_hand)))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    pixels = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    for one, other in zip(
        lesson["encode_by_hand"](arrays, pixels, 2, 4, 1e-3),
        vit_by_hand.encode_by_hand(arrays, pixels, 2, 4, 1e-3),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_neighbours_and_zero_shot(lesson):
    images, texts = np.random.default_rng(0).normal(size=(2, 6, 4))
    for name, arguments in (
        ("unit_length", (images,)),
        ("nearest", (images, texts, 3)),
        ("zero_shot", (images, texts, 9.0)),
    ):
        np.testing.assert_allclose(
            lesson[name](*arguments), getattr(pretrained, name)(*arguments), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("kind", SAVE)
def test_the_chapter_runs_with_a_readers_model(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    SAVE[kind](tmp_path / "model")
    chapter = ROOT / f"chapters/{CHAPTER}.ipynb"
    notebook = papermill.execute_notebook(
        str(chapter), str(tmp_path / "out.ipynb"), cwd=str(chapter.parent), progress_bar=False,
        parameters={"profile": "smoke", "backbone": str(tmp_path / "model")}, execution_timeout=300,
    )  # fmt: skip
    outputs = {cell["id"]: str(cell["outputs"]) for cell in notebook.cells if cell.cell_type == "code"}
    assert kind in outputs["load-backbone"] and "We go on with" not in outputs["load-backbone"]
    assert ("mean of three" in outputs["zero-clip"]) == (kind == "clip")


def test_the_chapter_goes_on_without_the_model(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    chapter = ROOT / f"chapters/{CHAPTER}.ipynb"
    notebook = papermill.execute_notebook(
        str(chapter), str(tmp_path / "out.ipynb"), cwd=str(chapter.parent), progress_bar=False,
        parameters={"profile": "smoke", "backbone": "facebook/dinov2-small"}, execution_timeout=300,
    )  # fmt: skip
    outputs = {cell["id"]: str(cell["outputs"]) for cell in notebook.cells if cell.cell_type == "code"}
    assert "We go on with results/checkpoints/small_vit." in outputs["load-backbone"]
