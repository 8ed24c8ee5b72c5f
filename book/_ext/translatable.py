"""Make translatable what Sphinx's catalogues miss: captions of the contents, exercise titles, footnotes.

``make gettext`` writes one catalogue for each page. Headings, paragraphs, captions, tables and alt texts
are in it by Sphinx's own doing. Added here, each with the reason:

1. Captions and titles given in ``_toc.yml``: sphinx-external-toc inserts them after Sphinx has
   translated the page.
2. The title of an ``{exercise}``: its node has no place in the source, and without one Sphinx does not
   extract it; the title of its solution is built from a copy that was made before the translation.
3. ``[^note]`` in a translated paragraph: MyST reads the paragraph alone, without the definition of the
   note, and then takes the mark for plain text.
"""

import re

import sphinx.transforms.i18n
from docutils import nodes
from sphinx.addnodes import toctree
from sphinx.application import Sphinx
from sphinx.locale import init as load_catalogue
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.i18n import docname_to_domain
from sphinx_exercise.nodes import exercise_subtitle, is_exercise_node

LOCALE_PRIORITY = 20  # of Sphinx's own transform, which translates a page
INSERT_CONTENTS_PRIORITY = 100  # of the transform of sphinx-external-toc
RESOLVE_EXERCISES_PRIORITY = 20  # of the post-transform of sphinx-exercise


class TranslateContents(SphinxTransform):
    """Translate the captions and titles of ``_toc.yml``; their catalogue is that of the root page."""

    default_priority = INSERT_CONTENTS_PRIORITY + 1

    def apply(self, **kwargs) -> None:
        """Keep the original words for extraction, then put the translated ones in their place."""
        translate = translator(self.app, self.env.docname)
        for contents in self.document.findall(toctree):
            contents.preserve_original_messages()
            contents["entries"] = [(title and translate(title), page) for title, page in contents["entries"]]
            if contents.get("caption"):
                contents["caption"] = translate(contents["caption"])


def translator(app: Sphinx, docname: str):
    """Return the function that translates a message by the catalogue of a page; without one, words stay as they are."""
    folders = [str(app.srcdir / folder) for folder in app.config.locale_dirs]
    domain = docname_to_domain(docname, app.config.gettext_compact)
    catalogue, found = load_catalogue(folders, app.config.language, domain)
    if not found or not app.builder.use_message_catalog:
        return lambda words: words
    return catalogue.gettext


class LocateExerciseTitles(SphinxTransform):
    """Give the title of an exercise its place in the source, so that Sphinx translates it."""

    default_priority = LOCALE_PRIORITY - 10

    def apply(self, **kwargs) -> None:
        """Copy the place from the exercise."""
        for title in self.document.findall(exercise_subtitle):
            exercise = title.parent.parent
            title.source = title.source or exercise.source or self.document["source"]
            title.line = title.line or exercise.line or 0
            title.rawsource = title.rawsource or title.astext()


class ExtractExerciseTitles(SphinxPostTransform):
    """Extract the title of an exercise before sphinx-exercise dissolves it into another node."""

    default_priority = RESOLVE_EXERCISES_PRIORITY - 10
    builders = ("gettext",)

    def run(self, **kwargs) -> None:
        """Add each title as a paragraph at the end of the page that is only extracted."""
        for title in list(self.document.findall(exercise_subtitle)):
            paragraph = nodes.paragraph(title.rawsource, title.astext())
            paragraph.source, paragraph.line = title.source, title.line
            paragraph.uid = ""  # what has none is not extracted
            self.document += paragraph


def renew_exercises(app: Sphinx, doctree: nodes.document) -> None:
    """Give sphinx-exercise the translated exercises to take the titles of solutions from."""
    registry = getattr(app.env, "sphinx_exercise_registry", {})
    for exercise in doctree.findall(is_exercise_node):
        if exercise.get("label") in registry:
            registry[exercise["label"]]["node"] = exercise.deepcopy()


_MARK = re.compile(r"\[\^([^\]\s]+)\](?!:)")
_publish_msgstr = sphinx.transforms.i18n.publish_msgstr


def publish_msgstr(app: Sphinx, source: str, *args, **kwargs):
    """Read a translated paragraph with an empty definition for each footnote that it marks."""
    definitions = "".join(f"\n\n[^{label}]: _" for label in dict.fromkeys(_MARK.findall(source)))
    return _publish_msgstr(app, source + definitions, *args, **kwargs)


def setup(app: Sphinx) -> dict:
    """Register the transforms."""
    sphinx.transforms.i18n.publish_msgstr = publish_msgstr
    app.add_transform(TranslateContents)
    app.add_transform(LocateExerciseTitles)
    app.add_post_transform(ExtractExerciseTitles)
    app.connect("doctree-read", renew_exercises)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
