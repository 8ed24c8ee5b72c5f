"""The lab that classifies: the browser's logits, maps and attention are Python's, and everything works by keyboard."""

import io
import json

import numpy as np
import pytest
import torch
from opened_pages import assert_accessible_and_fits, open_lab, opened
from PIL import Image
from test_pages import SITE, is_elsewhere

from utils import explanations, labs
from utils.explained_models import ExplainedVit, to_planes
from utils.labs import classify
from utils.trained import load_trained

pytestmark = [pytest.mark.browser, pytest.mark.site]

PAGE = "book/labs/classify.html"
LAB = "document.querySelector('.lab[data-lab=classify]').result"
TOLERANCE = 1e-4


def python_logits(family, images):
    models = {kind: load_trained(f"{kind}_{family}") for kind in ("cnn", "vit")}
    return classify.logits_of(models, images)


def browser_logits(page, image):
    """Show the lab a picture and return its logits."""
    pixels = image.ravel().tolist()
    return page.evaluate(f"async (pixels) => {{ await {LAB}.start(pixels); return {LAB}.logits; }}", pixels)


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("family", classify.FAMILIES)
def test_logits_in_the_browser_are_those_of_the_notebook(browser, address, scheme, family):
    samples, _ = classify.samples_of(family)
    noise = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    images = np.concatenate([np.stack(list(samples.values())), noise])
    expected = python_logits(family, images)
    root = address if scheme == "http" else SITE.as_uri() + "/"
    with opened(browser, root + PAGE) as page:
        assert not [url for url in page.requested if "runtime.js" in url or "data-classify" in url]
        open_lab(page, "classify")
        page.evaluate(f"{LAB}.chooseFamily('{family}')")
        for i, image in enumerate(images):
            answer = browser_logits(page, image)
            for kind in ("cnn", "vit"):
                np.testing.assert_allclose(answer[kind], expected[kind][i], rtol=0, atol=TOLERANCE)
        assert [url for url in page.requested if is_elsewhere(url)] == []
        assert page.errors == []


def test_attention_that_is_five_percent_sharper_is_noticed(browser, address):
    model = load_trained("vit_scenes")
    for block in model.network.blocks:
        block.attn.scale *= 1.05
    data = (SITE / "_static" / "labs" / "data-classify-scenes.js").read_text("utf-8")
    facts = json.loads(data.split("] = ", 1)[1].rstrip().rstrip(";"))
    facts["models"]["vit"] = classify.onnx_of(ExplainedVit(model))
    samples, _ = classify.samples_of("scenes")
    images = np.stack(list(samples.values()))
    expected = python_logits("scenes", images)
    with opened(browser, address + PAGE) as page:
        page.route(
            "**/data-classify-scenes.js",
            lambda route: route.fulfill(
                body=labs.script("classify_scenes", facts), content_type="text/javascript"
            ),
        )
        open_lab(page, "classify")
        answers = [browser_logits(page, image) for image in images]
    for i, answer in enumerate(answers):
        np.testing.assert_allclose(answer["cnn"], expected["cnn"][i], rtol=0, atol=TOLERANCE)
        assert np.abs(np.subtract(answer["vit"], expected["vit"][i])).max() > 10 * TOLERANCE


def test_attention_and_rollout_are_those_of_the_course(browser, address):
    image = next(iter(classify.samples_of("scenes")[0].values()))[None]
    with torch.no_grad():
        _, attention = ExplainedVit(load_trained("vit_scenes"))(torch.from_numpy(image))
    rollout = explanations.attention_rollout(list(attention[:, layer] for layer in range(3)))
    with opened(browser, address + PAGE) as page:
        open_lab(page, "classify")
        browser_logits(page, image[0])
        ours = page.evaluate(f"Array.from({LAB}.answers.vit.attention.data)")
        np.testing.assert_allclose(ours, attention.numpy().ravel(), rtol=0, atol=1e-5)
        rolled = page.evaluate(f"Classify.rollout({LAB}.answers.vit.attention.data, 3, 4, 64)")
        np.testing.assert_allclose(rolled, rollout[0].mean(0).numpy(), rtol=0, atol=1e-5)
        mean = page.evaluate(f"Classify.looks({LAB}.answers.vit.attention.data, [3, 4, 64], 1, -1, -1)")
        np.testing.assert_allclose(mean, attention[0, 1].mean((0, 1)).numpy(), rtol=0, atol=1e-5)
        one = page.evaluate(f"Classify.looks({LAB}.answers.vit.attention.data, [3, 4, 64], 2, 3, 17)")
        np.testing.assert_allclose(one, attention[0, 2, 3, 17].numpy(), rtol=0, atol=1e-5)


