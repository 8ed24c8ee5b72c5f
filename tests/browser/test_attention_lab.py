"""The lab on attention: its numbers are those of the course's Python, and the keyboard does what the mouse does."""

import numpy as np
import pytest
import torch
from opened_pages import assert_accessible_and_fits, open_lab, opened
from served_site import SITE
from test_pages import is_elsewhere

from utils.explanations import attention_rollout
from utils.labs import attention

pytestmark = [pytest.mark.browser, pytest.mark.site]

PAGE = "book/labs/attention.html"
SIDE, HEADS = 8, 4
CASES = [  # picture, block, head, patch, direction
    ("cat", 2, 1, (5, 4), "given"),
    ("ring", 1, 3, (4, 4), "received"),
    ("ring", 2, "mean", (0, 0), "given"),
    ("crescent", 0, "mean", (7, 7), "received"),
    ("rocket", 1, 0, (3, 3), "given"),
    ("astronaut", 3, 3, (0, 7), "received"),
    ("coffee", "all", "rollout", (2, 5), "given"),
    ("star", "all", "rollout", (7, 0), "received"),
]


@pytest.fixture(scope="module")
def weights():
    """Return by name what the page has: weights (L, A, N, N) rounded to the levels of their rows, and the answers."""
    result = {}
    for model, pictures in (
        ("vit_scenes", attention.drawn_scenes()),
        ("vit_cifar10", attention.chosen_photographs()),
    ):
        answers, exact = attention.answers_and_weights(model, np.stack(list(pictures.values())))
        for name, answer, one in zip(pictures, answers, exact, strict=True):
            levels, largest = attention.quantised(one)
            result[name] = levels / 255 * largest[..., None].astype(np.float64), answer
    return result


def expected(blocks, block, head, patch, direction):
    """Return the 64 numbers that the picture shows, and the number below the small map."""
    if block == "all":
        table = attention_rollout(torch.from_numpy(blocks[:, None]))[0].numpy()
    else:
        table = blocks[block].mean(axis=0) if head == "mean" else blocks[block, head]
    place = SIDE * patch[0] + patch[1]
    if direction == "received":
        return table[:, place], table[:, place].sum()
    row = table[place]
    return row, np.exp(-np.sum(row[row > 0] * np.log(row[row > 0])))


def click_patch(lab, row, column):
    picture = lab.locator(".lab-cursor")
    box = picture.bounding_box()
    place = {"x": (column + 0.5) * box["width"] / SIDE, "y": (row + 0.5) * box["height"] / SIDE}
    picture.click(position=place)


def result(lab, name):
    return lab.evaluate("(lab, name) => lab.result[name]", name)


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_numbers_are_those_of_python(browser, address, weights, scheme):
    url = (address if scheme == "http" else SITE.as_uri() + "/") + PAGE
    with opened(browser, url) as page:
        lab = open_lab(page, "attention")
        for name, block, head, patch, direction in CASES:
            blocks, answer = weights[name]
            view = len(blocks) * (HEADS + 1)
            if block != "all":
                view = block * (HEADS + 1) + (HEADS if head == "mean" else head)
            lab.locator(f".lab-thumbnails input[value={name}]").check()
            page.wait_for_function(f"document.querySelector('.lab').result.sample === '{name}'")
            lab.locator(f".lab-maps input[value='{view}']").check()
            lab.locator(f".lab-choices input[value={direction}]").check()
            click_patch(lab, *patch)
            assert result(lab, "view") == {"block": block, "head": head}
            numbers, extent = expected(blocks, block, head, patch, direction)
            np.testing.assert_allclose(result(lab, "map"), numbers, rtol=0, atol=1e-9)
            np.testing.assert_allclose(result(lab, "extent"), extent, rtol=1e-6)
            np.testing.assert_allclose(result(lab, "probabilities"), answer, rtol=0, atol=1e-5)
            check_words(lab, numbers, extent, view)
        assert page.errors == []
        assert [request for request in page.requested if is_elsewhere(request)] == []


