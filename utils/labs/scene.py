"""The lab on difficult scenes: recorded accuracies of the eras, and for each recorded setting twelve of its scenes.

The numbers are those of ``results/eras_under_stress.json``, ``eras_on_scenes.json`` and ``scenes_ladder.json``; the
scenes are the first twelve that the methods were tested on, with the first seed.
"""

import base64
import dataclasses
import io

import numpy as np
from PIL import Image

from utils import data, labs, runs
from utils.data.splits import SPLITS

SHOWN, COLUMNS = 12, 6
QUALITY = 85  # of the pictures as WebP; without loss they would weigh four times as much
STRESS_STREAM = 7  # the random numbers of scripts/record_four_eras.py are those of [seed, split, 7]


def make() -> dict[str, str]:
    """Return the script of the lab: series of settings, each with its picture and the accuracies on it."""
    stress, course = runs.load_result("eras_under_stress"), runs.load_result("eras_on_scenes")
    knobs = list(dict.fromkeys(row["knob"] for row in stress["rows"] if row["knob"] != "calm"))
    series = [one_knob(stress, knob) for knob in knobs] + [
        turned_and_moved(course["counts"]),
        all_at_once(course),
    ]
    chance = 1 / len(data.load("scenes", "test", SHOWN).class_names)
    return {"data-scene.js": labs.script("scene", {"chance": chance, "series": series})}


def one_knob(stress: dict, knob: str) -> dict:
    """Return the series in which one knob is turned up from calm scenes: methods trained there, and on calm scenes only."""
    calm = settings_of(stress["calm"])
    levels = []
    for row in (row for row in stress["rows"] if row["knob"] in ("calm", knob)):
        settings = calm if row["knob"] == "calm" else dataclasses.replace(calm, **{knob: row["level"]})
        rng = np.random.default_rng([stress["seeds"][0], SPLITS.index("test"), STRESS_STREAM])
        levels.append(
            {
                "at": {knob: row["level"]},
                "picture": picture(data.make_scenes(SHOWN, rng, settings=settings)),
                "there": summaries(row["trained_there"]),
                "calm": summaries(row["trained_calm"]),
            }
        )
    counts = {"train": stress["counts"]["train"], "asked": stress["counts"]["test"]}
    return {"name": knob, "levels": levels} | counts


def turned_and_moved(counts: dict) -> dict:
    """Return the series in which scenes of the course are turned and moved more and more: one run, on validation scenes."""
    levels = []
    for row in runs.load_result("scenes_ladder")["search_on_validation"]:
        at = {"rotation": row["rotation"], "shift": row["shift"]}
        rng = np.random.default_rng([0, SPLITS.index("validation")])
        scenes = data.make_scenes(SHOWN, rng, settings=data.SceneSettings(**at))
        recorded = {"knn": [row["knn"]], "hog_linear": [row["hog_svm"]], "cnn": [row["cnn"]]}
        levels.append({"at": at, "picture": picture(scenes), "there": summaries(recorded)})
    return {"name": "together", "levels": levels, "train": counts["train"], "asked": counts["validation"]}


def all_at_once(course: dict) -> dict:
    """Return the one setting of the course, at which all five methods were recorded."""
    recorded = {
        name: [run["test_accuracy"] for run in method["runs"]] for name, method in course["methods"].items()
    }
    scenes = data.load("scenes", "test", SHOWN, seed=course["seeds"][0])
    level = {"at": {}, "picture": picture(scenes), "there": summaries(recorded)}
    counts = {"train": course["counts"]["train"], "asked": course["counts"]["test"]}
    return {"name": "course", "levels": [level]} | counts


def settings_of(recorded: dict) -> data.SceneSettings:
    """Return settings that were recorded as JSON, which has no tuples."""
    return data.SceneSettings(**recorded | {"size": tuple(recorded["size"])})


def summaries(accuracies: dict[str, list[float]]) -> dict[str, dict]:
    """Return for each method the accuracy of each seed, their mean, and, where there are several, their spread."""
    return {
        method: {"seeds": seeds}
        | (runs.mean_and_spread(seeds) if len(seeds) > 1 else {"mean": seeds[0], "std": None})
        for method, seeds in accuracies.items()
    }


def picture(scenes: data.SceneDataset) -> str:
    """Return twelve scenes in two rows as a WebP file in base64."""
    rows = scenes.images.reshape(-1, COLUMNS, 32, 32, 3).swapaxes(1, 2).reshape(-1, COLUMNS * 32, 3)
    file = io.BytesIO()
    Image.fromarray(rows).save(file, "WEBP", quality=QUALITY, method=6)
    return base64.b64encode(file.getvalue()).decode("ascii")
