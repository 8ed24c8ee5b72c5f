"""A folder with a web page that runs an exported classifier: no server, no network, no installation."""

import base64
import gzip
import html
import json
from pathlib import Path

from utils.export import read_card
from utils.runs import ROOT

TEMPLATES = Path(__file__).parent / "web"
RUNTIME = ROOT / "node_modules" / "onnxruntime-web" / "dist"
_SCRIPT, _LOADER, _WASM = "ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"


def write_classifier_page(
    model: str | Path, folder: str | Path, title: str = "What is in the picture?", runtime: Path = RUNTIME
) -> Path:
    """Write `index.html`, `page.js`, `model.js` and `runtime.js`: open the first with a browser, also from a stick.

    A page that was opened as a file may load scripts from its folder and nothing else, so the model and the runtime
    (ONNX Runtime for browsers, compiled to WebAssembly) lie in scripts, as base64.

    Parameters
    ----------
    model : str or Path
        Written by `utils.export.export_onnx`.
    folder : str or Path
        Is made if it is not there; files of the same names in it are replaced.
    title : str
        The headline of the page.
    runtime : Path
        The folder `dist` of the npm package `onnxruntime-web`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If the npm package is not installed; the message says how to.
    """
    card, folder = read_card(model), Path(folder)
    scripts = {"runtime.js": runtime_script(runtime), "model.js": _model_script(Path(model), card)}
    scripts["page.js"] = "".join(
        (TEMPLATES / name).read_text("utf-8") for name in ("classifier.js", "page.js")
    )
    scripts["index.html"] = _page(card, title)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def runtime_script(runtime: Path = RUNTIME) -> str:
    """Return one script with the three files of the runtime; FileNotFoundError if they are not there."""
    missing = [name for name in (_SCRIPT, _LOADER, _WASM) if not (runtime / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"the web page needs the npm package onnxruntime-web, and {', '.join(missing)} is not in {runtime}: "
            "run `make book`, or `npm ci` in the folder of the book, and try again"
        )
    files = {
        "mjs": _base64((runtime / _LOADER).read_bytes()),
        "wasm": _base64(gzip.compress((runtime / _WASM).read_bytes(), 9, mtime=0)),
    }
    program = (runtime / _SCRIPT).read_text("utf-8").split("\n//# sourceMappingURL", 1)[0]
    return f"{program}\nvar ortFiles = {json.dumps(files)};\n"


def _model_script(model: Path, card: dict[str, object]) -> str:
    return f"var classifierModel = {json.dumps(card | {'onnx': _base64(model.read_bytes())})};\n"


def _page(card: dict[str, object], title: str) -> str:
    names = card["class_names"]
    words = {
        "title": title,
        "count": len(names),
        "classes": ", ".join(names),
        "size": card["image_size"],
        "threshold": f"{100 * card['threshold']:.0f}\N{NO-BREAK SPACE}%",
    }
    page = (TEMPLATES / "index.html").read_text("utf-8")
    for word, value in words.items():
        page = page.replace("{{" + word + "}}", html.escape(str(value)))
    return page


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
