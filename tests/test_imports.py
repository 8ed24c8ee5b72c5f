"""What may import what, and that importing does no work: read from the syntax trees."""

import ast
import subprocess
import sys

import pytest

from utils.runs import ROOT

MODULES = sorted((ROOT / "utils").rglob("*.py"))
FRAMEWORKS = {"torch", "tensorflow", "keras"}
FORBIDDEN_CALLS = {
    "print",
    "display",
    "np.random.seed",
    "random.seed",
    "torch.manual_seed",
    "tf.random.set_seed",
}
"""A function called make_repeatable is there to set seeds; a chapter calls it once and says which."""
NUMPY_ONLY = {"numpy"}
AT_THE_TOP = {
    "checks": NUMPY_ONLY,
    "metrics": NUMPY_ONLY,
    "numpy_nn": NUMPY_ONLY | {"scipy"},
    "runs": NUMPY_ONLY,
    "prose": NUMPY_ONLY,
    "exercises": NUMPY_ONLY,
    "progress": set(),
    "plotting": NUMPY_ONLY | {"matplotlib", "seaborn"},
    "data": NUMPY_ONLY,
    "features": NUMPY_ONLY,
    "tokens": NUMPY_ONLY,
    "model_sizes": set(),
    "scaling_laws": NUMPY_ONLY | {"scipy"},
}
INSIDE_FUNCTIONS = {
    "plotting": {"IPython", "matplotlib_inline", "PIL"},
    "prose": {"myst_nb"},
    "progress": {"tqdm"},
    "data": {"platformdirs", "requests", "pyarrow", "PIL", "sklearn", "skimage"},
}


def area(path):
    return path.relative_to(ROOT / "utils").with_suffix("").parts[0]


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def top_level_imports(tree):
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(ast.Module([node], []))


def third_party(names):
    return {name for name in names if name not in sys.stdlib_module_names and name != "utils"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_stay_in_their_area(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    everything, top = third_party(imports(tree)), third_party(top_level_imports(tree))
    if area(path) in AT_THE_TOP:
        allowed = AT_THE_TOP[area(path)]
        assert top <= allowed, f"{path.name} imports {top - allowed} at the top"
        assert everything - top <= allowed | INSIDE_FUNCTIONS.get(area(path), set())
    assert not ("torch" in everything and everything & {"keras", "tensorflow"}) or area(path) == "convert"


@pytest.mark.parametrize("name", sorted(AT_THE_TOP))
def test_these_areas_start_no_framework_whatever_they_import(name):
    """In a process of its own, since an import of an import would do it, too."""
    modules = [path for path in MODULES if area(path) == name]
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in modules
    ]
    program = f"import sys\nimport {', '.join(names)}\nprint(*{FRAMEWORKS} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_name_the_module_in_full(path):
    """What makes a chapter stale is read from the imports, and relative ones are not followed there."""
    relative = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if getattr(node, "level", 0)]
    assert relative == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_importing_does_no_work(path):
    """At the top of a module stand definitions, constants and imports; no loop, no branch, no bare call."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        definition = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
        assert is_text or isinstance(node, definition), f"{path.name}, line {node.lineno}: work at import"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_library_code_is_quiet_and_leaves_randomness_to_the_caller(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if getattr(node, "name", "") != "make_repeatable"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            assert call not in FORBIDDEN_CALLS, f"{path.name}, line {node.lineno}: {call}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_fits_in_a_readers_head_and_says_what_it_is_for(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 340, f"{path.name} is too long: divide it"
    assert ast.get_docstring(ast.parse(text)), f"{path.name} needs a docstring"
