"""CIFAR-10 from whatever place has it, and one clear sentence where none has."""

import os

import numpy as np
import pytest
from cifar10_small import (
    ARCHIVE,
    CONTAINERS,
    COUNTS,
    IMAGES,
    LABELS,
    ORDERED,
    RELEASE,
    archive,
    fill,
    parquet,
)

from utils import data, runs
from utils.data import cifar10
from utils.data.cifar10 import CLASS_NAMES, DataUnavailableError, Mirror, load_cifar10
from utils.data.dataset import ImageDataset
from utils.data.download import Limits

REAL = os.environ.get("COURSE_DATA_DIR")
LASTING = Limits(attempts=1)
HASTY = Limits(connect=3.0, stall=3.0, total=60.0, attempts=1)


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch):
    for name in ("COURSE_DATA_DIR", "COURSE_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def load(cache, split="test", mirrors=(), **keywords):
    return load_cifar10(split, cache_dir=cache, mirrors=mirrors, release=RELEASE, **keywords)


def unavailable(*arguments, **keywords):
    """Return what a reader is told."""
    with pytest.raises(DataUnavailableError) as error:
        load(*arguments, **keywords)
    return str(error.value)


def is_complete(dataset, split="test"):
    return np.array_equal(dataset.images, ORDERED[split][0]) and np.array_equal(
        dataset.labels, ORDERED[split][1]
    )


@pytest.mark.parametrize("split", COUNTS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_is_the_same_data_set(container, split, tmp_path, cache):
    dataset = load(cache, split, data_dir=fill(tmp_path / "here", container))
    assert is_complete(dataset, split) and dataset.class_names == CLASS_NAMES
    assert isinstance(dataset, ImageDataset)


def test_the_variable_names_the_folder_and_a_relative_one_counts_from_the_root(tmp_path, cache, monkeypatch):
    fill(tmp_path / "beside", "archive")
    (tmp_path / "repository").mkdir()
    monkeypatch.setattr(runs, "ROOT", tmp_path / "repository")
    monkeypatch.setenv("COURSE_DATA_DIR", "../beside")
    assert is_complete(load(cache))


def test_what_was_read_once_is_read_from_the_cache(tmp_path, cache):
    here = fill(tmp_path / "here", "parquet")
    load(cache, data_dir=here)
    (here / "cifar10" / "test-00000-of-00001.parquet").unlink()
    dataset = load(cache)
    assert is_complete(dataset) and dataset.labels.dtype == np.int64


@pytest.mark.parametrize(
    "damage", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: c[:-900] + bytes(900)]
)
def test_a_damaged_cache_is_removed_and_the_source_read_again(damage, tmp_path, cache):
    here = fill(tmp_path / "here", "archive")
    load(cache, data_dir=here)
    (kept,) = (cache / "cifar10").glob("decoded-test-*.npz")
    kept.write_bytes(damage(kept.read_bytes()))
    assert is_complete(load(cache, data_dir=here))
    assert is_complete(load(cache))


def test_an_altered_cache_with_a_sound_form_is_not_believed(tmp_path, cache):
    here = fill(tmp_path / "here", "archive")
    load(cache, data_dir=here)
    (kept,) = (cache / "cifar10").glob("decoded-test-*.npz")
    np.savez(kept, images=255 - ORDERED["test"][0], labels=ORDERED["test"][1])
    unavailable(cache)
    assert not kept.exists()


def altered():
    images = {split: images.copy() for split, images in IMAGES.items()}
    images["test"][3, 4, 5, 0] ^= 1
    return parquet("test", images=images)


def test_one_altered_pixel_in_a_local_copy_is_told_with_the_way_out(tmp_path, cache):
    here = fill(tmp_path / "here", "parquet")
    file = here / "cifar10" / "test-00000-of-00001.parquet"
    file.write_bytes(altered())
    message = unavailable(cache, data_dir=here)
    assert str(file) in message and "are not those of the official release" in message
    assert "Replace it, or set COURSE_DATA_DIR" in message
    assert file.exists() and not cache.exists()
    assert is_complete(load(cache, "train", data_dir=here), "train")


def test_a_damaged_file_in_the_cache_is_set_aside_and_the_mirror_asked(cache, web):
    fill(cache, "archive")
    (cache / "cifar10" / ARCHIVE).write_bytes(archive()[:1000])
    mirror = Mirror(web.at("/test.parquet", web.file(parquet("test"))), ("test",))
    assert is_complete(load(cache, mirrors=[mirror]))
    assert (cache / "cifar10" / f"{ARCHIVE}.damaged").exists()


def test_the_first_mirror_that_works_is_taken_and_the_net_is_asked_once(cache, web):
    paths = {
        "/hangs": web.hang,
        "/page": web.page,
        "/gone": web.status(404),
        "/altered.parquet": web.file(altered()),
        "/short.parquet": web.file(parquet("test", range(9))),
        "/half": web.file(archive(), at_most=2000),
        f"/{ARCHIVE}": web.file(archive()),
        "/never": web.status(500),
    }
    mirrors = [
        Mirror(web.at(path, answer), ("train", "test"), LASTING if path == f"/{ARCHIVE}" else HASTY)
        for path, answer in paths.items()
    ]
    seen = []
    assert is_complete(load(cache, mirrors=mirrors, progress=lambda *numbers: seen.append(numbers)))
    assert len(web.ranges) == len(paths) - 1 and seen[-1] == (len(archive()), len(archive()))
    assert is_complete(load(cache, "train"), "train"), "the archive held both splits"
    names = {path.name for path in (cache / "cifar10").iterdir() if path.suffix != ".part"}
    assert ARCHIVE in names and not names & {"page", "gone", "altered.parquet", "short.parquet", "half"}


def test_when_all_mirrors_fail_each_is_named_with_its_reason_and_the_way_out(cache, web):
    paths = {"/gone": web.status(404), "/page": web.page, "/altered": web.file(altered()), "/hangs": web.hang}
    mirrors = [Mirror(web.at(path, answer), ("test",), HASTY) for path, answer in paths.items()]
    message = unavailable(cache, mirrors=mirrors)
    for path, reason in {
        "/gone": "answered HTTP 404",
        "/page": "answered with a web page",
        "/altered": "sent something else",
        "/hangs": "did not answer in time",
    }.items():
        assert any(path in line and reason in line for line in message.splitlines()), reason
    assert 'use dataset = "scenes"' in message and "COURSE_DATA_DIR" in message and str(cache) in message


def test_a_download_that_broke_off_is_continued_by_the_next_call(cache, web):
    content = archive()
    half = len(content) // 2 + 1
    url = web.at(f"/{ARCHIVE}", web.file(content, at_most=half))
    mirrors = [Mirror(url, ("train", "test"), LASTING)]
    assert "broke off" in unavailable(cache, mirrors=mirrors)
    assert is_complete(load(cache, mirrors=mirrors))
    assert web.ranges == [None, f"bytes={half}-"]


def test_a_mirror_without_the_split_is_not_asked(cache, web):
    mirrors = [Mirror(web.at("/train", web.status(500)), ("train",), HASTY)]
    assert "no mirror has this split" in unavailable(cache, mirrors=mirrors)
    assert web.ranges == []


def test_a_cache_that_cannot_be_written_costs_only_speed(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file in the place of the folder")
    with pytest.warns(RuntimeWarning, match="set COURSE_CACHE_DIR to a folder that can be written"):
        assert is_complete(load(blocked, data_dir=fill(tmp_path / "here", "archive")))


def test_a_download_that_cannot_be_kept_says_where_and_what_to_do(tmp_path, web):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file in the place of the folder")
    mirrors = [Mirror(web.at("/f", web.file(archive())), ("test",), HASTY)]
    message = unavailable(blocked, mirrors=mirrors)
    assert f"cannot be kept in {blocked}" in message and "set COURSE_CACHE_DIR" in message


def test_the_cache_is_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "mine"))
    load_cifar10("test", data_dir=fill(tmp_path / "here", "archive"), mirrors=(), release=RELEASE)
    assert list((tmp_path / "mine" / "cifar10").glob("decoded-test-*.npz"))


