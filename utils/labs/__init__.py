"""What the labs of the site compute with: one module a lab, each with `make`, which returns scripts by file name.

A page that was opened as a file may load scripts and nothing else, so data travel as scripts: `script` writes one.
"""

import base64
import json

import numpy as np


def script(name: str, data: object) -> str:
    """Return a script that puts JSON-able data under `courseData[name]`."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"var courseData = globalThis.courseData ?? {{}};\ncourseData[{json.dumps(name)}] = {text};\n"


def packed(numbers: np.ndarray) -> str:
    """Return the bytes of an array in base64, row by row; `Lab.bytes` in shared.js reads them."""
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")
