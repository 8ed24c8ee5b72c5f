"""Execute the chapters of the book into the cache that Jupyter Book reads, only those that something has changed for.

    python scripts/execute.py [--jobs 2] [--outputs] [CHAPTER ...]

Jupyter Book's own cache looks at a notebook's code cells alone. Here a chapter's fingerprint also covers the modules
of `utils` that it imports, directly or not, the recorded results and lists that it reads, and the locked versions.
Chapters run side by side, one thread each. One that fails is named with its cell and traceback; the work of the others
is kept. `--outputs` then stores the outputs in the notebooks themselves, for code hosts and nbval.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "jupyter"
FINGERPRINTS = CACHE / "fingerprints.json"
DURATIONS = CACHE / "durations.json"
CELL_TIMEOUT = 600
USUAL_SECONDS = 30.0
BAR = "{percentage:3.0f} % |{bar}| {elapsed} {desc}"
LOAD_RESULT = re.compile(r"""(?<!def )load_result\((?:\s*["']([\w-]+)["']\s*\))?""")
BOOK_FILE = re.compile(r"""["'](?:book/)?(\w+\.yml)["']""")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def chapters_of_the_book() -> list[str]:
    """Return the paths of all notebooks that `_toc.yml` names, relative to the root, without suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [file for file in files if (ROOT / f"{file}.ipynb").is_file()]


def imported_modules(source: str) -> set[str]:
    """Return the modules below `utils` that Python source may import: `from utils import a` counts as utils.a.

    Source that is no Python imports nothing; whoever executes it will say so.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] == "utils"}


def module_files(names: set[str]) -> set[Path]:
    """Return the files that importing `names` can run, following imports inside `utils`."""
    pending, files = set(names), set()
    while pending:
        path = ROOT / Path(*pending.pop().split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py", path.parent / "__init__.py"):
            if file.is_file() and file not in files:
                files.add(file)
                pending |= imported_modules(file.read_text(encoding="utf-8"))
                if file.parent.name == "exercises":  # `check` imports the exercises of a chapter by name
                    pending |= {f"utils.exercises.{module.stem}" for module in file.parent.glob("*.py")}
    return files


def read_files(sources: list[str]) -> set[Path]:
    """Return the recorded results and the lists of the book that the sources read.

    All results, if one is named by anything but a literal; with the list of findings all other notebooks, whose stored
    numbers it names.
    """
    files = {ROOT / "book" / name for source in sources for name in BOOK_FILE.findall(source)}
    if ROOT / "book" / "findings.yml" in files:
        files |= {path for path in (ROOT / "chapters").glob("*/*.ipynb") if path.parent.name != "7_summary"}
    names = {name for source in sources for name in LOAD_RESULT.findall(source)}
    if "" in names:
        return files | set((ROOT / "results").glob("*.json"))
    return files | {ROOT / "results" / f"{name}.json" for name in names}


def fingerprint(chapter: str) -> str:
    """Return a digest of all that decides a chapter's outputs."""
    cells = [c for c in nbformat.read(ROOT / f"{chapter}.ipynb", as_version=4).cells if c.cell_type == "code"]
    modules = module_files(set().union(*(imported_modules(cell.source) for cell in cells)))
    sources = [cell.source for cell in cells] + [file.read_text(encoding="utf-8") for file in modules]
    digest = hashlib.sha256(f"Python {sys.version_info.major}.{sys.version_info.minor}".encode())
    for cell in cells:
        digest.update(
            json.dumps([cell.source, cell.metadata], sort_keys=True).encode()
        )  # as Jupyter Book's cache
    for file in [ROOT / "requirements.lock", *sorted(modules | read_files(sources))]:
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes() if file.is_file() else b"missing")
    return digest.hexdigest()


def execute(chapter: str) -> tuple[nbformat.NotebookNode, float]:
    """Run one chapter in a fresh kernel with one thread, in its own folder; return it with outputs, and the seconds.

    What the kernel writes to its own error stream, mostly TensorFlow's start-up log, would tear the progress bar; it is
    shown when the chapter fails.
    """
    os.environ.update(THREADS | {"KERAS_BACKEND": "tensorflow"})
    os.environ.pop("MPLBACKEND", None)  # a reader's own would draw figures that no notebook shows
    path = ROOT / f"{chapter}.ipynb"
    notebook = without_outputs(nbformat.read(path, as_version=4))
    place = ["before its first cell"]  # ... and then the cell that runs
    start = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,
            coalesce_streams=True,
            on_cell_execute=lambda cell, cell_index: place.append(f"cell {cell_index + 1} ({cell.id!r})"),
        )
        try:
            client.execute(stderr=log)
        except Exception as error:
            # a kernel can fail to start, time out, die, or raise what the chapter raised
            kind = "" if isinstance(error, CellExecutionError) else f"{type(error).__name__}: "
            reason = f"{chapter}, {place[-1]}:\n{kind}{error}{_last_lines(log)}"
            raise RuntimeError(reason) from None
    return notebook, time.perf_counter() - start


def without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook as if it had never run."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _last_lines(log, count: int = 20) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return "\n\nThe end of what its kernel wrote:\n" + "\n".join(lines[-count:]) if lines else ""


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write_json(path: Path, content: dict) -> None:
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
    unfinished.replace(path)