def test_a_folder_without_the_data_is_named(tmp_path, cache, web, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "a-typo"))
    mirror = Mirror(web.at("/test.parquet", web.file(parquet("test"))), ("test",))
    with pytest.warns(RuntimeWarning, match="there is no CIFAR-10 .test. in .*a-typo: a folder must hold"):
        assert is_complete(load(cache, mirrors=[mirror]))


def test_a_read_only_copy_is_left_as_it_is(tmp_path, cache):
    here = fill(tmp_path / "here", "parquet")
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    load(cache, data_dir=here)
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="unknown split 'validation' of CIFAR-10: choose 'train' or 'test'"):
        load_cifar10("validation")


def test_every_split_has_a_mirror_and_the_slow_official_one_comes_last_with_more_time():
    for split in ("train", "test"):
        assert sum(split in mirror.splits for mirror in cifar10.MIRRORS) >= 3
    assert "cs.toronto.edu" in cifar10.MIRRORS[-1].url
    assert cifar10.MIRRORS[-1].limits.total > max(mirror.limits.total for mirror in cifar10.MIRRORS[:-1])
    assert all(mirror.url.startswith("https://") for mirror in cifar10.MIRRORS)


def test_the_course_takes_its_validation_images_from_the_official_training_set(monkeypatch):
    def small(split, progress=None):
        return ImageDataset(IMAGES[split], LABELS[split], CLASS_NAMES)

    monkeypatch.setattr(data, "load_cifar10", small)
    train, validation, test = (
        data.load("cifar10", split, seed=3) for split in ("train", "validation", "test")
    )
    assert (len(train), len(validation), len(test)) == (40, 10, 10)
    data.assert_disjoint(train=train, validation=validation, test=test)
    assert np.array_equal(data.load("cifar10", "validation", seed=3).images, validation.images)
    assert not np.array_equal(data.load("cifar10", "validation", seed=4).images, validation.images)


@pytest.mark.skipif(not REAL, reason="set COURSE_DATA_DIR to a folder with CIFAR-10 to read all of it")
def test_the_real_one_if_it_is_here(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", REAL)
    for split, count in cifar10.OFFICIAL.counts.items():
        dataset = load_cifar10(split, cache_dir=tmp_path, mirrors=())
        assert len(dataset) == count and set(np.bincount(dataset.labels)) == {count // 10}
