"""Repair for screen readers what the theme and the extensions write; each repair names its rule of axe."""

import re

from sphinx.application import Sphinx

REPAIRS = (
    # aria-deprecated-role, aria-required-children: an entry of the bibliography is an item of a list
    (r'role="doc-biblioentry"', 'role="listitem"'),
    # label-content-name-mismatch: the label hides the text of the button, which says more
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # empty-table-header: the empty corner of a table is no header
    (r'<th(?: class="head[^"]*")?>(?:<p></p>)?</th>', "<td></td>"),
)


def repair(body: str) -> str:
    """Return the HTML of a page with every repair made."""
    for pattern, replacement in REPAIRS:
        body = re.sub(pattern, replacement, body)
    return body


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Repair one page before it is written."""
    if "body" in context:
        context["body"] = repair(context["body"])


def setup(app: Sphinx) -> dict:
    """Connect to the writing of a page, after the extensions that write into its body."""
    app.connect("html-page-context", page_context, priority=940)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
