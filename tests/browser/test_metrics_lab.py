"""The lab on metrics: each number on the page is that of utils.metrics, and the keyboard does what the mouse does."""

import json
from urllib.parse import urlsplit

import numpy as np
import pytest
from opened_pages import assert_accessible_and_fits, open_lab, opened
from served_site import SITE

from utils import metrics

pytestmark = [pytest.mark.browser, pytest.mark.site]

PAGE = "book/labs/metrics.html"
NOTHING = 1.01  # the threshold that no score reaches
TOLERANCE = {"rtol": 0, "atol": 1e-9}
RESULT = "document.querySelector('.lab[data-lab=metrics]').result"


def choose(page, value):
    """Choose the source of the scores, or a class by its number."""
    page.locator(f"figure.lab input[type=radio][value='{value}']").check()


def move(page, place, value):
    """Move one of the sliders: the threshold is the last, the made-up scores have the two before it."""
    page.locator("figure.lab input[type=range]").nth(place).fill(str(value))


def result(page):
    """Return everything that the lab has computed."""
    return json.loads(page.evaluate(f"JSON.stringify({{...{RESULT}}})"))


def check_against_utils(found):
    """Compare the numbers of the page with those of utils.metrics on the same scores."""
    y_true, scores = np.array(found["labels"]), np.array(found["scores"])
    answers = (scores >= found["threshold"]).astype(int)
    counts = found["counts"]
    np.testing.assert_array_equal(
        [[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]],
        metrics.confusion_matrix(y_true, answers, 2),
    )
    expected = {
        "precision": metrics.precision(y_true, answers, 2)[1],
        "recall": metrics.recall(y_true, answers, 2)[1],
        "falseRate": 1 - metrics.recall(y_true, answers, 2)[0],
        "accuracy": metrics.accuracy(y_true, answers),
        "f1": metrics.f_beta(y_true, answers, 2)[1],
    }
    assert found["measures"].keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found["measures"][name], value, **TOLERANCE, err_msg=name)
    precision, recall, thresholds = metrics.precision_recall_curve(y_true, scores)
    false_rate, true_rate = metrics.roc_curve(y_true, scores)
    for name, values in (
        ("precision", precision),
        ("recall", recall),
        ("recall", true_rate[1:]),
        ("falseRate", false_rate[1:]),
        ("thresholds", thresholds),
    ):
        np.testing.assert_allclose(found["curves"][name], values, **TOLERANCE, err_msg=name)
    np.testing.assert_allclose(
        found["averagePrecision"], metrics.average_precision(y_true, scores), **TOLERANCE
    )
    np.testing.assert_allclose(found["areaUnderRoc"], metrics.roc_auc(y_true, scores), **TOLERANCE)


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_numbers_of_the_trained_network_are_those_of_the_course(browser, address, scheme):
    with opened(browser, f"{address if scheme == 'http' else SITE.as_uri() + '/'}{PAGE}") as page:
        open_lab(page, "metrics")
        for shape in (5, 0, 6, 9):
            choose(page, shape)
            for step in (0, 3, 29, 50, 101):
                move(page, 2, step)
                found = result(page)
                assert found["threshold"] == step / 100
                assert len(found["scores"]) == 400 and len(set(found["scores"])) < 400  # with ties
                check_against_utils(found)
        assert found["threshold"] == NOTHING
        assert found["measures"]["precision"] == found["measures"]["f1"] == 0
        assert page.errors == []
        assert {urlsplit(url).hostname for url in page.requested} <= {"127.0.0.1", None}


def test_numbers_of_made_up_scores_are_those_of_the_course(browser, address):
    with opened(browser, address + PAGE) as page:
        open_lab(page, "metrics")
        choose(page, "made")
        for distance, share, step in ((0, 0, 50), (2, 0, 20), (4, 6, 77), (1.25, 3, 101)):
            move(page, 0, distance)
            move(page, 1, share)
            move(page, 2, step)
            check_against_utils(result(page))
        before = result(page)["scores"]
        page.get_by_role("button", name="Draw other scores").click()
        assert result(page)["scores"] != before
        page.get_by_role("button", name="Reset").click()
        assert len(result(page)["scores"]) == 400


def test_scores_that_are_made_up_have_the_distance_and_the_share_that_were_asked_for(browser, address):
    with opened(browser, address + PAGE) as page:
        open_lab(page, "metrics")
        choose(page, "made")
        move(page, 0, 2)
        move(page, 1, 6)
        found = result(page)
        labels, scores = np.array(found["labels"]), np.array(found["scores"])
        logits = np.log(scores / (1 - scores))
        assert labels.mean() == 0.5
        gap = logits[labels == 1].mean() - logits[labels == 0].mean()
        np.testing.assert_allclose(gap, 2, atol=0.2)
        np.testing.assert_allclose([logits[labels == k].std() for k in (0, 1)], 1, atol=0.1)


def test_with_few_positives_one_curve_looks_fine_and_the_other_does_not(browser, address):
    with opened(browser, address + PAGE) as page:
        open_lab(page, "metrics")
        choose(page, "made")
        areas = {}
        for share in (6, 0):
            move(page, 1, share)
            areas[share] = result(page)
        assert abs(areas[6]["areaUnderRoc"] - areas[0]["areaUnderRoc"]) < 0.1
        assert areas[6]["averagePrecision"] - areas[0]["averagePrecision"] > 0.4


def test_accuracy_is_best_where_no_hexagon_is_found(browser, address):
    with opened(browser, address + PAGE) as page:
        open_lab(page, "metrics")
        page.get_by_role("button", name="Where accuracy is best").click()
        found = result(page)
        y_true, scores = np.array(found["labels"]), np.array(found["scores"])
        by_threshold = [metrics.accuracy(y_true, (scores >= t / 100).astype(int)) for t in range(102)]
        assert found["threshold"] == np.argmax(by_threshold) / 100
        assert found["measures"]["accuracy"] == max(by_threshold) == 0.9
        assert found["counts"]["tp"] == 0
        page.get_by_role("button", name="Where F1 is best").click()
        f1 = [metrics.f_beta(y_true, (scores >= t / 100).astype(int), 2)[1] for t in range(102)]
        assert result(page)["threshold"] == np.argmax(f1) / 100


def test_dragging_and_the_keyboard_move_the_same_threshold(browser, address):
    with opened(browser, address + PAGE) as page:
        lab = open_lab(page, "metrics")
        slider = lab.locator("input[type=range]").nth(2)
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        assert result(page)["threshold"] == 0.25
        histogram = lab.locator("svg[role=img]").first
        box = histogram.bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * (34 + 296 * 40.2 / 101) / 340, box["y"] + 60)
        assert result(page)["threshold"] == 0.4
        page.mouse.move(box["x"] + box["width"] + 50, box["y"])
        page.mouse.up()
        assert result(page)["threshold"] == NOTHING
        assert slider.input_value() == "101"
        assert "nothing is called positive" in lab.locator(".lab-status").text_content()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_open_lab_is_accessible_and_fits(browser, address, theme):
    with opened(browser, address + PAGE, theme=theme) as page:
        open_lab(page, "metrics")
        for width in (1350, 390):
            assert_accessible_and_fits(page, width)
        choose(page, "made")
        for width in (1350, 390, 320):
            assert_accessible_and_fits(page, width)
