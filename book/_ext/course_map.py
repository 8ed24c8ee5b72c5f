"""The map of the course, and the head and foot of each chapter, from the facts in ``book/chapters.yml``.

The directive ``{course-map}`` draws the parts of ``_toc.yml`` that have chapters as a path of stations, each with its
question and its chapters. It is made of lists and links, so that it needs no script, and its words are translated with
those of its page. Each chapter shows its times and its level under its title, and at its end where to go next, without
a word of that in its notebook. ``course.js`` adds what the reader has read.
"""

from functools import cache
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from translatable import translator


def load(app: Sphinx) -> dict:
    """Return the facts about parts and chapters; empty ones, if the book has no such file."""
    path = facts_file(app)
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else {"parts": {}, "chapters": {}}


@cache
def _read(path: Path, changed: int) -> dict:  # each page asks for it
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def facts_file(app: Sphinx) -> Path:
    """Return the path of the file with the facts."""
    return Path(app.srcdir, "book", "chapters.yml")


class rendered(nodes.General, nodes.Element):
    """A template of ours within a page of the site; nothing in other formats."""


def _render(self, node: rendered) -> None:
    self.body.append(self.builder.templates.render(node["template"], node["values"]))
    raise nodes.SkipNode


def _skip(self, node: rendered) -> None:
    raise nodes.SkipNode


class CourseMap(SphinxDirective):
    """The parts of the course, with their questions and chapters."""

    def run(self) -> list[nodes.Node]:
        """Return what the reader has done, which a script shows, and a list of lists."""
        facts, toc = load(self.env.app), Path(self.env.srcdir, self.config.external_toc_path)
        self.env.note_dependency(str(facts_file(self.env.app)))
        self.env.note_dependency(str(toc))
        stations = nodes.bullet_list(classes=["course-map"], ids=["course-map"])
        first = 1
        for part in yaml.safe_load(toc.read_text("utf-8"))["parts"]:
            if part["caption"] in facts["parts"]:
                chapters = [chapter["file"] for chapter in part["chapters"]]
                stations += self._station(part["caption"], facts, chapters, first)
                first += len(chapters)
        return [rendered(template="course-progress.html", values={}), stations]

    def _station(self, caption: str, facts: dict, names: list[str], first: int) -> nodes.list_item:
        chapters = nodes.enumerated_list(start=first, enumtype="arabic", prefix="", suffix=".")
        for name in names:
            title = pending_xref(
                "",
                nodes.inline(),
                refdomain="std",
                reftype="doc",
                reftarget=f"/{name}",
                refdoc=self.env.docname,
                refexplicit=False,
                refwarn=True,
            )
            values = {"chapter": facts["chapters"][name], "brief": True}
            about = rendered(template="chapter-facts.html", values=values)
            question = self._words(values["chapter"]["question"])
            chapters += nodes.list_item("", nodes.paragraph("", "", title), question, about)
        name = self._words(caption, "station-name")
        return nodes.list_item("", name, self._words(facts["parts"][caption]), chapters)

    def _words(self, words: str, *classes: str) -> nodes.paragraph:
        paragraph = nodes.paragraph(words, words, classes=list(classes))
        paragraph.source, paragraph.line = self.get_source_info()
        return paragraph


def depend(app: Sphinx, doctree: nodes.document) -> None:
    """Read a chapter again when the facts may have changed."""
    if app.env.docname in load(app)["chapters"]:
        app.env.note_dependency(str(facts_file(app)))


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Put the line under a chapter's title, and give the template of the foot what it shows."""
    chapters = load(app)["chapters"]
    if pagename not in chapters or "body" not in context:
        return
    translate = translator(app, app.config.root_doc)

    def step(kind: str, name: str) -> dict:
        link, title = app.builder.get_relative_uri(pagename, name), escape(app.env.titles[name].astext())
        question = translate(chapters[name]["question"]) if name in chapters else ""
        return {"kind": kind, "link": link, "title": title, "question": question}

    chapter = chapters[pagename]
    head = app.builder.templates.render("chapter-facts.html", {"chapter": chapter, "brief": False})
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{head}", 1)
    context["steps"] = [step("related", chapter["related"])]
    if "lab" in chapter:
        context["steps"].append(step("lab", f"book/labs/{chapter['lab']}"))
    if after := app.builder.relations[pagename][2]:
        context["steps"].insert(0, step("next", after))


def setup(app: Sphinx) -> dict:
    """Register the directive, and connect to the reading and the writing of pages."""
    others = {format: (_skip, None) for format in ("latex", "text", "man", "texinfo")}
    app.add_node(rendered, html=(_render, None), **others)
    app.add_directive("course-map", CourseMap)
    app.connect("doctree-read", depend)
    app.connect("html-page-context", page_context)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
