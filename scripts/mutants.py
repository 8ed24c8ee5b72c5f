"""Break the layers on purpose, one piece of arithmetic at a time, and see that a test notices each time.

    python scripts/mutants.py [name ...]

A mutant is a copy of the package with one change in one method of `utils/numpy_nn`: a factor or a divisor is dropped (a
scale), a term of a sum (a bias, a gradient term), a transpose or another change of axes, a sign or a power. The tests in
`tests/numpy_nn` that need no Keras must fail on it. Prints the list and the count; names choose the layers to break.
"""

import argparse
import ast
import copy
import multiprocessing
import multiprocessing.pool
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import pytest
import scipy.special  # noqa: F401  loaded once, before the processes that test are divided off
import torch

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "utils/numpy_nn"
MODULES = {
    "activations": "test_layers.py",
    "attention": "test_transformer.py",
    "convolution": "test_convolution_layer.py",
    "dense": "test_layers.py",
    "gradient_check": "test_gradient_check.py",
    "layer": "test_layers.py",
    "losses": "test_losses.py",
    "normalisation": "test_layers.py",
    "optimisers": "test_optimisers.py",
    "pooling": "test_pooling.py",
    "positions": "test_transformer.py",
    "transformer": "test_transformer.py",
}
"""What is broken, and the test file that is the first to notice."""
SLOW = ("test_keras_parity.py", "test_optimisers.py", "test_networks.py")
"""Not for every mutant: these load Keras or train; the optimisers' own are tried on optimisers alone."""
TURNS = ("swapaxes", "transpose", "moveaxis")
CHECKS = ("_check", "check_")
"""Arithmetic inside checks of the input is no part of a layer."""


@dataclass(frozen=True)
class Mutant:
    """Say what was changed where: `source` is the whole module after it."""

    module: str
    owner: str
    line: int
    kind: str
    before: str
    after: str
    source: str


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Yield each mutant of a module: every change that applies, at every place in its functions and methods."""
    tree = ast.parse(source)
    for owner, function in _functions(tree):
        if function.name.startswith(CHECKS):
            continue
        for path, node in _arithmetic(function):
            for kind, replacement in _changes(node):
                changed = copy.deepcopy(tree)
                _replace(changed, function, path, replacement)
                yield Mutant(
                    module,
                    owner,
                    node.lineno,
                    kind,
                    ast.unparse(node),
                    ast.unparse(replacement),
                    ast.unparse(changed),
                )


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield f"{node.name}.{method.name}", method


def _arithmetic(function: ast.FunctionDef) -> Iterator[tuple[tuple, ast.AST]]:
    """Yield the nodes of a function that compute, with the way to each; checks, annotations and defaults do not."""
    waiting = [((("body", index),), node) for index, node in enumerate(function.body)]
    while waiting:
        path, node = waiting.pop(0)
        if _is_check(node):
            continue
        yield path, node
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.AST) and field not in ("annotation", "slice", "target"):
                waiting.append(((*path, (field, None)), value))
            elif isinstance(value, list):
                waiting += [
                    ((*path, (field, index)), item)
                    for index, item in enumerate(value)
                    if isinstance(item, ast.AST)
                ]


def _is_check(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return True
    if isinstance(node, ast.If) and any(isinstance(line, ast.Raise) for line in node.body):
        return True
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1].startswith(CHECKS)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may be put in place of a node: less of it."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        if _is_number(node.left) and isinstance(node.op, ast.Mult):
            yield "scale", node.right
        else:
            yield "scale", node.left
            if isinstance(node.op, ast.Mult) and not _is_number(node.right):
                yield "scale", node.right
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield "term", node.left
        if isinstance(node.op, ast.Add):
            yield "term", node.right
        else:
            yield "sign", ast.BinOp(node.left, ast.Add(), node.right)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield "power", node.left
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not _is_number(node.operand):
        yield "sign", node.operand
    elif isinstance(node, ast.AugAssign):
        yield "term" if isinstance(node.op, ast.Add | ast.Sub) else "scale", ast.Pass()
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose", node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TURNS:
        called_on_array = not (isinstance(node.func.value, ast.Name) and node.func.value.id == "np")
        yield "transpose", node.func.value if called_on_array else node.args[0]
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("mean", "sum")
    ):
        other = {"mean": "sum", "sum": "mean"}[node.func.attr]
        yield "scale", ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant)


def _replace(tree: ast.Module, function: ast.FunctionDef, path: tuple, replacement: ast.AST) -> None:
    """Put `replacement` at `path` below the function of `tree` that stands on the same line as `function`."""
    place = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.lineno == function.lineno
    )
    for field, index in path[:-1]:
        place = getattr(place, field) if index is None else getattr(place, field)[index]
    field, index = path[-1]
    replacement = ast.fix_missing_locations(ast.copy_location(copy.deepcopy(replacement), function))
    if index is None:
        setattr(place, field, replacement)
    else:
        getattr(place, field)[index] = replacement


def tests_of(module: str) -> list[str]:
    """Return the test files for the mutants of a module, the most likely to notice first."""
    first = MODULES[module]
    if first in SLOW:
        return [first]
    names = sorted(path.name for path in (ROOT / "tests" / "numpy_nn").glob("test_*.py"))
    return [first] + [
        name for name in names if name not in (first, *SLOW) and not name.endswith("_lesson.py")
    ]


def survives(mutant: Mutant) -> bool:
    """Return whether all tests pass on a mutant, tried in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("utils", "tests/numpy_nn"):
            shutil.copytree(ROOT / name, Path(folder, name))
        Path(folder, PACKAGE, f"{mutant.module}.py").write_text(mutant.source, encoding="utf-8")
        process = multiprocessing.get_context("fork").Process(
            target=_test, args=(folder, tests_of(mutant.module)), daemon=False
        )
        process.start()
        process.join(120)
        if process.is_alive():  # a loop without end is noticed, too
            process.kill()
            process.join()
        return process.exitcode == 0


