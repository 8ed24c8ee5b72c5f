"""The folder with the page is complete, and says what is missing when it cannot be written."""

import base64
import gzip
import json
import re

import pytest
import torch

from utils import export, web_page
from utils.torch_models import build_cnn

NAMES = ("apple", "it's a <tree>")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    classifier = export.PictureClassifier(build_cnn(20, 3, 2), [0.5] * 3, [0.2] * 3)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    return export.export_onnx(classifier, path, image_size=20, class_names=NAMES, threshold=0.6)


@pytest.fixture(scope="module")
def page(model, tmp_path_factory):
    return web_page.write_classifier_page(
        model, tmp_path_factory.mktemp("page") / "new" / "page", title="A & B"
    )


def assigned(page, file, name):
    """Return the JSON that a script assigns to a variable."""
    return json.loads(re.search(rf"^var {name} = (.*);$", (page / file).read_text("utf-8"), re.M)[1])


def test_the_folder_holds_page_program_model_and_runtime(page, model):
    assert sorted(path.name for path in page.iterdir()) == ["index.html", "model.js", "page.js", "runtime.js"]
    card = assigned(page, "model.js", "classifierModel")
    assert card["class_names"] == list(NAMES) and card["image_size"] == 20 and card["threshold"] == 0.6
    assert base64.b64decode(card["onnx"]) == model.read_bytes()
    files = assigned(page, "runtime.js", "ortFiles")
    wasm = gzip.decompress(base64.b64decode(files["wasm"]))
    assert wasm == (web_page.RUNTIME / "ort-wasm-simd-threaded.wasm").read_bytes()
    assert base64.b64decode(files["mjs"]) == (web_page.RUNTIME / "ort-wasm-simd-threaded.mjs").read_bytes()
    assert "Licensed under the MIT License" in (page / "runtime.js").read_text("utf-8")[:300]


def test_the_page_names_the_classes_and_escapes_them(page):
    html = (page / "index.html").read_text("utf-8")
    assert "<h1>A &amp; B</h1>" in html and "apple, it&#x27;s a &lt;tree&gt;" in html
    assert "{{" not in html and "http" not in html.replace("http-equiv", "")
    assert "60\N{NO-BREAK SPACE}%" in html


def test_the_same_model_gives_the_same_files(page, model, tmp_path):
    again = web_page.write_classifier_page(model, tmp_path, title="A & B")
    for path in page.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_without_the_runtime_it_says_what_to_do(model, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="needs the npm package onnxruntime-web.*run `make book`, or `npm ci`"
    ):
        web_page.write_classifier_page(model, tmp_path / "page", runtime=tmp_path / "node_modules")
    assert not (tmp_path / "page").exists(), "no half a page"
