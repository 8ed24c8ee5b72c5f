"""What the book lists is there, and what it cites is complete."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_file

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
REFERENCES = parse_file(str(ROOT / "book" / "references.bib")).entries
EXTENSIONS = CONFIG["sphinx"]["local_extensions"]


def source(name: str) -> Path | None:
    """Return the file of a page, or None."""
    return next((path for ending in ("md", "ipynb") if (path := ROOT / f"{name}.{ending}").is_file()), None)


def text_of(path: Path) -> str:
    """Return the text of a page, of a notebook that of its markdown cells."""
    if path.suffix != ".ipynb":
        return path.read_text("utf-8")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("name", [TOC["root"], *CHAPTERS])
def test_listed_pages_exist(name):
    assert source(name), f"_toc.yml lists {name}, and there is neither {name}.md nor {name}.ipynb"


def test_every_notebook_is_listed():
    found = (path.relative_to(ROOT) for path in (ROOT / "chapters").rglob("*.ipynb"))
    notebooks = {path.with_suffix("").as_posix() for path in found if ".ipynb_checkpoints" not in path.parts}
    assert notebooks - set(CHAPTERS) == set()


def test_site_opens_on_the_root_page():
    assert TOC["root"] == "index", "any other name makes index.html a redirect"
    assert len(CHAPTERS) == len(set(CHAPTERS))


def test_chapters_stand_in_the_order_of_their_parts():
    numbers = [int(name.split("/")[1][0]) for name in CHAPTERS if name.startswith("chapters/")]
    assert numbers == sorted(numbers)
    for part in TOC["parts"]:
        for chapter in part["chapters"]:
            if chapter["file"].startswith("chapters/"):
                assert part["caption"].startswith(chapter["file"].split("/")[1][0])


def test_the_map_has_facts_about_every_part_and_chapter_and_no_other():
    facts = yaml.safe_load((ROOT / "book" / "chapters.yml").read_text("utf-8"))
    labs = yaml.safe_load((ROOT / "book" / "labs.yml").read_text("utf-8"))["labs"]
    assert list(facts["chapters"]) == [name for name in CHAPTERS if name.startswith("chapters/")]
    assert list(facts["parts"]) == [part["caption"] for part in TOC["parts"] if part.get("numbered")]
    for name, chapter in facts["chapters"].items():
        assert set(chapter) - {"lab"} == {"question", "read", "run", "level", "related"}, name
        assert 15 < len(chapter["question"]) < 100 and chapter["question"].endswith("?")
        assert chapter["level"] in (1, 2, 3) and 1 <= chapter["run"] <= 120
        following = CHAPTERS[CHAPTERS.index(name) + 1]
        assert chapter.get("lab") in (None, *labs), name
        assert chapter["related"] in facts["chapters"] and chapter["related"] not in (name, following), name


MINUTES = {
    "twenty minutes": 20,
    "half an hour": 30,
    "forty minutes": 40,
    "three quarters of an hour": 45,
    "an hour": 60,
    "an hour and a half": 90,
}


@pytest.mark.parametrize("name", [name for name in CHAPTERS if name.startswith("chapters/")])
def test_the_map_and_the_chapter_say_the_same_reading_time(name):
    said = re.search(
        r"\*\*Time\.\*\* (?:Reading takes )?(.+?)(?: to read,|; the whole page runs)", text_of(source(name))
    )
    facts = yaml.safe_load((ROOT / "book" / "chapters.yml").read_text("utf-8"))
    assert MINUTES[said.group(1).lower()] == facts["chapters"][name]["read"]


@pytest.mark.parametrize("name", sorted(EXTENSIONS))
def test_extensions_are_loaded_and_say_why_they_are_there(name):
    assert name in CONFIG["sphinx"]["config"]["extensions"]
    module = ast.parse((ROOT / EXTENSIONS[name] / f"{name}.py").read_text("utf-8"))
    assert ast.get_docstring(module)


def test_every_extension_is_used():
    used = set(EXTENSIONS) | {"node_packages"}  # what static_math imports
    assert {path.stem for path in (ROOT / "book" / "_ext").glob("*.py")} == used


def test_files_of_the_configuration_exist():
    settings = CONFIG["sphinx"]["config"]
    static = ROOT / settings["html_static_path"][0]
    files = [ROOT / CONFIG["logo"], ROOT / CONFIG["html"]["favicon"], ROOT / settings["templates_path"][0]]
    files += [static / name for name in settings["html_css_files"] + settings["html_js_files"]]
    files += [ROOT / name for name in CONFIG["bibtex_bibfiles"]]
    assert [file for file in files if not file.exists()] == []


def test_a_failing_chapter_fails_the_build():
    assert CONFIG["execute"]["raise_on_error"] is True
    assert CONFIG["execute"]["execute_notebooks"] == "cache"


def test_nothing_is_loaded_that_asks_another_host():
    extensions = CONFIG["sphinx"]["config"]["extensions"]
    assert not {"sphinx_thebe", "sphinx.ext.mathjax"} & set(extensions)
    assert CONFIG["sphinx"]["config"]["html_math_renderer"] == "static"
    assert CONFIG["sphinx"]["config"]["nb_ipywidgets_js"] == {}


@pytest.mark.parametrize("folder", [".", "tests/audit"])
def test_npm_versions_are_exact_and_locked_without_addresses(folder):
    package = json.loads((ROOT / folder / "package.json").read_text("utf-8"))
    lock = json.loads((ROOT / folder / "package-lock.json").read_text("utf-8"))["packages"]
    for name, version in (package.get("dependencies", {}) | package["devDependencies"]).items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert lock[f"node_modules/{name}"]["version"] == version
    for name, entry in lock.items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name
        assert not entry.get("hasInstallScript"), name


@pytest.mark.parametrize("key", list(REFERENCES))
def test_references_are_complete(key):
    entry = REFERENCES[key]
    assert entry.persons.get("author") or entry.persons.get("editor")
    assert entry.fields.get("title")
    assert re.fullmatch(r"\d{4}", entry.fields["year"])
    assert entry.fields.get("doi") or entry.fields.get("url", "").startswith("https://")
    assert entry.fields["year"] in key, "a key is made of name and year, such as lin2014"


def test_every_citation_has_a_reference_and_every_reference_a_citation():
    text = "\n".join(text_of(path) for name in [TOC["root"], *CHAPTERS] if (path := source(name)))
    groups = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
    cited = {key.strip() for group in groups for key in group.split(",")}
    assert cited == set(REFERENCES)


def glossary_entries() -> list[list[str]]:
    """Return the entries of the glossary in the order of the page, each the lines of its term in two languages."""
    text = (ROOT / "book" / "glossary.md").read_text("utf-8")
    block = re.search(r"^(`{3,}|:{3,})\{glossary\}\n(.*?)^\1", text, re.DOTALL | re.MULTILINE).group(2)
    entries = re.findall(r"^((?:\S.*\n)+)(?= )", block, re.MULTILINE)
    return [entry.splitlines() for entry in entries]


def test_glossary_is_sorted_and_has_no_term_twice():
    terms = [english.lower() for english, *_ in glossary_entries()]
    assert terms == sorted(terms)
    everything = [term.lower() for entry in glossary_entries() for term in entry]
    assert len(everything) == len(set(everything))


def test_every_term_has_its_chinese_name_beside_it():
    for entry in glossary_entries():
        assert len(entry) == 2 and re.search("[\u4e00-\u9fff]", entry[1]), entry


def test_linked_terms_are_in_the_glossary():
    known = {term.lower() for entry in glossary_entries() for term in entry}
    missing = set()
    for name in [TOC["root"], *CHAPTERS]:
        if path := source(name):
            for words in re.findall(r"\{term\}`([^`]+)`", text_of(path)):
                target = re.search(r"<([^>]+)>$", words)
                term = " ".join((target.group(1) if target else words).split()).lower()
                if term not in known:
                    missing.add((name, term))
    assert missing == set()


def test_readme_has_no_gap_and_the_numbers_of_the_recorded_runs():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert not re.findall(r"\b(?:MEASURE|LADDER|TODO|FIXME)\w*", readme)
    record = json.loads((ROOT / "results" / "scenes_ladder.json").read_text("utf-8"))
    for rung in record["rungs"].values():
        assert f"{100 * rung['mean']:.0f} %" in readme
    for difficulty in (record["search_on_validation"][0], record["search_on_validation"][-1]):
        for method in ("hog_svm", "cnn"):
            assert f"{100 * difficulty[method]:.1f} %" in readme
