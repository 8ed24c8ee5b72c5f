"""The claims of book/claims.yml: a table of all, and at each cell that decides one a line that leads back to it.

The directive ``{claims}`` writes the table, with a filter that appears where scripts run. Whatever page it stands on is the
page that the lines behind the deciding cells link; each row links those cells.
"""

import json
from collections import Counter
from functools import cache
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WORDS = {
    "en": {
        "columns": ["Claim", "Verdict", "What was found"],
        "confirmed": "confirmed",
        "qualified": "qualified",
        "corrected": "corrected",
        "decided": "This cell decides claim {links}.",
        "evidence": "Decided in ",
        "all": "all verdicts",
        "verdict": "Verdict",
        "find": "Find a word",
        "section": "section {}",
    },
    "zh_CN": {
        "columns": ["说法", "结论", "实验结果"],
        "confirmed": "成立",
        "qualified": "部分成立",
        "corrected": "不成立，已更正",
        "decided": "本单元格判定说法 {links}。",
        "evidence": "判定依据：",
        "all": "全部结论",
        "verdict": "结论",
        "find": "查找",
        "section": "第 {} 节",
    },
}


def load(app: Sphinx) -> list[dict]:
    """Return the claims, in their order; none, if the book has no such file."""
    path = _file(app)
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else []


@cache
def _read(path: Path, changed: int) -> list[dict]:  # each page asks for the claims twice
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _file(app: Sphinx) -> Path:
    return Path(app.srcdir) / "book" / "claims.yml"


def _words(app: Sphinx) -> dict:
    return WORDS.get(app.config.language, WORDS["en"])


def anchor_of_claim(claim: dict) -> str:
    """Return the name of a row, as in claim-c07."""
    return f"claim-{claim['id'].lower()}"


def anchor_of_cell(cell: str) -> str:
    """Return the name of a cell on its page."""
    return f"cell-{cell}"


class Claims(SphinxDirective):
    """The table of all claims."""

    def run(self) -> list[nodes.Node]:
        """Return the filter and the table; the links are filled in when the pages are known."""
        app, words = self.env.app, _words(self.env.app)
        self.env.note_dependency(str(_file(app)))
        self.env.claims_page = self.env.docname
        claims = load(app)
        table = nodes.table(classes=["claims"])
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in (40, 12, 48)]
        group += nodes.thead("", _row(*[[nodes.paragraph("", title)] for title in words["columns"]]))
        group += nodes.tbody("", *[self._claim(claim, words) for claim in claims])
        table += group
        return [nodes.raw("", _filter(claims, words), format="html"), table]

    def _claim(self, claim: dict, words: dict) -> nodes.row:
        statement = claim["statement_zh" if self.config.language == "zh_CN" else "statement"]
        said = nodes.paragraph("", "", nodes.strong("", claim["id"]), nodes.Text(f" {statement} "))
        said += nodes.inline("", f"({words['section'].format(claim['section'])})", classes=["claim-section"])
        said["translatable"] = False
        found = nodes.paragraph(claim["why"], claim["why"])
        found.source, found.line = self.get_source_info()
        where = nodes.paragraph("", words["evidence"], classes=["claim-evidence"], translatable=False)
        for number, evidence in enumerate(claim["evidence"]):
            where += [nodes.Text(", " if number else ""), _link(evidence["cell"], evidence=evidence)]
        verdict = nodes.paragraph("", words[claim["verdict"]], translatable=False)
        row = _row([said], [verdict], [found, where])
        row["ids"].append(anchor_of_claim(claim))
        row["classes"] += ["claim", claim["verdict"]]
        return row


def _row(*cells: list[nodes.Node]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", *cell) for cell in cells])


def _link(words: str, **what) -> nodes.reference:
    return nodes.reference("", "", nodes.literal("", words), internal=True, refuri="", **what)


def _filter(claims: list[dict], words: dict) -> str:
    tally = Counter(claim["verdict"] for claim in claims)
    options = [f'<option value="">{words["all"]} ({len(claims)})</option>']
    options += [f'<option value="{v}">{words[v]} ({count})</option>' for v, count in tally.most_common()]
    return (
        f'<form class="claim-filter" hidden><label>{escape(words["verdict"])} <select>{"".join(options)}</select></label>'
        f' <label>{escape(words["find"])} <input type="search" autocomplete="off"></label>'
        ' <output aria-live="polite"></output></form>'
    )


def depend(app: Sphinx, doctree: nodes.document) -> None:
    """Read a page again when the claims that it decides may have changed."""
    if app.env.docname in _decided(app):
        app.env.note_dependency(str(_file(app)))


def _decided(app: Sphinx) -> dict[str, dict[str, list[dict]]]:
    """Return for each page the claims that each of its cells decides."""
    pages: dict[str, dict[str, list[dict]]] = {}
    for claim in load(app):
        for evidence in claim["evidence"]:
            cells = pages.setdefault(f"chapters/{evidence['chapter']}", {})
            cells.setdefault(evidence["cell"], []).append(claim)
    return pages


def connect(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Fill in the links of the table, and put a line behind each deciding cell of a page."""
    for reference in doctree.findall(nodes.reference):
        if evidence := reference.get("evidence"):
            page = app.builder.get_relative_uri(docname, f"chapters/{evidence['chapter']}")
            reference["refuri"] = f"{page}#{anchor_of_cell(evidence['cell'])}"
    decided = _decided(app).get(docname)
    ledger = getattr(app.env, "claims_page", None)
    if decided and ledger:
        _mark_cells(app, doctree, docname, decided, app.builder.get_relative_uri(docname, ledger))


def _mark_cells(app: Sphinx, doctree: nodes.document, docname: str, decided: dict, ledger: str) -> None:
    cells = json.loads(Path(app.env.doc2path(docname)).read_text(encoding="utf-8"))["cells"]
    for block in list(doctree.findall(nodes.container)):
        name = cells[block["cell_index"]].get("id") if block.get("nb_element") == "cell_code" else None
        if name in decided:
            block["ids"].append(anchor_of_cell(name))
            block.parent.insert(block.parent.index(block) + 1, _line_back(app, decided[name], ledger))


def _line_back(app: Sphinx, claims: list[dict], ledger: str) -> nodes.paragraph:
    before, after = _words(app)["decided"].split("{links}")
    line = nodes.paragraph("", before, classes=["held-by"])
    for number, claim in enumerate(claims):
        link = nodes.reference(
            "",
            claim["id"],
            internal=True,
            refuri=f"{ledger}#{anchor_of_claim(claim)}",
            reftitle=claim["statement"],
        )
        line += [nodes.Text(", " if number else ""), link]
    line += nodes.Text(after)
    return line


def forget(app: Sphinx, env, docname: str) -> None:
    """Forget the page of the table before it is read again."""
    if getattr(env, "claims_page", None) == docname:
        del env.claims_page


def merge(app: Sphinx, env, docnames, other) -> None:
    """Learn of the page of the table from a process that has read it."""
    if hasattr(other, "claims_page"):
        env.claims_page = other.claims_page


def setup(app: Sphinx) -> dict:
    """Register the directive and what connects the pages."""
    app.add_directive("claims", Claims)
    app.connect("doctree-read", depend)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", connect)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
