"""Ten images a class, in every container in which CIFAR-10 travels."""

import io
import pickle
import tarfile

import numpy as np

from utils.data.cifar10 import Release
from utils.data.cifar10_containers import ARCHIVE, BATCHES, FOLDER, digest_of, in_one_order

COUNTS = {"train": 50, "test": 10}
_RNG = np.random.default_rng(0)
IMAGES = {split: _RNG.integers(0, 256, (count, 32, 32, 3), np.uint8) for split, count in COUNTS.items()}
LABELS = {split: np.arange(count) % 10 for split, count in COUNTS.items()}
ORDERED = {split: in_one_order(IMAGES[split], LABELS[split]) for split in COUNTS}
RELEASE = Release(COUNTS, {split: digest_of(*ORDERED[split]) for split in COUNTS})


def planes(images):
    """Return images (B, 32, 32, 3) as the archive holds them: (B, 3072), all red, all green, all blue."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def _text(content: bytes) -> bytes:
    return b"U" + bytes([len(content)]) + content


def _number(n: int) -> bytes:
    return b"M" + n.to_bytes(2, "little")


def old_pickle(images, labels) -> bytes:
    """Write a batch as Python 2 wrote the official ones, opcode by opcode: no Python of today can."""
    rows = planes(images)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n"
        + b"cnumpy\nndarray\n"
        + b"K\x00\x85"
        + _text(b"b")
        + b"\x87R"
    )
    dtype = b"cnumpy\ndtype\n" + _text(b"u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + _text(b"|") + b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
    content = rows.tobytes()
    shape = _number(rows.shape[0]) + _number(rows.shape[1]) + b"\x86"
    array += b"(K\x01" + shape + dtype + b"\x89" + b"T" + len(content).to_bytes(4, "little") + content + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([y]) for y in labels) + b"e"
    name = _text(b"batch_label") + _text(b"training batch 1 of 5")
    return b"\x80\x02}(" + name + _text(b"labels") + numbers + _text(b"data") + array + b"u."


def new_pickle(images, labels) -> bytes:
    """Write a batch as NumPy does today."""
    return pickle.dumps({b"data": planes(images), b"labels": labels.tolist()}, protocol=2)


def batches(write=old_pickle) -> dict[str, bytes]:
    """Return the six batches of the small data set by their file names."""
    files = {}
    for split, names in BATCHES.items():
        for name, part in zip(names, np.array_split(np.arange(COUNTS[split]), len(names)), strict=True):
            files[name] = write(IMAGES[split][part], LABELS[split][part])
    return files


def archive(files=None) -> bytes:
    """Return the bytes of an archive with these files, by default those of the whole data set."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in (batches() if files is None else files).items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def picture(image, kind="PNG") -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image).save(content, kind, lossless=True)
    return content.getvalue()


def parquet(split, rows=None, kind="PNG", images=IMAGES, labels=LABELS) -> bytes:
    """Return the bytes of a Parquet file in the layout of the hub, with the images at the indices `rows`."""
    import pyarrow
    from pyarrow import parquet as format

    rows = range(COUNTS[split]) if rows is None else rows
    pictures = [{"bytes": picture(images[split][i], kind), "path": None} for i in rows]
    table = pyarrow.table({"img": pictures, "label": [int(labels[split][i]) for i in rows]})
    content = io.BytesIO()
    format.write_table(table, content)
    return content.getvalue()


def fill(folder, container):
    """Put the small data set into a folder, in one of four containers; return the folder."""
    place = folder / "cifar10"
    place.mkdir(parents=True)
    if container == "parquet":
        for part, rows in enumerate((range(49, 20, -1), range(21))):  # two files, and another order
            (place / f"train-0000{part}-of-00002.parquet").write_bytes(parquet("train", rows, "WEBP"))
        (place / "test-00000-of-00001.parquet").write_bytes(parquet("test"))
    elif container == "folder":
        (place / FOLDER).mkdir()
        for name, data in batches(new_pickle).items():
            (place / FOLDER / name).write_bytes(data)
    elif container == "archive":
        (place / ARCHIVE).write_bytes(archive())
    else:
        (folder / ARCHIVE).write_bytes(archive(batches(new_pickle)))
    return folder


CONTAINERS = ("parquet", "folder", "archive", "archive beside")
