"""Every chapter runs in the smoke profile, as papermill runs it, and refuses parameters that make no sense."""

import papermill
import pytest
from notebooks import each_chapter

from utils.runs import ROOT


def run(chapter, tmp_path, **parameters):
    path = ROOT / f"{chapter}.ipynb"
    papermill.execute_notebook(
        str(path), str(tmp_path / "out.ipynb"), parameters=parameters, cwd=str(path.parent), progress_bar=False,
        execution_timeout=300,
    )  # fmt: skip


@each_chapter
def test_smoke(chapter, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run(chapter, tmp_path, profile="smoke")


@each_chapter
def test_an_unknown_profile_stops_with_a_sentence(chapter, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="unknown profile 'quick': choose one of"):
        run(chapter, tmp_path, profile="quick")
