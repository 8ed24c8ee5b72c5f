"""The labs: their words, their programs, their pages, and the directive that puts them there."""

import json
import re
import sys
from html import unescape
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import labs  # noqa: E402

LIST = yaml.safe_load((ROOT / "book" / "labs.yml").read_text("utf-8"))
PROGRAMS = ROOT / "book" / "_static" / "labs"
NAMES = list(LIST["labs"])


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_says_the_words_of_the_list_and_no_other(name):
    program = (PROGRAMS / f"{name}.js").read_text("utf-8")
    used = set(re.findall(r"words\.(\w+)", program))
    families = re.findall(r"words\[`(\w+_)\$\{", program)  # such as class_${name}
    listed = set(LIST["labs"][name]["words"])
    of_families = {word for word in listed if word.startswith(tuple(families))} if families else set()
    assert used - of_families - set(LIST["common"]) == listed - of_families
    assert all(any(word.startswith(family) for word in listed) for family in families)


@pytest.mark.parametrize("name", NAMES)
def test_a_lab_has_a_page_a_program_and_pictures_in_light_and_dark(name):
    page = (ROOT / "book" / "labs" / f"{name}.md").read_text("utf-8")
    assert f":::{{lab}} {name}\n" in page
    facts = LIST["labs"][name]
    assert f"{name}.js" == facts["loads"][-1]
    assert facts["shows"].endswith(".") and facts["caption"].endswith(".")
    for theme in ("light", "dark"):
        path = labs.preview(ROOT, name, theme)
        assert path.is_file(), "python scripts/lab_previews.py takes it"
        assert path.stat().st_size < 30_000, path.name


def test_every_program_belongs_to_a_lab():
    loaded = {file for facts in LIST["labs"].values() for file in facts["loads"]}
    assert {path.name for path in PROGRAMS.glob("*.js")} - loaded == {"shared.js"}


def test_placeholders_of_words_are_filled_by_the_programs():
    for name, facts in LIST["labs"].items():
        program = (PROGRAMS / f"{name}.js").read_text("utf-8")
        for word, text in facts["words"].items():
            for placeholder in re.findall(r"\{(\w+)\}", text):
                assert re.search(rf"\b{placeholder}\b", program), f"{name}: {word} wants {placeholder}"


@pytest.mark.site
@pytest.mark.parametrize("name", NAMES)
def test_the_site_has_what_a_lab_loads(site, name):
    html = (site / "book" / "labs" / f"{name}.html").read_text("utf-8")
    words = json.loads(unescape(re.search(r'class="lab-words">(.*?)</script>', html, re.DOTALL)[1]))
    assert words == LIST["common"] | LIST["labs"][name]["words"]
    for file in ("labs.css", "shared.js", *LIST["labs"][name]["loads"]):
        assert (site / "_static" / "labs" / file).is_file(), file
    assert "<noscript>" in html and 'hidden=""' not in html


def test_words_are_listed_once_for_translators():
    facts = {"title": "A", "shows": "B.", "caption": "C.", "loads": [], "words": {"x": "A", "y": "D"}}
    assert labs.all_words({"common": {"open": "O"}, "labs": {"one": facts}}) == ["O", "A", "B.", "C.", "D"]


def test_words_cannot_end_the_script_that_holds_them():
    assert "</script>" not in labs._json({"x": "</script><b>"})
