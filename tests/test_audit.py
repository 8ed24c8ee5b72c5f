"""The audit of the site: medians, the least scores, what is said of a page that fails. Lighthouse itself is not run."""

import sys

import pytest

from utils.runs import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import audit


def report(performance=1.0, seo=1.0, bytes_sent=(1000, 500)):
    """Return the part of a report that the audit reads, of a page with one bad link when its SEO is not perfect."""
    scores = dict.fromkeys(audit.CATEGORIES, 1.0) | {"performance": performance, "seo": seo}
    categories = {name: {"score": score, "auditRefs": []} for name, score in scores.items()}
    categories["performance"]["auditRefs"] = [
        {"id": "largest-contentful-paint", "weight": 25},
        {"id": "advice", "weight": 0},
    ]
    categories["seo"]["auditRefs"] = [{"id": "link-text", "weight": 1}, {"id": "not-applicable", "weight": 1}]
    metrics = {name: {"title": name, "score": 1.0, "numericValue": 10.0} for name in audit.METRICS.values()}
    metrics["largest-contentful-paint"] |= {"score": performance, "displayValue": "3.1 s"}
    audits = metrics | {
        "advice": {"title": "Advice", "score": 0, "details": {"items": [{"url": "http://127.0.0.1/a.css"}]}},
        "link-text": {
            "title": "Links without a name",
            "score": seo,
            "details": {"items": [{"node": {"selector": f"p > a:nth({n})"}} for n in range(5)]},
        },
        "not-applicable": {"title": "Does not apply", "score": None},
        "network-requests": {"details": {"items": [{"transferSize": size} for size in bytes_sent]}},
    }
    return {"categories": categories, "audits": audits}


def test_landing_page_longest_chapter_and_chinese_page_are_judged(tmp_path):
    for name, text in {"index": "longest of all", "chapters/1/a": "long", "chapters/2/b": "longer"}.items():
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert audit.pages_to_audit(tmp_path) == ["index.html", "chapters/2/b.html"]
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "index.html").write_text("")
    assert audit.pages_to_audit(tmp_path) == ["index.html", "chapters/2/b.html", "zh/index.html"]


def test_figures_are_scores_out_of_100_metrics_and_what_was_loaded():
    figures = audit.figures_of(report(performance=0.97))
    assert list(figures) == list(audit.FORMATS)
    assert figures["performance"] == pytest.approx(97)
    assert (figures["seo"], figures["LCP"], figures["bytes"], figures["requests"]) == (100, 10, 1500, 2)


def test_median_is_taken_of_each_figure_by_itself():
    runs = [{"TBT": 10, "CLS": 3}, {"TBT": 900, "CLS": 1}, {"TBT": 20, "CLS": 2}]
    assert audit.medians(runs) == {"TBT": 20, "CLS": 2}


@pytest.mark.parametrize(
    ("performance", "device", "low"),
    [
        (95, "mobile", []),
        (94, "mobile", ["performance"]),
        (100, "desktop", []),
        (99, "desktop", ["performance"]),
    ],
)
def test_a_phone_may_be_slower_and_nothing_else_may_be_less_than_perfect(performance, device, low):
    figures = dict.fromkeys(audit.CATEGORIES, 100) | {"performance": performance}
    assert audit.too_low(figures, device) == low
    assert audit.too_low(figures | {"seo": 99}, device) == [*low, "seo"]


def test_failed_audits_tell_where():
    (line,) = audit.failed_audits(report(seo=0.9), "seo")
    assert line.splitlines()[0] == "link-text: Links without a name"
    assert [place.strip() for place in line.splitlines()[1:]] == [f"p > a:nth({n})" for n in range(3)]
    assert audit.failed_audits(report(), "seo") == []


def test_for_performance_advice_counts_and_a_green_metric_does_not():
    slow = audit.failed_audits(report(performance=0.4), "performance")
    assert [line.split(":")[0] for line in slow] == ["largest-contentful-paint", "advice"]
    assert "(3.1 s)" in slow[0] and slow[1].endswith("http://127.0.0.1/a.css")
    assert [line.split(":")[0] for line in audit.failed_audits(report(0.95), "performance")] == ["advice"]


def test_a_page_is_judged_by_its_median_run():
    scores = iter([0.5, 1.0, 1.0])
    figures, problems = audit.audit_page(lambda: report(next(scores)), 3, "desktop")
    assert figures["performance"] == 100 and problems == []


def test_of_a_page_that_fails_every_failed_audit_is_counted():
    scores = iter([0.8, 0.9, 0.7])
    figures, problems = audit.audit_page(lambda: report(next(scores)), 3, "mobile")
    assert figures["performance"] == pytest.approx(80)
    assert problems[0] == "performance 80, at least 95 is needed"
    assert problems[1].startswith("  in 2 of 3 runs, largest-contentful-paint")
    assert problems[2].startswith("  in 3 of 3 runs, advice")


def test_table_has_a_line_for_each_page_and_device_and_straight_columns():
    figures = audit.figures_of(report(bytes_sent=(123456,)))
    lines = audit.table({("index.html", "mobile"): figures, ("a.html", "desktop"): figures}).splitlines()
    assert len(lines) == 3 and len({len(line) for line in lines}) == 1
    assert lines[0].split()[:3] == ["page", "device", "performance"]
    assert lines[1].split() == "index.html mobile 100 100 100 100 10 10 10 10.000 123,456 1".split()


@pytest.mark.parametrize("missing", ["site", "chromium", "package"])
def test_what_is_missing_is_said_with_what_to_do(missing, tmp_path, monkeypatch):
    if missing != "site":
        (tmp_path / "index.html").write_text("")
    monkeypatch.setattr(sys, "argv", ["audit.py", "--site", str(tmp_path)])
    monkeypatch.setattr(
        audit, "find_chromium", lambda: None if missing == "chromium" else "/usr/bin/chromium"
    )
    monkeypatch.setattr(audit, "LIGHTHOUSE", ROOT / "tests" / "audit" / "nothing")
    advice = {"site": "make book", "chromium": "apt-get install", "package": "make audit"}
    with pytest.raises(SystemExit, match=advice[missing]):
        audit.main()
