"""Make what the labs of the site load: models, samples, recorded results, and the runtime, as scripts in `_build/labs`.

    python scripts/build_labs.py [LAB ...]

Nothing is made again as long as nothing that it is made of has changed. The building of the site runs this by itself.
"""

import argparse
import hashlib
import importlib
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
MADE = ROOT / "_build" / "labs"
STAMP = ".made-of"
SOURCES = (
    "utils/**/*.py",
    "utils/web/*.js",
    "book/labs.yml",
    "results/*.json",
    "results/checkpoints/*.safetensors",
    "*.lock",
    "package-lock.json",
)


def main() -> None:
    """Make the scripts of all labs, or of those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("labs", nargs="*", help="names in book/labs.yml; all of them if not given")
    arguments = parser.parse_args()
    digest = digest_of_sources()
    stamp = MADE / STAMP
    if not arguments.labs and stamp.is_file() and stamp.read_text("utf-8") == digest:
        return
    MADE.mkdir(parents=True, exist_ok=True)
    for name in arguments.labs or names_of_labs():
        for file, text in importlib.import_module(f"utils.labs.{name}").make().items():
            unfinished = MADE / f"{file}.part"
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(MADE / file)
    if not arguments.labs:
        stamp.write_text(digest, encoding="utf-8")


def names_of_labs() -> list[str]:
    """Return the labs of `book/labs.yml`; each is a module of `utils.labs`."""
    return list(yaml.safe_load((ROOT / "book" / "labs.yml").read_text("utf-8"))["labs"])


def digest_of_sources() -> str:
    """Return a digest of everything that the scripts are made of."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted({path for pattern in SOURCES for path in ROOT.glob(pattern)}):
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
