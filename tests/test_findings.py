"""The findings, and the map of concepts: every expression finds its numbers, every place exists."""

import importlib
import json

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook, new_output

from utils import findings, runs
from utils.runs import ROOT

FINDINGS = findings.load_findings()
CONCEPTS = yaml.safe_load((ROOT / "book" / "concepts.yml").read_text("utf-8"))


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding["id"])
def test_every_finding_has_its_numbers_and_its_chapter(finding):
    common = {"id", "chapter", "question", "measure", "unit"}
    assert set(finding) in (common | {"record", "values"}, common | {"glued"})
    assert (ROOT / "chapters" / f"{finding['chapter']}.ipynb").is_file()
    values = findings.values_of(finding)
    assert all(np.isfinite(numbers).all() for numbers in values.values())
    if finding["unit"] == "%" and "record" in finding:
        assert all(0 <= min(numbers) and max(numbers) <= 1 for numbers in values.values()), "a share"


def test_every_recorded_run_has_a_finding():
    assert {f["record"] for f in FINDINGS if "record" in f} == {
        path.stem for path in runs.RESULTS.glob("*.json")
    }
    assert len({finding["id"] for finding in FINDINGS}) == len(FINDINGS)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Write a record of three seeds and a chapter that keeps two numbers and a word."""
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    monkeypatch.setattr(findings, "ROOT", tmp_path)
    record = {
        "seeds": [0, 1, 2],
        "runs": [{"accuracy": a, "seconds": s} for a, s in [(0.5, 1), (0.6, 2), (0.7, 3)]],
    }
    (tmp_path / "one.json").write_text(json.dumps(record))
    kept = {"share": "49.5", "count": "1000", "word": "'cat'"}
    outputs = [
        new_output(
            "display_data",
            data={"application/papermill.record/text/plain": text},
            metadata={"scrapbook": {"name": name}},
        )
        for name, text in kept.items()
    ]
    (tmp_path / "chapters/1_part").mkdir(parents=True)
    cell = new_code_cell("glue()", outputs=outputs)
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "chapters/1_part/page.ipynb")


def finding(**changes):
    about = {
        "id": "a",
        "chapter": "1_part/page",
        "question": "Which?",
        "measure": "test accuracy",
        "unit": "%",
    }
    return about | changes


def test_shares_become_percent_with_mean_and_spread(small):
    table = findings.table_of(
        [
            finding(record="one", values={"CNN": "runs[*].accuracy"}),
            finding(record="one", unit="s", values={"CNN": "runs[*].seconds"}),
            finding(glued={"live": "share"}),
        ]
    )
    assert [findings.in_words(line) for _, line in table.iterrows()] == [
        "60.0 ± 10.0\u00a0%",
        "2.00 ± 1.00\u00a0s",
        "49.5\u00a0%",
    ]
    assert table["seeds"].tolist() == [3, 3, 1]


def test_a_number_that_is_not_there_is_an_error_that_names_its_row(small):
    for wrong in ("runs[0].accuracy", "runs[*].loss", "runs[:2].accuracy", "runs"):
        with pytest.raises(ValueError, match="'Which\\?', row 'CNN': needs 3 numbers"):
            findings.values_of(finding(record="one", values={"CNN": wrong}))
    for wrong in ("word", "nothing"):
        with pytest.raises(ValueError, match="row 'live': needs 1 numbers, found None"):
            findings.values_of(finding(glued={"live": wrong}))


def test_numbers_are_rounded_to_what_they_can_carry():
    def words(mean, spread, unit):
        return findings.in_words(pd.Series({"mean": mean, "spread": spread, "unit": unit}))

    assert words(354.4, 26.1, "s") == "354 ± 26\u00a0s"
    assert words(11.63, 1.27, "s") == "11.6 ± 1.3\u00a0s"
    assert words(0.88, 0.0042, "nats") == "0.880 ± 0.004\u00a0nats"
    assert words(100.0, 0.0, "%") == "100.0 ± 0.0\u00a0%"
    assert words(91.67, float("nan"), "%") == "91.7\u00a0%"


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept["term"])
def test_every_concept_has_its_term_chapter_function_and_test(concept):
    assert f"\n{concept['term']}\n" in (ROOT / "book" / "glossary.md").read_text("utf-8")
    chapter = nbformat.read(ROOT / "chapters" / f"{concept['chapter']}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in chapter.cells).lower()
    assert concept["term"].lower() in text, "the chapter does not speak of it"
    module, name = concept["function"].rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), name))
    assert name in (ROOT / concept["test"]).read_text("utf-8"), "the test does not speak of it"