def check_words(lab, numbers, extent, view):
    """Check that table, sentence and small map say the numbers that were compared."""
    best = np.argsort(-numbers, kind="stable")[:5]
    assert result(lab, "strongest") == best.tolist()
    rows = [row.split("\t") for row in lab.locator("tbody").inner_text().splitlines()]
    for row, i in zip(rows, best, strict=True):
        assert row[1] == f"({i // SIDE + 1}, {i % SIDE + 1})"
        assert abs(float(row[2].removesuffix("\N{NO-BREAK SPACE}%")) - 100 * numbers[i]) <= 0.0501
    assert f"({best[0] // SIDE + 1}, {best[0] % SIDE + 1})" in lab.locator(".lab-status").first.inner_text()
    small = lab.locator(".lab-maps label").nth(view).inner_text()
    assert abs(float(small) - extent) <= 0.0501


def test_the_keyboard_does_what_the_mouse_does(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "attention")
        first = {name: result(lab, name) for name in ("sample", "view", "patch", "map")}
        lab.locator(".lab-thumbnails input:checked").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('.lab').result.sample === 'coffee'")
        page.keyboard.press("Tab")  # the picture
        for key in ("ArrowUp", "ArrowLeft", "ArrowLeft", "Enter"):
            page.keyboard.press(key)
        assert result(lab, "patch") == first["patch"] - SIDE - 2
        page.keyboard.press("Tab")  # the direction
        page.keyboard.press("ArrowDown")
        assert result(lab, "map") != first["map"]
        page.keyboard.press("Tab")  # reset
        page.keyboard.press("Tab")  # the maps
        page.keyboard.press("ArrowRight")
        assert result(lab, "view") == {"block": 2, "head": 2}
        by_keys = result(lab, "map")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('.lab').result.sample === 'cat'")
        assert {name: result(lab, name) for name in first} == first

        lab.locator(".lab-thumbnails input[value=coffee]").check()
        page.wait_for_function("document.querySelector('.lab').result.sample === 'coffee'")
        lab.locator(".lab-maps input[value='12']").check()
        lab.locator(".lab-choices input[value=received]").check()
        click_patch(lab, *divmod(first["patch"] - SIDE - 2, SIDE))
        assert result(lab, "map") == by_keys


def test_pointing_shows_a_patch_and_only_a_click_keeps_it(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "attention")
        kept = result(lab, "patch")
        lab.locator(".lab-cursor").hover(position={"x": 3, "y": 3})
        assert result(lab, "patch") == 0
        page.mouse.move(2, 2)
        assert result(lab, "patch") == kept
        click_patch(lab, 1, 2)
        page.mouse.move(2, 2)
        assert result(lab, "patch") == SIDE + 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_open_lab_is_accessible_and_fits(browser, address, theme):
    with opened(browser, address + PAGE, theme=theme) as page:
        open_lab(page, "attention")
        for width in (1350, 390, 320):
            assert_accessible_and_fits(page, width)
            narrow = page.evaluate(
                "[...document.querySelectorAll('.lab-stage label, .lab-stage button')]"
                ".filter((e) => Math.min(e.offsetWidth, e.offsetHeight) < 24).length"
            )
            assert narrow == 0, width


def test_a_picture_that_does_not_load_is_reported_and_changes_nothing(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "attention")
        before = result(lab, "map")
        page.route("**/data-attention-rocket.js", lambda route: route.abort())
        lab.locator(".lab-thumbnails input[value=rocket]").click()
        words = lab.evaluate("(lab) => JSON.parse(lab.querySelector('.lab-words').textContent)")
        lab.get_by_text(words["missing"]).wait_for()
        assert result(lab, "sample") == "cat" and result(lab, "map") == before
        assert lab.locator(".lab-thumbnails input:checked").get_attribute("value") == "cat"
