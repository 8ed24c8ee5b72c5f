import datetime
import json

import numpy as np
import pytest

from utils import runs


def test_by_profile():
    assert runs.by_profile("smoke", smoke=1, book=2) == 1
    assert runs.by_profile("book", smoke=1, book=2) == 2
    with pytest.raises(ValueError, match="unknown profile 'fast': choose one of 'smoke', 'book'"):
        runs.by_profile("fast", smoke=1, book=2)


def test_mean_and_spread_is_that_of_a_sample():
    values = [0.7, 0.72, 0.68]
    assert runs.mean_and_spread(values) == pytest.approx({"mean": 0.7, "std": np.std(values, ddof=1)})
    with pytest.raises(ValueError, match="at least two runs, got 1"):
        runs.mean_and_spread([0.7])


def test_results_survive_a_round_trip_and_a_failed_write(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    runs.save_result("one", {"accuracy": 0.5, "name": "图"})
    assert runs.load_result("one") == {"accuracy": 0.5, "name": "图"}
    with pytest.raises(TypeError):
        runs.save_result("one", {"accuracy": object()})
    assert runs.load_result("one")["accuracy"] == 0.5
    with pytest.raises(FileNotFoundError, match="no recorded run 'two'.*there are: one"):
        runs.load_result("two")


def test_a_sweep_remembers_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    made, lines = [], []

    def make(value):
        made.append(value)
        return {"accuracy": value}

    assert runs.remembered("sweep", "seed 0", lambda: make(0.5)) == {"accuracy": 0.5}
    assert runs.remembered("sweep", "seed 1", lambda: make(0.6)) == {"accuracy": 0.6}
    assert runs.remembered("sweep", "seed 0", lambda: make(0.7)) == {"accuracy": 0.5}
    assert made == [0.5, 0.6]
    with pytest.raises(RuntimeError):
        runs.remembered("sweep", "seed 2", lambda: (_ for _ in ()).throw(RuntimeError))
    assert runs.remembered("sweep", "seed 1", lambda: make(0.7)) == {"accuracy": 0.6}, "nothing is lost"
    assert runs.reported("sweep", lines.append)("seed 0", lambda: make(0.7)) == {"accuracy": 0.5}
    assert len(lines) == 1 and lines[0].endswith(" s  seed 0")
    assert runs.is_remembered("sweep", "seed 1") and not runs.is_remembered("sweep", "seed 2")


def test_provenance_names_machine_and_versions():
    record = runs.provenance(("numpy", "scikit-learn", "jupyter-cache", "a-package-that-is-not-here"))
    assert record["versions"]["numpy"] == np.__version__
    assert set(record["versions"]) == {"python", "numpy", "scikit-learn", "jupyter-cache"}, "however spelt"
    assert record["hardware"]["cores"] >= 1 and record["hardware"]["processor"]
    json.dumps(record)


@pytest.mark.parametrize("name", [path.stem for path in runs.RESULTS.glob("*.json")])
def test_every_recorded_run_says_how_it_was_made(name):
    record = runs.load_result(name)
    assert record["command"].startswith("python scripts/") and record["what"]
    script = runs.ROOT / record["command"].split()[1]
    assert script.is_file(), "the script that made this result is gone"
    assert len(set(record["seeds"])) == len(record["seeds"])
    assert len(record["seeds"]) >= 3 or "one seed" in record["what"], (
        "too few seeds, unless the record says so"
    )
    assert {"python", "numpy"} <= set(record["versions"])
    trained_with = {word for word in ("torch", "keras") if word in script.read_text(encoding="utf-8")}
    if trained_with:  # what is trained in NumPy alone needs no more
        assert {"torch", "tensorflow", "tensorflow-cpu"} & set(record["versions"]), (
            "with what was it trained?"
        )
    assert record["hardware"]["processor"] and record["hardware"]["cores"] >= 1
    assert datetime.date.fromisoformat(record["date"])
    assert (runs.RESULTS / f"{name}.json").stat().st_size < 200_000
