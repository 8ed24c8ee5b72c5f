"""The findings of the book in one table: what the recorded runs found, and what the pages found when they were executed."""

import math
from pathlib import Path

import jmespath
import nbformat
import pandas as pd
import yaml

from utils.runs import ROOT, load_result, mean_and_spread


def load_findings(path: Path = ROOT / "book" / "findings.yml") -> list[dict]:
    """Return the findings, each a dict as the head of book/findings.yml describes it."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def values_of(finding: dict) -> dict[str, list[float]]:
    """Return the values of each row of a finding, one for each seed of its recorded run, or the one of its page.

    Raises
    ------
    ValueError
        If an expression does not find one number for each seed, or a page keeps no number of that name.
    """
    if "record" in finding:
        record = load_result(finding["record"])
        found = {row: jmespath.search(where, record) for row, where in finding["values"].items()}
        expected = len(record["seeds"])
    else:
        kept = glued(finding["chapter"])
        found = {row: [kept[key]] if key in kept else None for row, key in finding["glued"].items()}
        expected = 1
    for row, values in found.items():
        if not isinstance(values, list) or len(values) != expected or not all(map(_is_number, values)):
            raise ValueError(
                f"{finding['question']!r}, row {row!r}: needs {expected} numbers, found {values!r}"
            )
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def glued(chapter: str) -> dict[str, float]:
    """Return the numbers that the stored outputs of `chapters/<chapter>.ipynb` keep for its text, by their names."""
    numbers = {}
    for cell in nbformat.read(ROOT / "chapters" / f"{chapter}.ipynb", as_version=4).cells:
        for output in cell.get("outputs", []):
            if name := output.get("metadata", {}).get("scrapbook", {}).get("name"):
                text = next(text for kind, text in output["data"].items() if kind.endswith("text/plain"))
                number = pd.to_numeric(text, errors="coerce")  # what is no number is a word of the text
                if pd.notna(number):
                    numbers[name] = float(number)
    return numbers


def table_of(findings: list[dict]) -> pd.DataFrame:
    """Return one line for each row of each finding, with the mean over the seeds and their spread.

    Returns
    -------
    DataFrame
        Columns id, chapter, question, measure, unit, row, mean, spread (NaN for one seed) and seeds; shares in percent.
    """
    lines = []
    for finding in findings:
        scale = 100 if finding["unit"] == "%" and "record" in finding else 1
        for row, values in values_of(finding).items():
            found = mean_and_spread(values) if len(values) > 1 else {"mean": values[0], "std": float("nan")}
            numbers = {"mean": scale * found["mean"], "spread": scale * found["std"], "seeds": len(values)}
            about = {key: finding[key] for key in ("id", "chapter", "question", "measure", "unit")}
            lines.append(about | {"row": row} | numbers)
    return pd.DataFrame(lines)


def in_words(line: pd.Series) -> str:
    """Return mean, spread and unit of a line of `table_of`, as in '86.8 ± 0.8 %' (with a space that does not break).

    Percentages have one digit behind the point, other numbers three digits that count.
    """
    digits = 1 if line.unit == "%" else max(0, 2 - math.floor(math.log10(abs(line["mean"]) or 1)))
    spread = f" ± {line.spread:.{digits}f}" if pd.notna(line.spread) else ""
    return f"{line['mean']:.{digits}f}{spread}\u00a0{line.unit}"
