"""Where a chapter first uses a term of the glossary, it links it."""

import re

import pytest
from test_contents import CHAPTERS, glossary_entries, source, text_of

# Words that have a plain meaning too: whether they are meant as terms, only a reader can say.
EVERYDAY = set(
    """accuracy activation attention baseline bias calibration channel checkpoint class classification compute
    correlation corruption decoder drift encoder entropy epsilon feature flatten forgetting generalisation group hash
    head histogram kernel key layout linter loss mask overflow parameter patch precision prediction projection prompt
    query rank recall recipe regression resolution retrieval scenes temperature threshold transfer value
    variety""".split()
)
OTHER_SENSE = {("efficiency", "warm-up"), ("three_implementations", "momentum")}
NOT_PROSE = [
    r"```.*?```",
    r"\$\$.*?\$\$",
    r"\$[^$\n]*\$",
    r"(?m)^#.*$|^\s*:{3,}.*$|^:[\w-]+:.*$|^\s*\|.*$",
    r"\{[\w:]+\}`[^`]*`",
    r"`[^`]*`",
    r"!?\[[^\]]*\]\([^)]*\)",
    r"\*[^*\n]+\*",
    r'"[^"\n]{0,60}"',
    r"<[^>]+>",
]
LESSONS = [name for name in CHAPTERS if name.startswith("chapters/") and "summary" not in name]


def prose(name: str) -> str:
    """Return the sentences of a chapter, without its exercises and questions, links, formulas and code."""
    sections = re.split(r"(?m)^## ", text_of(source(name)))
    kept = [s for s in sections[1:] if not s.startswith(("Check yourself", "Exercises", "References"))]
    text = "\n".join(re.sub(r"(?ms)^:::+\{(exercise|solution)\}.*?^:::+$", "", section) for section in kept)
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " § ", text, flags=re.DOTALL if "(?m)" not in pattern else 0)
    return text


def linked(name: str) -> set[str]:
    """Return the terms that a chapter links, in lower case."""
    links = re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", text_of(source(name)))
    return {" ".join(link.split()).lower() for link in links}


@pytest.mark.parametrize("name", LESSONS)
def test_the_first_use_of_a_term_is_linked(name):
    topic, text, known = name.split("/")[-1], prose(name), linked(name)
    missing = []
    for term, _ in sorted(glossary_entries(), key=lambda entry: -len(entry[0])):
        case = 0 if re.search("[A-Z]", term[1:]) else re.IGNORECASE
        pattern = re.compile(rf"(?<![\w-]){re.escape(term)}(?:s|es)?(?![\w-])", case)
        if pattern.search(text) and term.lower() not in known and term not in EVERYDAY:
            missing.append(term)
        text = pattern.sub("§", text)  # what is part of a longer term is no use of the shorter one
    assert [term for term in missing if (topic, term) not in OTHER_SENSE] == []