def test_covering_each_patch_costs_what_python_says(browser, address):
    name, image = next(iter(classify.samples_of("scenes")[0].items()))
    model = load_trained("vit_scenes")
    fill = [round(255 * float(m)) for m in load_trained("cnn_scenes").standardise.mean.flatten()]
    covered = np.repeat(image[None], 64, axis=0)
    for place in range(64):
        top, left = 4 * (place // 8), 4 * (place % 8)
        covered[place, top : top + 4, left : left + 4] = fill
    with torch.no_grad():
        shares = model(to_planes(torch.from_numpy(np.concatenate([image[None], covered])))).softmax(1).numpy()
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "classify")
        assert name == "circle"
        lab.get_by_label("what covering each patch costs").check()
        page.wait_for_function(f"{LAB}.state.covering")
        ours = page.evaluate(f"{LAB}.state.covering.vit")
    np.testing.assert_allclose(np.array(ours).T, shares[0] - shares[1:], rtol=0, atol=TOLERANCE)


def test_keyboard_covers_a_patch_and_a_file_replaces_the_picture(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "classify")
        before = page.evaluate(f"Array.from({LAB}.state.pixels)")
        lab.get_by_label("covers a patch").check()
        lab.locator("canvas.lab-cursor").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        page.wait_for_function(f"{LAB}.state.pixels[3 * (8 * 32 + 4)] === 106")
        after = np.reshape(page.evaluate(f"Array.from({LAB}.state.pixels)"), (32, 32, 3))
        changed = (after != np.reshape(before, (32, 32, 3))).any(2)
        assert changed[8:12, 4:8].all() and changed.sum() == 16
        content = io.BytesIO()
        pixels = np.random.default_rng(3).integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(content, "PNG")
        lab.locator("input[type=file]").set_input_files(
            {"name": "mine.png", "mimeType": "image/png", "buffer": content.getvalue()}
        )
        page.wait_for_function(f"{LAB}.state.pixels[0] === {pixels[0, 0, 0]}")
        np.testing.assert_array_equal(
            np.reshape(page.evaluate(f"Array.from({LAB}.state.pixels)"), pixels.shape), pixels
        )
        lab.locator("input[type=file]").set_input_files(
            {"name": "none.txt", "mimeType": "text/plain", "buffer": b"no picture"}
        )
        page.wait_for_function("document.querySelector('.lab-status').textContent.includes('JPEG')")
        assert page.errors == []


def test_a_patch_that_is_asked_where_it_looks_is_outlined(browser, address):
    corner = "[...document.querySelectorAll('.lab-look')[1].getContext('2d').getImageData(1, 40, 1, 1).data]"
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "classify")
        lab.locator("canvas.lab-cursor").focus()
        page.keyboard.press("ArrowDown")
        assert page.evaluate(corner) != [255, 255, 255, 255]
        page.keyboard.press("Enter")
        page.wait_for_function(f"{LAB}.state.patch === 8")
        assert page.evaluate(corner) == [255, 255, 255, 255]


def test_shuffled_patches_are_the_same_patches(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "classify")

        def patches():
            image = np.reshape(page.evaluate(f"Array.from({LAB}.state.pixels)"), (8, 4, 8, 4, 3))
            return image.swapaxes(1, 2).reshape(64, -1)

        before = patches()
        lab.get_by_role("button", name="Shuffle the patches").click()
        page.wait_for_function(f"{LAB}.state.pixels !== {LAB}.state.original")
        after = patches()
        assert (before != after).any() and sorted(map(tuple, before)) == sorted(map(tuple, after))
        lab.get_by_role("button", name="Back to the start").click()
        page.wait_for_function(f"{LAB}.state.pixels === {LAB}.state.original")
        np.testing.assert_array_equal(patches(), before)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_open_lab_is_accessible_and_fits(browser, address, theme):
    with opened(browser, address + PAGE, theme=theme) as page:
        lab = open_lab(page, "classify")
        for family in classify.FAMILIES:
            lab.locator(f"input[value={family}]").check()
            page.wait_for_function(f"{LAB}.state.pair?.family === '{family}' && {LAB}.state.pixels")
            for width in (1350, 390, 320):
                assert_accessible_and_fits(page, width)


def test_a_lab_whose_files_are_missing_says_so_and_can_be_tried_again(browser, address):
    with opened(browser, address + PAGE) as page:
        page.route("**/runtime.js", lambda route: route.abort())
        page.locator(".lab-open").click()
        page.wait_for_selector(".lab[data-state=failed]")
        assert "runtime.js" in page.locator(".lab-message").text_content()
        page.unroute("**/runtime.js")
        open_lab(page, "classify")
