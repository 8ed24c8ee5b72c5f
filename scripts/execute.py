"""Execute the chapters of the book into the cache that Jupyter Book reads, only those that something has changed for.

    python scripts/execute.py [--jobs 2] [--outputs] [CHAPTER ...]

Jupyter Book's own cache looks at a notebook's code cells alone. Here a chapter's fingerprint also covers the modules
of `utils` that it imports, directly or not, the recorded results that it reads, and the locked versions. Chapters run
side by side, one thread each. One that fails is named with its cell and traceback; the work of the others is kept.
`--outputs` then stores the outputs in the notebooks themselves, for code hosts and nbval.
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
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "jupyter"
FINGERPRINTS = CACHE / "fingerprints.json"
DURATIONS = CACHE / "durations.json"
CELL_TIMEOUT = 600
USUAL_SECONDS = 30.0
BAR = "{desc}: {percentage:3.0f} % |{bar}| {elapsed} gone, {remaining} left"
RESULT_NAME = re.compile(r"""load_result\(\s*["']([\w-]+)["']""")


def chapters_of_the_book() -> list[str]:
    """Return the paths of all notebooks that `_toc.yml` names, relative to the root, without suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [file for file in files if (ROOT / f"{file}.ipynb").is_file()]


def code_of(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def imported_modules(source: str) -> set[str]:
    """Return the modules below `utils` that Python source may import: `from utils import a` counts as utils.a."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
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
    return files


def fingerprint(chapter: str) -> str:
    """Return a digest of all that decides a chapter's outputs."""
    notebook = nbformat.read(ROOT / f"{chapter}.ipynb", as_version=4)
    code = code_of(notebook)
    files = module_files(imported_modules(_plain_python(code)))
    if any(file.parent.name == "exercises" for file in files):
        files |= set((ROOT / "utils" / "exercises").glob("*.py"))  # `check` imports its chapters by name
        for file in list(files):
            files |= module_files(imported_modules(file.read_text(encoding="utf-8")))
    files |= {ROOT / "results" / f"{name}.json" for name in RESULT_NAME.findall(code)}
    digest = hashlib.sha256()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            digest.update(json.dumps([cell.source, cell.metadata.get("tags", [])]).encode())
    for file in [ROOT / "requirements.lock", *sorted(files)]:
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes() if file.is_file() else b"missing")
    return digest.hexdigest()


def _plain_python(code: str) -> str:
    """Drop the lines that only IPython understands."""
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))


def execute(chapter: str) -> tuple[nbformat.NotebookNode, float]:
    """Run one chapter in a fresh kernel with one thread, in its own folder; return it with outputs, and the seconds.

    What the kernel writes to its own error stream, mostly TensorFlow's start-up log, would tear the progress bar; it is
    shown when the chapter fails.
    """
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
    path = ROOT / f"{chapter}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,
            coalesce_streams=True,
        )
        try:
            client.execute(stderr=log)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise RuntimeError(
                f"{chapter}, {_last_cell_that_ran(notebook)}:\n{error}{_last_lines(log)}"
            ) from None
    return notebook, time.perf_counter() - start


def _last_cell_that_ran(notebook: nbformat.NotebookNode) -> str:
    ran = [i for i, cell in enumerate(notebook.cells) if cell.get("execution_count")]
    index = ran[-1] if ran else 0
    return f"cell {index + 1} ({notebook.cells[index].id!r})"


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
    """Execute the `stale` chapters (name to fingerprint), the longest first; return the failures, name to reason."""
    durations = read_json(DURATIONS)
    expected = {chapter: durations.get(chapter, USUAL_SECONDS) for chapter in stale}
    order = sorted(stale, key=lambda chapter: -expected[chapter])
    failures: dict[str, str] = {}
    with ProcessPoolExecutor(jobs) as pool, tqdm(total=sum(expected.values()), bar_format=BAR) as bar:
        waiting = {pool.submit(execute, chapter): chapter for chapter in order}
        started: dict[str, float] = {}
        while waiting:
            done, _ = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                chapter = waiting.pop(future)
                try:
                    notebook, seconds = future.result()
                    keep(cache, chapter, notebook, seconds, stale[chapter])
                    tqdm.write(f"{chapter}: {seconds:.1f} s")
                except RuntimeError as error:
                    failures[chapter] = str(error)
                    tqdm.write(f"{chapter}: FAILED")
            running = list(waiting.values())[:jobs]
            for chapter in running:
                started.setdefault(chapter, time.perf_counter())
            _show_progress(bar, expected, list(waiting.values()), started)
            bar.set_description_str(
                " + ".join(Path(chapter).name for chapter in running) or "done", refresh=True
            )
    return failures


def _show_progress(
    bar: tqdm, expected: dict[str, float], waiting: list[str], started: dict[str, float]
) -> None:
    """Count a chapter that runs by the seconds it has run, up to what it took the last time."""
    now = time.perf_counter()
    to_come = sum(max(expected[c] - (now - started.get(c, now)), 0.05 * expected[c]) for c in waiting)
    bar.n = max(0.0, min(round(bar.total - to_come, 1), bar.total))


def store_outputs(cache, chapters: list[str]) -> None:
    """Write the cached outputs into the notebooks, and nothing that changes from run to run."""
    for chapter in chapters:
        path = ROOT / f"{chapter}.ipynb"
        _, notebook = cache.merge_match_into_notebook(nbformat.read(path, as_version=4))
        notebook.metadata = {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.metadata.pop("execution", None)
                cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        nbformat.write(notebook, path)


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
    failures = run_all(cache, stale, arguments.jobs) if stale else {}
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
