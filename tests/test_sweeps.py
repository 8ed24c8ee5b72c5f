"""A sweep here, in processes, and on the workers of a Dask scheduler; what is done is not done again."""

import os

import pytest
from distributed import LocalCluster

from utils import runs
from utils.sweeps import sweep

CELLS = [{"width": width, "seed": seed} for width in (4, 8) for seed in (0, 1, 2)]


def measuring(folder):
    """Return a function that leaves a mark in `folder` for each call; defined in here, it travels to the workers."""

    def measure(width, seed):
        with open(os.path.join(folder, f"{width} {seed}"), "a") as file:
            file.write("x")
        return {"product": width * seed, "process": os.getpid()}

    return measure


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ROOT", tmp_path / "root")
    (tmp_path / "calls").mkdir()
    return tmp_path / "calls"


def calls(folder):
    return {path.name: len(path.read_text()) for path in folder.iterdir()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_are_measured_once(folder, jobs):
    seen = []
    measure = measuring(folder)
    results = sweep("s", measure, CELLS[:4], jobs=jobs, report=lambda key, result: seen.append(key))
    assert [r["product"] for r in results] == [c["width"] * c["seed"] for c in CELLS[:4]]
    assert sorted(seen) == sorted(f"width={c['width']}, seed={c['seed']}" for c in CELLS[:4])
    again = sweep("s", measure, CELLS, jobs=jobs)
    assert again[:4] == results and len(again) == 6
    assert set(calls(folder).values()) == {1}
    assert (os.getpid() in {r["process"] for r in results}) == (jobs == 1)


def test_what_was_done_before_a_failure_is_kept(folder):
    measure = measuring(folder)

    def fails_once(width, seed):
        if (width, seed) == (8, 0) and not (folder / "8 0").exists():
            measure(width, seed)
            raise RuntimeError("a worker was lost")
        return measure(width, seed)

    with pytest.raises(RuntimeError, match="lost"):
        sweep("s", fails_once, CELLS)
    assert len(sweep("s", fails_once, CELLS)) == 6
    assert calls(folder) == {"4 0": 1, "4 1": 1, "4 2": 1, "8 0": 2, "8 1": 1, "8 2": 1}


def test_the_workers_of_a_scheduler_compute_and_the_results_are_kept_here(folder):
    measure = measuring(folder)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        first = sweep("s", measure, CELLS[:4], scheduler=cluster.scheduler_address)
        results = sweep("s", measure, CELLS, scheduler=cluster.scheduler_address)
    assert [r["product"] for r in results] == [c["width"] * c["seed"] for c in CELLS]
    assert results[:4] == first and set(calls(folder).values()) == {1}
    assert os.getpid() not in {r["process"] for r in results}
    assert sweep("s", measure, CELLS, scheduler="tcp://nowhere:1") == results, "all is known: nobody is asked"


def test_a_cell_that_comes_twice_is_refused(folder):
    with pytest.raises(ValueError, match="two cells"):
        sweep("s", measuring(folder), CELLS[:1] * 2)
