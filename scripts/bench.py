"""Measure what the course promises to be fast: data, chapters, build, pages.

    python scripts/bench.py

Prints one figure a line, and ratios of things that were measured side by side; a machine is noisy, a ratio less so.
"""

import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from execute import DURATIONS, ROOT, read_json

from utils.data import SceneSettings, load, make_scenes

REPEATS = 5


def fastest(action: Callable[[], object]) -> float:
    """Return the smallest processor time of five runs, in seconds: the one that was disturbed least."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def bench_scenes() -> None:
    plain = fastest(lambda: make_scenes(1000, np.random.default_rng(0)))
    three = fastest(lambda: make_scenes(1000, np.random.default_rng(0), 32, SceneSettings(max_objects=3)))
    large = fastest(lambda: make_scenes(250, np.random.default_rng(0), 64))
    print(f"scenes, 32 px            {1000 / plain:8.0f} images a second")
    print(f"scenes, up to 3 objects  {1000 / three:8.0f} images a second, {three / plain:.1f} times the work")
    print(
        f"scenes, 64 px            {250 / large:8.0f} images a second, {4 * large / plain:.1f} times the work"
    )


def bench_bundled() -> None:
    for name in ("digits", "photos"):
        print(f"load {name:20}{1000 * fastest(lambda name=name: load(name, 'train')):8.0f} ms")


def bench_chapters() -> None:
    for chapter, seconds in sorted(read_json(DURATIONS).items()):
        print(f"execute {Path(chapter).name:17}{seconds:8.1f} s, the last time")


def bench_build() -> None:
    for _ in range(2):  # the first does what is left to do
        start = time.perf_counter()
        subprocess.run(["make", "book"], cwd=ROOT, check=True, capture_output=True)
    print(f"make book, nothing new   {time.perf_counter() - start:8.1f} s")


def bench_pages() -> None:
    site = ROOT / "_build" / "html"
    for page in sorted(site.rglob("*.html")):
        weight = len(gzip.compress(page.read_bytes()))
        print(f"page {str(page.relative_to(site)):37}{weight / 1000:8.1f} kB of HTML, compressed")


def main() -> int:
    bench_scenes()
    bench_bundled()
    bench_build()
    bench_chapters()
    bench_pages()
    return 0


if __name__ == "__main__":
    sys.exit(main())
