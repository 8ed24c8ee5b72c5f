"""Questions to check oneself with: each choice unfolds its own explanation, without a kernel and without a script.

    :::{question}
    What is asked?

    One choice
    : No. Why not.

    Another
    : Yes. Why.
    :::

The choice whose explanation begins with "Yes" is the right one. On the site a choice is a ``<details>`` that the keyboard
opens too, and opening one closes the others; in every other format the choices stay a definition list.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective


class choice(nodes.General, nodes.Element):
    """A choice with its explanation, on the site."""


class choice_words(nodes.Part, nodes.TextElement):
    """The words of a choice, always seen."""


class Question(SphinxDirective):
    """A question, then a definition list: each term is a choice, its definition says why it is right or wrong."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the question with its choices, each marked as right or wrong."""
        block = nodes.container(classes=["question"])
        self.set_source_info(block)
        self.state.nested_parse(self.content, self.content_offset, block)
        items = list(block.findall(nodes.definition_list_item))
        verdicts = [item[-1].astext().split(".")[0] for item in items]
        if sorted(verdicts) != ["No"] * (len(items) - 1) + ["Yes"]:
            raise self.error(
                f"A question needs one choice explained by 'Yes. …', all others by 'No. …': {verdicts}"
            )
        for item, verdict in zip(items, verdicts, strict=True):
            item["classes"].append("right" if verdict == "Yes" else "wrong")
        return [block]


class Unfold(SphinxPostTransform):
    """Make of each choice something to open, once it is translated."""

    default_priority = 5
    builders = ("html", "dirhtml")

    def run(self, **kwargs) -> None:
        """Replace the definition lists of all questions."""
        questions = [
            block for block in self.document.findall(nodes.container) if "question" in block["classes"]
        ]
        for number, block in enumerate(questions, start=1):
            for choices in list(block.findall(nodes.definition_list)):
                choices.replace_self([_unfolding(item, number) for item in choices])


def _unfolding(item: nodes.definition_list_item, number: int) -> choice:
    words = choice_words("", "", *item[0].children)
    return choice(
        "", words, *item[-1].children, classes=["choice", *item["classes"]], group=f"question-{number}"
    )


def _open_choice(self, node: choice) -> None:
    self.body.append(self.starttag(node, "details", name=node["group"]))


def _close_choice(self, node: choice) -> None:
    self.body.append("</details>\n")


def _open_words(self, node: choice_words) -> None:
    self.body.append("<summary>")


def _close_words(self, node: choice_words) -> None:
    self.body.append("</summary>\n")


def setup(app: Sphinx) -> dict:
    """Register the directive and what writes it."""
    app.add_node(choice, html=(_open_choice, _close_choice))
    app.add_node(choice_words, html=(_open_words, _close_words))
    app.add_directive("question", Question)
    app.add_post_transform(Unfold)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
