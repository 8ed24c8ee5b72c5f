"""The lab on difficult scenes: each bar is a recorded number, and none is shown before the reader has guessed."""

import json
from urllib.parse import urlsplit

import pytest
from opened_pages import assert_accessible_and_fits, open_lab, opened
from served_site import SITE

from utils import runs

pytestmark = [pytest.mark.browser, pytest.mark.site]

PAGE = "book/labs/scene.html"
RESULT = "document.querySelector('.lab[data-lab=scene]').result"
STRESS = runs.load_result("eras_under_stress")
KNOBS = ("rotation", "shift", "clutter", "lighting")


def result(page):
    """Return what the lab shows."""
    return json.loads(page.evaluate(f"JSON.stringify({{...{RESULT}}})"))


def choose(page, value):
    """Choose a series by its number, or a way of training by its name."""
    page.locator(f"figure.lab input[type=radio][value='{value}']").check()


def reveal(page):
    page.get_by_role("button", name="Show what was recorded").click()


def turn(page, level):
    """Turn the knob to one of the recorded levels."""
    page.locator("figure.lab input[type=range]").first.fill(str(level))


def numbers_on(page):
    """Return the numbers beside the bars as they are written."""
    return page.locator("figure.lab .scene-name b").all_text_contents()


def as_written(accuracies):
    if len(accuracies) == 1:
        return f"{100 * accuracies[0]:.1f} %"
    spread = runs.mean_and_spread(accuracies)
    return f"{100 * spread['mean']:.1f} ± {100 * spread['std']:.1f} %"


def check_shown(page, recorded):
    """Compare what is shown with what was recorded: {method: accuracies}."""
    shown = result(page)["shown"]
    assert {method: found["seeds"] for method, found in shown.items()} == recorded
    for method, accuracies in recorded.items():
        if len(accuracies) > 1:
            spread = runs.mean_and_spread(accuracies)
            assert {"mean": shown[method]["mean"], "std": shown[method]["std"]} == spread
    assert numbers_on(page) == [as_written(accuracies) for accuracies in recorded.values()]
    widths = page.evaluate("[...document.querySelectorAll('.scene-bar')].map((bar) => bar.style.width)")
    means = [found["mean"] for found in shown.values()]
    assert [float(width.removesuffix("%")) for width in widths] == pytest.approx(
        [100 * m for m in means], abs=1e-3
    )


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_each_bar_under_stress_is_recorded(browser, address, scheme):
    with opened(browser, f"{address if scheme == 'http' else SITE.as_uri() + '/'}{PAGE}") as page:
        open_lab(page, "scene")
        for series, knob in enumerate(KNOBS):
            rows = [row for row in STRESS["rows"] if row["knob"] in ("calm", knob)]
            for trained in ("there", "calm"):
                choose(page, series)
                choose(page, trained)
                assert result(page)["shown"] is None and numbers_on(page) == []
                reveal(page)
                for level, row in enumerate(rows):
                    turn(page, level)
                    assert result(page)["at"] == {knob: row["level"]}
                    check_shown(page, row[f"trained_{trained}"])
        assert page.errors == []
        assert {urlsplit(url).hostname for url in page.requested} <= {"127.0.0.1", None}


def test_the_other_records_are_shown_as_they_are(browser, address):
    with opened(browser, address + PAGE) as page:
        open_lab(page, "scene")
        choose(page, 4)
        assert page.get_by_text("The methods have learned").is_hidden()
        reveal(page)
        for level, row in enumerate(runs.load_result("scenes_ladder")["search_on_validation"]):
            turn(page, level)
            check_shown(page, {"knn": [row["knn"]], "hog_linear": [row["hog_svm"]], "cnn": [row["cnn"]]})
            assert "nobody knows what another seed" in page.locator(".lab-status").text_content()
        choose(page, 5)
        assert page.locator("figure.lab input[type=range]").count() == 5
        reveal(page)
        record = runs.load_result("eras_on_scenes")["methods"]
        check_shown(page, {m: [run["test_accuracy"] for run in r["runs"]] for m, r in record.items()})
        shown = result(page)["shown"]
        assert {m: {k: r[k] for k in ("mean", "std")} for m, r in record.items()} == {
            m: {k: f[k] for k in ("mean", "std")} for m, f in shown.items()
        }


def test_the_sentence_says_who_wins_and_whether_it_could_be_luck(browser, address):
    with opened(browser, address + PAGE) as page:
        open_lab(page, "scene")
        reveal(page)
        for level, row in enumerate(row for row in STRESS["rows"] if row["knob"] in ("calm", "rotation")):
            turn(page, level)
            sentence = page.locator("figure.lab .lab-status").text_content()
            means = {m: runs.mean_and_spread(a)["mean"] for m, a in row["trained_there"].items()}
            first, second = sorted(means, key=means.get, reverse=True)[:2]
            gap = 100 * (means[first] - means[second])
            assert f"{gap:.1f} points before" in sentence or (gap < 0.05 and "are level" in sentence)
            runs_apart = min(row["trained_there"][first]) > max(row["trained_there"][second])
            assert ("worst run beats" in sentence) == runs_apart
            assert ("overlap" in sentence) != runs_apart


def test_guesses_are_kept_and_compared_by_keyboard_alone(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "scene")
        sliders = lab.locator(".scene-rows input")
        for place, guess in enumerate((50, 80, 85)):
            sliders.nth(place).focus()
            for _ in range(abs(int(sliders.nth(place).input_value()) - guess)):
                page.keyboard.press("ArrowLeft")
        lab.get_by_role("button", name="Show what was recorded").focus()
        page.keyboard.press("Enter")
        found = result(page)
        assert found["guesses"] == {"hog_linear": 50, "hog_kernel": 80, "cnn": 85}
        off = [abs(found["guesses"][m] - 100 * found["shown"][m]["mean"]) for m in found["guesses"]]
        sentence = lab.locator(".lab-status").text_content()
        assert f"off by {sum(off) / 3:.1f} points on average" in sentence
        assert f"{max(off):.1f} points." in sentence
        assert lab.locator(".scene-guess").count() == 3
        lab.locator("input[type=range]").first.focus()
        page.keyboard.press("ArrowLeft")
        assert result(page)["at"] == {"rotation": 90}
        assert lab.locator(".scene-guess").count() == 0  # the guess was about the last level
        lab.get_by_role("button", name="Guess again").click()
        assert result(page)["shown"] is None
        lab.get_by_role("button", name="Reset").click()
        assert result(page)["guesses"]["hog_linear"] == 98


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_open_lab_is_accessible_and_fits(browser, address, theme):
    with opened(browser, address + PAGE, theme=theme) as page:
        open_lab(page, "scene")
        for width in (1350, 390):
            assert_accessible_and_fits(page, width)
        reveal(page)
        for width in (1350, 390, 320):
            assert_accessible_and_fits(page, width)
