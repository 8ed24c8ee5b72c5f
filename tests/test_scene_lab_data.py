"""What the lab on difficult scenes loads: the records as they are, and scenes that the recorded runs were asked about."""

import base64
import dataclasses
import io
import json
import runpy

import numpy as np
import pytest
from PIL import Image

from utils import data, runs
from utils.labs import scene as lab


@pytest.fixture(scope="module")
def facts():
    """Return what the script of the lab holds."""
    text = lab.make()["data-scene.js"]
    assert len(text) <= 150_000
    return json.loads(text.split('courseData["scene"] = ')[1].removesuffix(";\n"))


def scenes_in(level):
    """Return the twelve scenes of a level as they are shown, (12, 32, 32, 3)."""
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(level["picture"]))).convert("RGB"))
    return sheet.reshape(2, 32, 6, 32, 3).swapaxes(1, 2).reshape(12, 32, 32, 3).astype(float)


def assert_shows(level, images):
    """Check that a level shows these images, but for what the compression costs, and in this order."""
    shown = scenes_in(level)
    distances = np.abs(shown[:, None] - images[None].astype(float)).mean(axis=(2, 3, 4))  # (12, 12)
    np.testing.assert_array_equal(distances.argmin(axis=1), np.arange(12))
    assert np.diag(distances).max() < 8


def test_scenes_under_stress_are_those_of_the_recorded_runs(facts):
    script = runpy.run_path(str(runs.ROOT / "scripts" / "record_four_eras.py"))
    for series in facts["series"][:4]:
        for level in series["levels"]:
            [(knob, value)] = level["at"].items()
            settings = dataclasses.replace(script["CALM"], **{knob: value})
            test = script["stressed"](settings, seed=0)[2]
            assert len(test) == series["asked"]
            assert_shows(level, test.images[:12])


def test_knobs_and_levels_are_those_that_were_recorded(facts):
    rows = runs.load_result("eras_under_stress")["rows"]
    names = [series["name"] for series in facts["series"]]
    assert names == ["rotation", "shift", "clutter", "lighting", "together", "course"]
    for series in facts["series"][:4]:
        expected = [row["level"] for row in rows if row["knob"] in ("calm", series["name"])]
        assert [level["at"][series["name"]] for level in series["levels"]] == expected == sorted(expected)


def test_the_search_and_the_course_have_their_scenes_and_counts(facts):
    together, course = facts["series"][4:]
    what = runs.load_result("scenes_ladder")["what"]
    assert f"{together['train']:,} training scenes" in what
    assert f"{together['asked']:,} validation scenes" in what
    for level in together["levels"]:
        rng = np.random.default_rng([0, 1])
        assert_shows(
            level, data.make_scenes(1000, rng, settings=data.SceneSettings(**level["at"])).images[:12]
        )
    assert_shows(course["levels"][0], data.load("scenes", "test").images[:12])
    assert course["train"] == len(data.load("scenes", "train"))


def test_one_run_has_no_spread():
    assert lab.summaries({"cnn": [0.5]}) == {"cnn": {"seeds": [0.5], "mean": 0.5, "std": None}}
    two = lab.summaries({"cnn": [0.5, 0.7]})["cnn"]
    assert two == {"seeds": [0.5, 0.7]} | runs.mean_and_spread([0.5, 0.7])