def _test(folder: str, files: list[str]) -> None:
    os.chdir(folder)
    sys.path.insert(0, folder)
    for name in [name for name in sys.modules if name.split(".")[0] in ("utils", "parity")]:
        del sys.modules[name]  # so that the copy is loaded, whatever the parent has loaded
    sys.stdout = sys.stderr = open(os.devnull, "w")
    torch.set_num_threads(1)
    numpy.seterr(all="ignore")
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:xdist", "--rootdir", folder]
    sys.exit(any(pytest.main([*options, f"tests/numpy_nn/{name}"]) for name in files))


def main(names: list[str], jobs: int) -> int:
    mutants = [
        mutant
        for module in MODULES
        for mutant in mutants_of(module, (ROOT / PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
        if not names or any(mutant.owner.startswith(name) for name in names)
    ]
    if not mutants:
        print(f"no layer or function of {PACKAGE} is called {' or '.join(names)}")
        return 2
    unchanged = [
        Mutant(module, "", 0, "", "", "", (ROOT / PACKAGE / f"{module}.py").read_text()) for module in MODULES
    ]
    with multiprocessing.pool.ThreadPool(jobs) as pool:
        if not all(pool.map(survives, [m for m in unchanged if m.module in {x.module for x in mutants}])):
            print("the tests fail without any change: mend that first")
            return 2
        alive = []
        for mutant, lived in zip(mutants, pool.imap(survives, mutants), strict=True):
            mark = "NOT NOTICED" if lived else "noticed"
            print(
                f"{mark:12}{mutant.owner:32}line {mutant.line:4}  {mutant.kind:10}{mutant.before}  ->  {mutant.after}",
                flush=True,
            )
            alive += [mutant] if lived else []
    layers = {mutant.owner.split(".")[0] for mutant in mutants}
    print(
        f"{len(mutants)} mutants of {len(layers)} layers and functions, {len(mutants) - len(alive)} noticed by a test"
    )
    return 1 if alive else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="layers or functions, such as Dense or softmax_backward")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    sys.exit(main(arguments.names, arguments.jobs))
