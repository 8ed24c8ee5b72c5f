"""One function for many settings: shared by the processors of this machine, or by other machines; what is done is kept."""

from collections.abc import Callable, Iterable, Mapping

import joblib

from utils import runs


def sweep(
    name: str,
    measure: Callable[..., object],
    cells: Iterable[Mapping[str, object]],
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    report: Callable[[str, object], None] | None = None,
) -> list[object]:
    """Return `measure(**cell)` for each cell, in the order of the cells.

    What has been measured before is read again, see `utils.runs.remembered`; the rest starts in the order of the cells,
    and each result is written down here as soon as it comes, wherever it was computed.

    Parameters
    ----------
    name : str
        Of the sweep.
    measure : callable
        Of a module that the workers can import; it must return what JSON can hold.
    cells : iterable of mappings
        Keyword arguments, such as {"width": 8, "seed": 0}; together they are the name of the part.
    jobs : int
        Processes on this machine; 1 stays in this one.
    scheduler : str, optional
        The address of a Dask scheduler, such as tcp://10.0.0.5:8786: its workers compute in place of this machine.
        Whoever can reach that address can run code on the workers, so it belongs in a closed network.
    report : callable, optional
        `report(key, result)` for each cell that was measured now.
    """
    cells = [dict(cell) for cell in cells]
    keys = [", ".join(f"{key}={value}" for key, value in cell.items()) for cell in cells]
    if len(set(keys)) < len(keys):
        raise ValueError("two cells of the sweep are the same")
    missing = [i for i, key in enumerate(keys) if not runs.is_remembered(name, key)]
    for i, result in _results(measure, [(i, cells[i]) for i in missing], jobs, scheduler):
        runs.remembered(name, keys[i], lambda result=result: result)
        if report is not None:
            report(keys[i], result)
    return [runs.remembered(name, key, _lost) for key in keys]


def _results(measure, numbered, jobs: int, scheduler: str | None):
    """Yield (number, result) as they come."""
    if not numbered:
        return
    settings = {"n_jobs": jobs}
    if scheduler is not None:
        settings = {"backend": "dask", "scheduler_host": scheduler, "n_jobs": -1}
    with joblib.parallel_config(**settings):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
        yield from parallel(joblib.delayed(_numbered)(measure, i, cell) for i, cell in numbered)


def _numbered(measure, number: int, cell: Mapping[str, object]) -> tuple[int, object]:
    return number, measure(**cell)


def _lost():
    raise RuntimeError("a part of the sweep has been removed while it ran")
