"""Keep what a page loads small, and say in each page's head what it is about.

Scripts wait until the text is there; images tell their size, so that nothing jumps, and load when they
come into view; in code, what has the colour of plain text needs no element of its own. The template
``layout.html`` leaves out the programs that a page does not need.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx

DESCRIPTION_LENGTH = 155
PLAIN = (
    "n",
    "nn",
    "nx",
    "p",
    "pm",
    "w",
)  # names, punctuation, spaces: not coloured by the theme, tests/book checks
FIRST_SCRIPT = "documentation_options.js"  # the others read its values
_PLAIN_SPAN = re.compile(rf'<span class="(?:{"|".join(PLAIN)})">([^<]*)</span>')


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Change the scripts, the description and the images of one page before it is written."""
    if pagename != "search":  # the search page calls its scripts while it is read
        context["script_files"] = [_deferred(script) for script in context["script_files"]]
    if doctree is not None:
        text = escape(description(doctree), quote=True)
        context["metatags"] = context.get("metatags", "") + f'<meta name="description" content="{text}"/>'
    if "body" in context:
        sources = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
        context["body"] = plain_code(size_images(context["body"], sources))


def _deferred(script):
    # the objects are shared by all pages: make a new one
    name = str(getattr(script, "filename", None) or "")
    if not name or name.endswith(FIRST_SCRIPT) or {"defer", "async"} & set(script.attributes):
        return script
    return type(script)(script.filename, priority=script.priority, **{**script.attributes, "defer": "defer"})


def description(doctree: nodes.document) -> str:
    """Return the first real paragraph of a page as plain text, cut at a word; its title if it has none."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            words = [
                text for text in paragraph.findall(nodes.Text) if not isinstance(text.parent, nodes.math)
            ]
            sentence = re.sub(r"\s+", " ", "".join(words)).strip()
            if len(sentence) > DESCRIPTION_LENGTH:
                return sentence[:DESCRIPTION_LENGTH].rsplit(" ", 1)[0] + " …"
            if len(sentence) > 30:
                return sentence
    title = next(doctree.findall(nodes.title), None)
    return "" if title is None else title.astext()


def plain_code(body: str) -> str:
    """Return the HTML of a page without the elements of its code that look like the text around them: most of them."""
    return _PLAIN_SPAN.sub(r"\1", body)


def size_images(body: str, sources: dict[str, Path]) -> str:
    """Give each image its width and height; all but the first load when they come into view.

    Parameters
    ----------
    body : str
        The HTML of a page.
    sources : dict
        The file of each image in ``_images``.
    """
    seen = 0

    def improve(match: re.Match) -> str:
        nonlocal seen
        seen += 1
        tag = match.group()
        extra = ' decoding="async"' + (' loading="lazy"' if seen > 1 else "")
        name = re.search(r'src="[^"]*?_images/([^"]+)"', tag)
        size = image_size(sources[name.group(1)]) if name and name.group(1) in sources else None
        if size and not re.search(r"\s(?:width|style)=", tag):
            extra += f' width="{size[0]}" height="{size[1]}"'
        return tag.replace("<img", "<img" + extra, 1)

    return re.sub(r"<img [^>]*>", improve, body)


def image_size(path: Path) -> tuple[int, int] | None:
    """Return width and height of an image in CSS pixels; None for an SVG that does not tell.

    Matplotlib gives the size of its SVG in points: three of them are four pixels.
    """
    if path.suffix == ".svg":
        head = path.read_text("utf-8")[:5000]
        box = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', head)
        scale = 4 / 3 if re.search(r'<svg[^>]*\swidth="[\d.]+pt"', head) else 1
        return (round(scale * float(box.group(1))), round(scale * float(box.group(2)))) if box else None
    with Image.open(path) as image:
        return image.size


def setup(app: Sphinx) -> dict:
    """Connect to the writing of a page, after the extensions that write into its body."""
    app.connect("html-page-context", page_context, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
