"""The page that the chapter on the reader's own project writes: the browser's pixels and logits are the notebook's."""

import io
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image

from utils import export, web_page
from utils.data.folder import read_picture
from utils.metrics import softmax
from utils.torch_models import build_cnn

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SIZE = 32
NAMES = ("apple", "pear", "it's a <plum>", "fig", "sloe", "lime", "date")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def model():
    """A classifier with random weights, large enough that its answers differ from picture to picture."""
    torch.manual_seed(1)
    network = build_cnn(SIZE, 3, len(NAMES))
    with torch.no_grad():
        network.classes.weight.mul_(30)
    return export.PictureClassifier(network, [0.4, 0.5, 0.6], [0.2, 0.25, 0.3])


@pytest.fixture(scope="module")
def pages(model, tmp_path_factory):
    """Return the folder of a page that is sure of everything, and of one that is sure of nothing."""
    folder = tmp_path_factory.mktemp("pages")
    for name, threshold in (("sure", 0.0), ("unsure", 1.0)):
        path = folder / f"{name}.onnx"
        export.export_onnx(model, path, image_size=SIZE, class_names=NAMES, threshold=threshold)
        web_page.write_classifier_page(path, folder / name, title="Which fruit?")
    return folder


def picture(width, height, seed=0):
    """Return a picture of coarse blobs and fine grain, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3)).astype(np.uint8))
    blobs = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return np.clip(blobs + rng.integers(-40, 41, blobs.shape), 0, 255).astype(np.uint8)


def encoded(image, kind="PNG", **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@contextmanager
def opened(browser, folder, **options):
    """Open the page as a file and yield it, with lists of what it requested and which errors it had."""
    context = browser.new_context(reduced_motion="reduce", **options)
    page = context.new_page()
    page.requested, page.errors = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on(
        "console", lambda note: page.errors.append(note.text) if note.type in ("error", "warning") else None
    )
    try:
        page.goto((folder / "index.html").as_uri())
        page.wait_for_function("element('answer').textContent != 'Loading the model …'", timeout=60_000)
        yield page
    finally:
        context.close()


def ask(page, content, name="picture.png", kind="image/png"):
    """Choose a file and return what the page made of it."""
    page.evaluate("globalThis.lastAnswer = null")
    page.locator("#file").set_input_files({"name": name, "mimeType": kind, "buffer": content})
    page.wait_for_function("globalThis.lastAnswer", timeout=30_000)
    return page.evaluate("lastAnswer")


def python_pixels(content, tmp_path):
    (tmp_path / "picture").write_bytes(content)
    return read_picture(tmp_path / "picture", SIZE)[0]


def test_logits_are_those_of_the_notebook_without_any_request(browser, pages, model):
    pixels = picture(SIZE, SIZE)
    with torch.no_grad():
        expected = model(torch.from_numpy(pixels[None])).numpy()[0]
    assert np.ptp(expected) > 1
    with opened(browser, pages / "sure") as page:
        assert page.locator("#answer").text_content() == "Ready."
        answer = ask(page, encoded(Image.fromarray(pixels)))
        np.testing.assert_array_equal(np.reshape(answer["bytes"], pixels.shape), pixels)
        np.testing.assert_allclose(answer["logits"], expected, rtol=0, atol=1e-4)
        by_onnx = export.run_onnx(pages / "sure.onnx", pixels[None])[0]
        np.testing.assert_allclose(answer["logits"], by_onnx, rtol=0, atol=1e-4)
        assert {urlsplit(url).scheme for url in page.requested} <= {"file", "blob", "data"}
        assert page.errors == []


@pytest.mark.parametrize(
    "size", [(32, 32), (33, 47), (100, 64), (20, 31), (641, 480), (1, 1), (97, 1300)], ids=str
)
def test_pixels_are_made_small_exactly_as_in_python(browser, pages, tmp_path, size):
    content = encoded(Image.fromarray(picture(*size)))
    with opened(browser, pages / "sure") as page:
        answer = ask(page, content)
    ours = np.reshape(answer["bytes"], (SIZE, SIZE, 3))
    np.testing.assert_array_equal(ours, python_pixels(content, tmp_path))


def test_what_the_two_decoders_make_of_other_pictures_is_nearly_equal(browser, pages, tmp_path):
    whole = Image.fromarray(picture(200, 150))
    exif = Image.Exif()
    exif[0x0112] = 6
    rgba = np.dstack([picture(64, 64), np.full((64, 64), 120, np.uint8)])
    rgba[:20, :, 3] = 0
    cases = {
        "JPEG": (encoded(whole, "JPEG", quality=90), 3),
        "turned": (encoded(whole, "JPEG", quality=90, exif=exif), 3),
        "grey": (encoded(whole.convert("L"), "PNG"), 0),
        "WebP": (encoded(whole, "WEBP", lossless=True), 0),
        "transparent": (encoded(Image.fromarray(rgba)), 3),
        "palette": (encoded(whole.quantize(16), "PNG"), 0),
    }
    with opened(browser, pages / "sure") as page:
        for name, (content, tolerance) in cases.items():
            ours = np.reshape(ask(page, content, name)["bytes"], (SIZE, SIZE, 3)).astype(int)
            gap = np.abs(ours - python_pixels(content, tmp_path))
            assert gap.max() <= tolerance, (name, gap.max(), gap.mean())


def test_the_answer_is_told_with_its_bars(browser, pages, model):
    pixels = picture(SIZE, SIZE, seed=3)
    with torch.no_grad():
        probabilities = softmax(model(torch.from_numpy(pixels[None])).numpy())[0]
    order = np.argsort(-probabilities, kind="stable")
    with opened(browser, pages / "sure") as page:
        answer = ask(page, encoded(Image.fromarray(pixels)))
        assert answer["isSure"]
        assert page.locator("#answer").text_content().startswith(f"{NAMES[order[0]]}, ")
        rows = page.locator("#bars li").all_text_contents()
        assert len(rows) == 5 and all(NAMES[y] in row for y, row in zip(order, rows, strict=False))
        widths = page.evaluate(
            "[...document.querySelectorAll('.fill')].map((bar) => parseFloat(bar.style.width))"
        )
        np.testing.assert_allclose(widths, 100 * probabilities[order[:5]], atol=0.01)
        assert page.evaluate("[seen.width, seen.height]") == [SIZE, SIZE]
    with opened(browser, pages / "unsure") as page:
        assert not ask(page, encoded(Image.fromarray(pixels)))["isSure"]
        assert page.locator("#answer").text_content().startswith("Not sure. If it is one of the classes")


def test_a_file_that_is_no_picture_is_named_and_the_next_one_works(browser, pages):
    with opened(browser, pages / "sure") as page:
        assert "error" in ask(page, b"no picture", "notes.txt", "text/plain")
        assert "cannot be read as a picture" in page.locator("#answer").text_content()
        assert page.locator("#result").is_hidden()
        assert "logits" in ask(page, encoded(Image.fromarray(picture(50, 40))))
        assert page.locator("#result").is_visible()


def test_a_picture_can_be_dropped(browser, pages):
    with opened(browser, pages / "sure") as page:
        content = list(encoded(Image.fromarray(picture(40, 40))))
        page.evaluate(
            """(bytes) => {
              globalThis.lastAnswer = null;
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
              element("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
            }""",
            content,
        )
        page.wait_for_function("globalThis.lastAnswer")
        assert page.evaluate("lastAnswer.name") == "dropped.png"
        assert page.url.endswith("index.html")


def test_the_keyboard_reaches_what_there_is_to_do(browser, pages):
    with opened(browser, pages / "sure") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "file"
        page.evaluate(
            """element("file").addEventListener("click", (event) => {
              event.preventDefault(); // no dialogue: what it looks like is the browser's affair
              globalThis.asked = true;
            })"""
        )
        page.keyboard.press("Enter")
        page.wait_for_function("globalThis.asked")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_on_a_phone(browser, pages, scheme):
    with opened(
        browser, pages / "unsure", color_scheme=scheme, viewport={"width": 320, "height": 700}
    ) as page:
        ask(page, encoded(Image.fromarray(picture(40, 40))))
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate(
            "(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })",
            RULES,
        )
        assert [
            (rule["id"], node["html"][:100]) for rule in found["violations"] for node in rule["nodes"]
        ] == []


def test_the_page_may_contact_nobody(browser, pages):
    with opened(browser, pages / "sure") as page:
        blocked = page.evaluate("fetch('http://127.0.0.1:9/').then(() => false, () => true)")
        assert blocked and any("Content Security Policy" in error for error in page.errors)


def test_a_folder_that_lost_a_file_says_so(browser, pages, tmp_path):
    for name in ("index.html", "page.js", "model.js"):
        (tmp_path / name).write_bytes((pages / "sure" / name).read_bytes())
    with opened(browser, tmp_path) as page:
        assert "runtime.js or model.js is missing" in page.locator("#answer").text_content()
