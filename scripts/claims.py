"""Print the tally of the claims: how many hold, by the part of the book that decides them, and which are still open.

python scripts/claims.py
"""

from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parent.parent
VERDICTS = ["confirmed", "qualified", "corrected"]


def main() -> None:
    """Read book/claims.yml and print its tally."""
    claims = pd.DataFrame(yaml.safe_load((ROOT / "book" / "claims.yml").read_text(encoding="utf-8")))
    part = claims["evidence"].map(lambda cells: cells[0]["chapter"].split("/")[0]).rename("part")
    tally = pd.crosstab(part, claims["verdict"], margins=True, margins_name="all")
    print(tally.reindex(columns=[*VERDICTS, "all"], fill_value=0).rename_axis(columns=None).to_string())
    numbers = {int(name[1:]) for name in claims["id"]}
    missing = [f"C{number:02d}" for number in range(1, max(numbers) + 1) if number not in numbers]
    cells = claims["evidence"].str.len().sum()
    print(
        f"\n{len(claims)} claims, decided in {cells} cells; without a verdict: {', '.join(missing) or 'none'}"
    )


if __name__ == "__main__":
    main()
