"""What every chapter keeps to, read from the notebook without running it."""

import ast
import re

import yaml
from notebooks import code_cells, each_chapter, read, solutions, text_of

from utils.exercises import check
from utils.runs import ROOT

TAGS = {"parameters", "define", "exercise", "nbval-ignore-output", "hide-input", "raises-exception"}

CLAIMS = yaml.safe_load((ROOT / "book" / "claims.yml").read_text(encoding="utf-8"))


@each_chapter
def test_the_parameters_are_literals_and_the_profile_is_book(chapter):
    (cell,) = code_cells(read(chapter), "parameters")
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}
    assert values["profile"] == "book" and isinstance(values["seed"], int)


@each_chapter
def test_the_code_has_no_hidden_tricks(chapter):
    for cell in code_cells(read(chapter)):
        for forbidden in (
            "import *",
            "sys.path",
            "warnings.filterwarnings",
            "simplefilter",
            "np.random.seed(",
        ):
            assert forbidden not in cell.source, f"{cell.id}: {forbidden}"
        ast.parse(cell.source, f"{chapter}, {cell.id}")  # no magic or shell line is Python
        assert not cell.source.rstrip().endswith(";"), (
            f"{cell.id}: nbval does not know it; end with plt.show()"
        )
        assert len(cell.source.splitlines()) <= 45, f"{cell.id}: too long for one idea"


@each_chapter
def test_cells_have_meaningful_ids_and_known_tags(chapter):
    for cell in read(chapter).cells:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id), cell.id
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4,12})*", cell.id), f"{cell.id}: give it a name"
        assert set(cell.metadata.get("tags", [])) <= TAGS, cell.id


@each_chapter
def test_stored_outputs_are_from_one_run_and_small(chapter):
    notebook = read(chapter)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "run `make outputs`"
    assert (ROOT / f"{chapter}.ipynb").stat().st_size < 400_000
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in code_cells(notebook):
        assert "execution" not in cell.metadata
        for output in cell.outputs:
            assert output.output_type != "error" or "raises-exception" in cell.metadata.get("tags", [])
            assert output.get("name") != "stderr"


@each_chapter
def test_every_figure_has_a_caption_a_name_and_a_description(chapter):
    for cell in code_cells(read(chapter)):
        drawn = any({"image/svg+xml", "image/png"} & set(o.get("data", {})) for o in cell.outputs)
        assert drawn == ("figure" in cell.metadata.get("mystnb", {})), f"{cell.id}: a figure and its caption"
        if drawn:
            mystnb = cell.metadata.get("mystnb", {})
            assert mystnb.get("figure", {}).get("name", "").startswith("fig-"), f"{cell.id}: no figure name"
            assert len(mystnb["figure"].get("caption", "")) > 30, f"{cell.id}: no caption"
            assert len(mystnb.get("image", {}).get("alt", "")) > 30, f"{cell.id}: no alt text"


@each_chapter
def test_numbers_from_runs_are_glued_by_path(chapter):
    notebook, name = read(chapter), chapter.rsplit("/", 1)[1]
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    glued = {o.metadata["scrapbook"]["name"] for o in outputs if "scrapbook" in o.get("metadata", {})}
    used = set()
    for reference in re.findall(r"\{glue:\w*\}`([^`]+)`", text_of(notebook)):
        path, _, key = reference.partition("::")
        assert path == f"{name}.ipynb", f"{reference}: write the path form, it works in translations too"
        used.add(key.split(":")[0])
    assert used == glued, "a number that nobody reads, or one that nobody keeps"
    assert len(used) >= 5


@each_chapter
def test_a_download_shows_its_progress(chapter):
    code = "\n".join(cell.source for cell in code_cells(read(chapter)))
    assert "data.load(dataset" not in code or "download_bar()" in code


@each_chapter
def test_exercises_have_a_stub_and_a_solution_that_passes(chapter):
    notebook = read(chapter)
    labels = re.findall(r":::+\{exercise\}[^\n]*\n:label: ([\w-]+)", text_of(notebook))
    answers = solutions(notebook)
    stubs = code_cells(notebook, "exercise")
    assert 2 <= len(labels) <= 4 and set(answers) == set(labels) and len(stubs) == len(labels)
    for label, stub in zip(labels, stubs, strict=True):
        name, variable = re.search(r"""check\(["']([\w-]+)["'], (\w+)\)""", stub.source).groups()
        scope: dict = {}
        exec("import numpy as np", scope)
        exec(answers[label], scope)
        assert check(name, scope[variable]).correct, f"the solution of {label} is wrong"
        assert any("✗" in o.get("data", {}).get("text/plain", "") for o in stub.outputs), (
            f"{label}: stub passes"
        )


@each_chapter
def test_the_lesson_has_its_parts(chapter):
    text = text_of(read(chapter)).lower()
    for part in ("you will be able to", "exercises", "take away", "references"):
        assert part in text, f"no part that says {part!r}"
    assert text.count("{cite:") >= 2


@each_chapter
def test_three_questions_to_check_oneself_with_stand_before_the_exercises(chapter):
    cells = [cell for cell in read(chapter).cells if cell.cell_type == "markdown"]
    names = [cell.id for cell in cells]
    place = names.index("check-yourself")
    assert cells[place].source.startswith("## Check yourself")
    assert cells[place + 1].source.startswith("## Exercises")
    questions = re.findall(r"^:::\{question\}\n(.*?)^:::$", cells[place].source, re.S | re.M)
    assert len(questions) == 3
    for question in questions:
        explanations = re.findall(r"^: (.*)", question, re.M)
        assert 3 <= len(explanations) <= 4, question
        verdicts = [words.split(".")[0] for words in explanations]
        assert verdicts.count("Yes") == 1 and verdicts.count("No") == len(verdicts) - 1, verdicts
        assert all(len(words) > 40 for words in explanations), "say why"


def test_claims_point_at_cells_whose_assertions_ran():
    assert [claim["id"] for claim in CLAIMS] == sorted({claim["id"] for claim in CLAIMS})
    for claim in CLAIMS:
        assert set(claim) == {"id", "section", "statement", "statement_zh", "verdict", "why", "evidence"}
        assert re.fullmatch(r"C\d\d", claim["id"]) and claim["verdict"] in (
            "confirmed",
            "qualified",
            "corrected",
        )
        assert claim["evidence"], f"{claim['id']} has no evidence"
        for evidence in claim["evidence"]:
            cells = {cell.id: cell for cell in code_cells(read(f"chapters/{evidence['chapter']}"))}
            cell = cells[evidence["cell"]]
            assert re.search(r"\bassert\b|\.assert_", cell.source), (
                f"{claim['id']}: {evidence} asserts nothing"
            )
            assert cell.execution_count and all(o.output_type != "error" for o in cell.outputs), (
                "it did not run"
            )


def test_every_claim_has_its_verdict():
    assert {claim["id"] for claim in CLAIMS} >= {f"C{number:02d}" for number in range(1, 51)}


def test_a_chapter_speaks_of_the_claims_that_it_decides():
    silent = []
    for claim in CLAIMS:
        for chapter in {evidence["chapter"] for evidence in claim["evidence"]}:
            if claim["id"] not in text_of(read(f"chapters/{chapter}")):
                silent.append((claim["id"], chapter))
    assert silent == []
