"""The chapter on the reader's own project runs on a folder that is not its own, and refuses one that is none."""

import papermill
import pytest
from PIL import Image

from utils import data
from utils.runs import ROOT

CHAPTER = ROOT / "chapters" / "4_code" / "project.ipynb"


def run(tmp_path, **parameters):
    papermill.execute_notebook(
        str(CHAPTER), str(tmp_path / "out.ipynb"), parameters={"profile": "smoke"} | parameters,
        cwd=str(CHAPTER.parent), progress_bar=False, execution_timeout=300,
    )  # fmt: skip


def test_a_folder_of_surfaces_becomes_a_page(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    photos = data.load("photos", "train")
    for y in (0, 2, 4):
        for i in range(36):  # three neighbours are a source
            folder = tmp_path / "pictures" / photos.class_names[y] / f"place {photos.class_names[y]} {i // 3}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photos.images[photos.labels == y][i, ..., 0]).save(folder / f"{i}.png")
    page = tmp_path / "page"
    run(tmp_path, folder=str(tmp_path / "pictures"), page_folder=str(page), image_size=24)
    assert "brick, gravel, stars" in (page / "index.html").read_text("utf-8")


def test_a_folder_that_is_not_there_stops_with_a_sentence(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="is no folder: give the one that holds"):
        run(tmp_path, folder=str(tmp_path / "nothing"))
