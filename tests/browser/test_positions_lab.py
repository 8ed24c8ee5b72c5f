"""The lab on positional encoding: its sines, likenesses and scores are those of the course's own functions."""

import numpy as np
import pytest
from opened_pages import assert_accessible_and_fits, open_lab, opened
from test_pages import SITE, is_elsewhere

from utils.labs.positions import MODELS, learned_similarity, query_and_key
from utils.numpy_nn.positions import rotary_angles, rotate
from utils.tokens import sine_positions

pytestmark = [pytest.mark.browser, pytest.mark.site]

PAGE = "book/labs/positions.html"
RESULT = "document.querySelector('.lab[data-lab=positions]').result"
SAME = {"rtol": 0, "atol": 1e-6}


def read(page, name: str):
    """Return a value of the lab."""
    return page.evaluate(f"{RESULT}.{name}")


def choose(lab, name: str, value: str) -> None:
    """Choose one of a row of choices, by a word of its legend."""
    lab.locator(f"fieldset:has(legend:text('{name}')) input[value='{value}']").check()


def sines(count: int, width: int, base: float) -> np.ndarray:
    """Return sine positions (N, D) of any base; for 10,000 by the course's function."""
    if base == 10_000:
        return sine_positions(count, width)
    place, pair = np.arange(count)[:, None], np.arange(width)[None] // 2
    angle = place * float(base) ** (-2 * pair / width)
    return np.where(np.arange(width) % 2, np.cos(angle), np.sin(angle))


def cosines(vectors: np.ndarray, here: int) -> np.ndarray:
    """Return the cosine of one vector with all of them (N)."""
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return directions @ directions[here]


def assert_row_is_right(page, count, width, base, measure) -> None:
    """Compare the row of positions, and the likeness of the chosen one, with the course."""
    expected, settings = sines(count, width, base), read(page, "settings")
    assert [settings[name] for name in ("count", "width", "base", "measure")] == [count, width, base, measure]
    here = settings["position"]
    np.testing.assert_allclose(read(page, "table"), expected, **SAME)
    alike = expected @ expected[here] if measure == "dot" else cosines(expected, here)
    np.testing.assert_allclose(read(page, "similarities"), alike, **SAME)


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_sines_and_their_likeness_are_those_of_the_course(browser, address, scheme):
    url = f"{address if scheme == 'http' else SITE.as_uri() + '/'}{PAGE}"
    with opened(browser, url) as page:
        lab = open_lab(page, "positions")
        assert_row_is_right(page, 64, 32, 10_000, "dot")
        width, count = lab.locator("input[type=range]").all()
        for numbers, positions, base, measure in (
            (12, 128, 10_000, "cosine"),
            (64, 16, 10, "dot"),
            (8, 48, 1000, "cosine"),
        ):
            width.fill(str(numbers))
            count.fill(str(positions))
            choose(lab, "Base", str(base))
            choose(lab, "Likeness", measure)
            assert_row_is_right(page, positions, numbers, base, measure)
        assert [request for request in page.requested if is_elsewhere(request)] == []
        assert page.errors == []


@pytest.mark.parametrize("patch", [(0, 0), (3, 6)])
def test_patches_have_the_likeness_of_sines_and_of_trained_models(browser, address, patch):
    row, column = np.divmod(np.arange(64), 8)
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "positions")
        choose(lab, "What to look at", "patches")
        lab.locator("canvas.lab-cursor:visible").nth(1).click(position=cell(lab, patch))
        grids, here = read(page, "grids"), patch[0] * 8 + patch[1]
        half = sine_positions(8, 16)
        both = np.concatenate([half[row], half[column]], axis=1)
        np.testing.assert_allclose(grids["counted"], cosines(sine_positions(64, 32), here), **SAME)
        np.testing.assert_allclose(grids["both"], cosines(both, here), **SAME)
        for name, model in MODELS.items():
            np.testing.assert_allclose(grids[name], learned_similarity(model)[here], **SAME)
        assert f"row {patch[0]}, column {patch[1]}" in lab.locator(".lab-status").text_content()


def cell(lab, patch) -> dict:
    """Return where a patch is on a visible grid."""
    box = lab.locator("canvas.lab-cursor:visible").nth(1).bounding_box()
    return {
        "x": box["width"] * (patch[1] + 0.5) / 8,
        "y": box["height"] * (patch[0] + 0.5) / 8,
    }


def test_turned_scores_are_those_of_the_course_and_know_only_the_distance(browser, address):
    vectors = query_and_key()
    angles = rotary_angles(1, 16, vectors.shape[1])
    query, key = (rotate(np.tile(vector, (16, 1)), angles) for vector in vectors)
    added = [vector + sine_positions(16, vectors.shape[1]) for vector in vectors]
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "positions")
        choose(lab, "What to look at", "rotary")
        found = {name: np.reshape(table, (16, 16)) for name, table in read(page, "scores").items()}
        np.testing.assert_allclose(read(page, "turned.query"), query, **SAME)
        np.testing.assert_allclose(found["turned"], query @ key.T, **SAME)
        np.testing.assert_allclose(found["added"], added[0] @ added[1].T, **SAME)
        for distance in range(-15, 16):
            assert np.ptp(np.diagonal(found["turned"], distance)) < 1e-9
        assert np.ptp(np.diagonal(found["added"], 4)) > 1
        before = lab.locator("td").all_text_contents()[1:]
        lab.locator("button:visible", has_text="Move both").click()
        assert read(page, "settings.pair") == [4, 8]
        after = lab.locator("td").all_text_contents()[1:]
        assert after[:3] == before[:3] and after[0] == after[1] == after[2]
        assert after[3] != before[3] and after[4:] == before[4:]


def test_the_arrow_keys_choose_a_position_a_patch_and_a_pair(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "positions")
        for view, key, name, expected in (
            ("row", "ArrowDown", "position", 21),
            ("patches", "ArrowRight", "patch", [3, 4]),
            ("rotary", "ArrowUp", "pair", [2, 7]),
        ):
            choose(lab, "What to look at", view)
            lab.locator("canvas.lab-cursor:visible").first.focus()
            page.keyboard.press(key)
            assert read(page, f"settings.{name}") == expected
        lab.locator("button").last.press("Enter")
        assert read(page, "settings.view") == "row" and read(page, "settings.patch") == [3, 3]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_open_positions_lab_is_accessible_and_fits(browser, address, theme):
    with opened(browser, address + PAGE, theme=theme) as page:
        lab = open_lab(page, "positions")
        for view in ("row", "patches", "rotary"):
            choose(lab, "What to look at", view)
            for width in (1350, 390, 320):
                assert_accessible_and_fits(page, width)
