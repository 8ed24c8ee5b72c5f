"""Profiles, and the record of runs that are too long for a page."""

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
PROFILES = ("smoke", "book")

T = TypeVar("T")


def by_profile(profile: str, *, smoke: T, book: T) -> T:
    """Return the value for this profile; ValueError for a profile that does not exist.

    `smoke` shows in seconds that everything runs; `book` is what the site shows.
    """
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}: choose one of {', '.join(map(repr, PROFILES))}")
    return {"smoke": smoke, "book": book}[profile]


def mean_and_spread(values: Iterable[float]) -> dict[str, float]:
    """Return the mean and the sample standard deviation (divisor n - 1) of at least two values."""
    values = np.asarray(list(values), dtype=np.float64)
    if len(values) < 2:
        raise ValueError(f"a spread needs at least two runs, got {len(values)}")
    return {"mean": float(values.mean()), "std": float(values.std(ddof=1))}


def provenance(packages: Iterable[str]) -> dict[str, object]:
    """Return where and with what a run was made: date, processor, cores, Python, versions of `packages` that are here."""
    return {
        "date": datetime.date.today().isoformat(),
        "hardware": {"processor": _processor(), "cores": os.cpu_count(), "machine": platform.machine()},
        "versions": {"python": platform.python_version()} | _versions(packages),
    }


def _versions(packages: Iterable[str]) -> dict[str, str]:
    versions = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def save_result(name: str, result: dict[str, object]) -> Path:
    """Write one recorded run to `results/<name>.json` and return the path; the old file stays until the new is whole."""
    path = RESULTS / f"{name}.json"
    unfinished = path.with_suffix(".json.part")
    unfinished.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path


def remembered(name: str, key: str, make: Callable[[], T]) -> T:
    """Return `make()`, or what it gave before: what a sweep has finished outlives a kill.

    Each part of the sweep `name` waits in a file of its own in `.cache/sweeps/<name>/` until that folder is removed, so
    several processes can share the work; `make` must return what JSON can hold.
    """
    path = _part(name, key)
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    value = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(json.dumps(value), encoding="utf-8")
    unfinished.replace(path)
    return value


def reported(name: str, report: Callable[[str], None]) -> Callable[[str, Callable[[], T]], T]:
    """Return `remembered` for the parts of one sweep; it reports each key and the seconds since this call, as one line."""
    started = time.perf_counter()

    def part(key, make):
        value = remembered(name, key, make)
        report(f"{time.perf_counter() - started:6.0f} s  {key}")
        return value

    return part


def is_remembered(name: str, key: str) -> bool:
    """Tell whether `remembered` has this part of a sweep already."""
    return _part(name, key).is_file()


def _part(name: str, key: str) -> Path:
    return ROOT / ".cache" / "sweeps" / name / (re.sub(r"[^\w.=-]+", "-", key) + ".json")


def load_result(name: str) -> dict[str, object]:
    """Read the recorded run `results/<name>.json`; FileNotFoundError says which names there are."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RESULTS.glob("*.json"))) or "none"
        raise FileNotFoundError(f"no recorded run {name!r} in {RESULTS}; there are: {known}")
    return json.loads(path.read_text(encoding="utf-8"))
