"""Every container gives the same arrays, and none can do anything but hold pictures."""

import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from cifar10_small import (
    CONTAINERS,
    COUNTS,
    IMAGES,
    LABELS,
    ORDERED,
    archive,
    batches,
    fill,
    new_pickle,
    old_pickle,
    parquet,
)

from utils.data import cifar10_containers as containers
from utils.data.cifar10_containers import (
    ARCHIVE,
    FOLDER,
    DamagedError,
    digest_of,
    find_container,
    in_one_order,
    read_batch,
    read_container,
)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([], "train", 5), "need at least one path and the split 'train' or 'test'"),
        ((["a.parquet"], "validation", 5), "got .* and 'validation'"),
        ((["a.parquet"], "train", -5), "count must be a whole number, at least 0, got -5"),
        ((["a.parquet"], "train", 0.5), "count must be a whole number, .*got 0.5"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        read_container(*arguments)
    with pytest.raises(ValueError, match="one label for each image, got 3 and 2"):
        in_one_order(np.zeros((3, 2, 2, 1), np.uint8), np.zeros(2, np.int64))


def read(folder, split="train"):
    return read_container(find_container(folder, split), split, COUNTS[split])


def damaged(folder, split="train"):
    """Return what is said of a container that cannot be read."""
    with pytest.raises(DamagedError) as error:
        read(folder, split)
    return str(error.value)


@pytest.mark.parametrize("split", COUNTS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_arrays_in_the_same_order(container, split, tmp_path):
    images, labels = read(fill(tmp_path, container), split)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    assert np.array_equal(images, ORDERED[split][0]) and np.array_equal(labels, ORDERED[split][1])


def test_nothing_is_found_in_an_empty_folder(tmp_path):
    assert find_container(tmp_path, "train") == [] and find_container(tmp_path / "none", "train") == []


def test_the_order_is_that_of_the_pixels_and_keeps_images_and_labels_together():
    shuffled = np.random.default_rng(1).permutation(50)
    images, labels = in_one_order(IMAGES["train"][shuffled], LABELS["train"][shuffled])
    assert np.array_equal(images, ORDERED["train"][0]) and np.array_equal(labels, ORDERED["train"][1])
    assert not np.array_equal(images, IMAGES["train"])


def test_equal_pictures_with_different_labels_have_one_order():
    twins = np.zeros((2, 32, 32, 3), np.uint8)
    assert in_one_order(twins, np.array([7, 2]))[1].tolist() == [2, 7]


def test_one_pixel_or_one_label_changes_the_digest():
    images, labels = ORDERED["test"]
    pixel, label = images.copy(), labels.copy()
    pixel[3, 5, 7, 1] ^= 1
    label[4] = (label[4] + 1) % 10
    assert len({digest_of(images, labels), digest_of(pixel, labels), digest_of(images, label)}) == 3


@pytest.mark.parametrize("write", [old_pickle, new_pickle])
def test_channels_come_last(write):
    images, labels = read_batch(write(IMAGES["test"], LABELS["test"]))
    assert np.array_equal(images, IMAGES["test"]) and labels.tolist() == list(range(10))


class Calls:
    """Pickles to a call of `function(*arguments)` when it is loaded in the usual way."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.mkdir, eval, exec, getattr, pickle.loads, np.frombuffer])
def test_a_forged_pickle_is_refused_and_runs_nothing(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forged = pickle.dumps({b"data": Calls(function, "spoiled"), b"labels": [1]}, protocol=2)
    with pytest.raises(DamagedError, match="asks for .*: it was not executed; do not use this archive"):
        read_batch(forged)
    assert os.listdir(tmp_path) == []


def test_a_pickle_that_changes_what_it_is_handed_is_refused():
    build = b"\x80\x02c_codecs\nencode\nN}U\x08__name__U\x04evils\x86b."
    with pytest.raises(DamagedError):
        read_batch(build)
    assert containers._Encode.__name__ == "_Encode"


def test_a_pickle_that_asks_for_all_memory_is_refused():
    with pytest.raises(DamagedError, match="a memo of 4,000,000,000 entries"):
        read_batch(b"\x80\x02Nr" + (4_000_000_000).to_bytes(4, "little") + b".")


@pytest.mark.parametrize("error", [ImportError, MemoryError, PermissionError])
def test_what_is_no_fault_of_the_file_is_not_called_damage(error, tmp_path, monkeypatch):
    def fail(*_):
        raise error("no fault of the file")

    monkeypatch.setattr(containers, "_read_folder", fail)
    with pytest.raises(error):
        read(fill(tmp_path, "folder"))


def test_even_the_names_that_are_known_hand_out_nothing_of_numpy():
    for (module, name), value in containers._KNOWN_NAMES.items():
        assert value.__module__ == "utils.data.cifar10_containers", (module, name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02}",
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": 3, b"labels": [3]}),
        pickle.dumps({b"labels": [3]}),
        pickle.dumps({b"data": np.zeros((1, 3072), np.float32), b"labels": [3]}, protocol=2),
        pickle.dumps({b"data": np.zeros((1, 3071), np.uint8), b"labels": [3]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [3]}, protocol=2),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}, protocol=2),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": ["cat"]}, protocol=2),
        old_pickle(IMAGES["test"], LABELS["test"])[:-100],
    ],
)
def test_what_is_no_batch_is_refused(content):
    with pytest.raises(DamagedError):
        read_batch(content)


def test_a_missing_batch_is_named(tmp_path):
    files = batches()
    del files["data_batch_3"]
    (tmp_path / ARCHIVE).write_bytes(archive(files))
    assert f"lacks {FOLDER}/data_batch_3" in damaged(tmp_path)
    assert len(read(tmp_path, "test")[0]) == 10


@pytest.mark.parametrize("keep", [0, 20, 0.5, 0.98])
def test_a_truncated_archive_is_refused(keep, tmp_path):
    content = archive()
    (tmp_path / ARCHIVE).write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    damaged(tmp_path)


def test_a_member_that_is_no_file_is_refused(tmp_path):
    with tarfile.open(tmp_path / ARCHIVE, "w:gz") as tar:
        link = tarfile.TarInfo(f"{FOLDER}/test_batch")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert "is not a file" in damaged(tmp_path, "test")


def test_an_archive_that_unpacks_for_ever_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "_LARGEST_ARCHIVE", 100_000)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        big = tarfile.TarInfo("padding")
        big.size = 10_000_000
        tar.addfile(big, io.BytesIO(bytes(big.size)))
    (tmp_path / ARCHIVE).write_bytes(content.getvalue())
    assert "unpacks to more than 100,000 bytes" in damaged(tmp_path)


def put_parquet(folder, content, split="test"):
    (folder / "cifar10").mkdir()
    (folder / "cifar10" / f"{split}-00000-of-00001.parquet").write_bytes(content)
    return folder


def test_a_parquet_file_with_too_few_images_is_refused(tmp_path):
    assert "hold 9 of 10 images" in damaged(put_parquet(tmp_path, parquet("test", range(9))), "test")


def test_a_truncated_parquet_file_is_refused(tmp_path):
    assert "cannot be read" in damaged(put_parquet(tmp_path, parquet("test")[:-9]), "test")


def test_a_web_page_in_the_place_of_a_parquet_file_is_refused(tmp_path):
    assert "cannot be read" in damaged(put_parquet(tmp_path, b"<html>please log in</html>"), "test")


def test_pictures_of_another_size_are_refused(tmp_path):
    small = {"test": IMAGES["test"][:, :31]}
    content = parquet("test", images=small)
    assert "32 × 31 instead of 32 × 32 pixels" in damaged(put_parquet(tmp_path, content), "test")


def test_pictures_in_a_format_that_loses_pixels_are_refused(tmp_path):
    assert "cannot be read" in damaged(put_parquet(tmp_path, parquet("test", kind="JPEG")), "test")


def test_labels_out_of_range_are_refused(tmp_path):
    content = parquet("test", labels={"test": LABELS["test"] + 1})
    assert "labels from 1 to 10 instead of 0 to 9" in damaged(put_parquet(tmp_path, content), "test")