def keep(cache, chapter: str, notebook: nbformat.NotebookNode, seconds: float, digest: str) -> None:
    """Put an executed chapter into the cache, and then its fingerprint: in this order a crash loses only time."""
    bundle = CacheBundleIn(
        nb=notebook,
        uri=str(ROOT / f"{chapter}.ipynb"),
        data={"execution_seconds": seconds, "execution_method": "course"},
    )
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    write_json(FINGERPRINTS, read_json(FINGERPRINTS) | {chapter: digest})
    write_json(DURATIONS, read_json(DURATIONS) | {chapter: round(seconds, 1)})


def is_cached(cache, chapter: str) -> bool:
    try:
        cache.match_cache_file(str(ROOT / f"{chapter}.ipynb"))
    except KeyError:
        return False
    return True


def run_all(cache, stale: dict[str, str], jobs: int) -> dict[str, str]:
    """Execute the stale chapters (path to fingerprint), the slowest first, and keep each as it ends.

    Returns what went wrong, by chapter.
    """
    known = read_json(DURATIONS)
    expected = {chapter: known.get(chapter, USUAL_SECONDS) for chapter in stale}
    to_come = sorted(stale, key=lambda chapter: -expected[chapter])
    started: dict[str, float] = {}
    failures: dict[str, str] = {}
    pool = ProcessPoolExecutor(jobs)
    try:
        running: dict[Future, str] = {}
        with tqdm(total=sum(expected.values()), bar_format=BAR) as bar:
            while to_come or running:
                while to_come and len(running) < jobs:
                    chapter = to_come.pop(0)
                    running[pool.submit(execute, chapter)] = chapter
                    started[chapter] = time.perf_counter()
                _show_progress(bar, expected, to_come, list(running.values()), started)
                done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                for future in done:
                    chapter = running.pop(future)
                    if reason := _keep_or_explain(cache, chapter, future, stale[chapter]):
                        failures[chapter] = reason
            _show_progress(bar, expected, [], [], started)
    except BaseException:
        _stop(pool)
        raise
    pool.shutdown()
    return failures


def _keep_or_explain(cache, chapter: str, future: Future, digest: str) -> str | None:
    """Keep what a chapter gave, or return why it gave nothing: no failure of one harms another."""
    try:
        notebook, seconds = future.result()
        keep(cache, chapter, notebook, seconds, digest)
    except Exception as error:
        tqdm.write(f"{chapter}: FAILED")
        return str(error) if str(error).startswith(chapter) else f"{chapter}: {error!r}"
    tqdm.write(f"{chapter}: {seconds:.1f} s")
    return None


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers at once; told to end, each ends its kernel first."""
    workers = list(pool._processes.values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(timeout=5)
        worker.kill()


def _show_progress(
    bar: tqdm, expected: dict[str, float], to_come: list[str], running: list[str], started: dict[str, float]
) -> None:
    """Name the chapters that run and the time left: what each took the last time, less the time that it has run."""
    now = time.perf_counter()
    left = [max(expected[c] - (now - started[c]), 0.05 * expected[c]) for c in running]
    left += [expected[c] for c in to_come]
    bar.n = max(0.0, min(round(bar.total - sum(left), 1), bar.total))
    names = " + ".join(Path(chapter).name for chapter in running)
    seconds = max([sum(left) / max(len(running), 1), *left, 0])
    bar.set_description_str(f"{names}, about {seconds:.0f} s left" if running else "done", refresh=True)


def store_outputs(cache, chapters: list[str]) -> None:
    """Write the cached outputs into the notebooks, and nothing that changes from run to run."""
    for chapter in chapters:
        path = ROOT / f"{chapter}.ipynb"
        _, notebook = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
        notebook.metadata = METADATA
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.metadata.pop("execution", None)
                cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        unfinished = path.with_suffix(".ipynb.part")
        nbformat.write(notebook, unfinished)
        unfinished.replace(path)
        if not is_cached(cache, chapter):  # an editor had written another name of the kernel into it
            keep(cache, chapter, notebook, read_json(DURATIONS)[chapter], fingerprint(chapter))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "chapters", nargs="*", help="paths such as chapters/2_concepts/metrics; all if none is given"
    )
    parser.add_argument("--jobs", type=int, default=2, help="chapters that run side by side (default: 2)")
    parser.add_argument("--outputs", action="store_true", help="store the outputs in the notebooks")
    arguments = parser.parse_args()
    known = chapters_of_the_book()
    chapters = [chapter.removesuffix(".ipynb") for chapter in arguments.chapters] or known
    if unknown := set(chapters) - set(known):
        parser.error(f"not in _toc.yml: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")

    cache = get_cache(str(CACHE))
    digests = {chapter: fingerprint(chapter) for chapter in chapters}
    before = read_json(FINGERPRINTS)
    stale = {c: d for c, d in digests.items() if before.get(c) != d or not is_cached(cache, c)}
    try:
        failures = run_all(cache, stale, arguments.jobs) if stale else {}
    except KeyboardInterrupt:
        print("\nstopped; the chapters that were done are kept", file=sys.stderr)
        return 130
    print(
        f"{len(chapters) - len(stale)} chapters up to date, {len(stale) - len(failures)} executed, {len(failures)} failed"
    )
    if arguments.outputs:
        store_outputs(cache, [chapter for chapter in chapters if chapter not in failures])
    for reason in failures.values():
        print(f"\n{reason}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
