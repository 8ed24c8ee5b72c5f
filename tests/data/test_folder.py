"""Every file of a folder is accounted for, whatever somebody put there."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from utils.data import demonstration_folder as demo
from utils.data import duplicates
from utils.data import folder as folders
from utils.data.splits import group_split

SIZE = 16
FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def photo(rng, width=40, height=30):
    """Return a smooth coloured picture, (height, width, 3) uint8, with a bright upper left corner."""
    small = Image.fromarray(rng.integers(0, 200, (5, 6, 3)).astype(np.uint8))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).copy()
    pixels[: height // 3, : width // 3] = 255
    return pixels


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path, rng):
    """Two classes with three good pictures each."""
    for y in ("cat", "dog"):
        (tmp_path / y).mkdir()
        for i in range(3):
            Image.fromarray(photo(rng)).save(tmp_path / y / f"{i}.png")
    return tmp_path


def test_images_labels_and_order(folder):
    (folder / "cat" / "later").mkdir()
    Image.new("RGB", (20, 20), (10, 20, 30)).save(folder / "cat" / "later" / "z.png")
    loaded = folders.load_folder(folder, SIZE)
    assert loaded.dataset.images.shape == (7, SIZE, SIZE, 3) and loaded.dataset.images.dtype == np.uint8
    assert loaded.dataset.class_names == ("cat", "dog")
    assert loaded.paths == tuple(
        ["cat/0.png", "cat/1.png", "cat/2.png", "cat/later/z.png", "dog/0.png", "dog/1.png", "dog/2.png"]
    )
    assert loaded.dataset.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert (loaded.dataset.images[3] == [10, 20, 30]).all()
    assert loaded.noted() == () and all(file.used for file in loaded.files)
    again = folders.load_folder(str(folder), SIZE)
    assert again.paths == loaded.paths
    np.testing.assert_array_equal(again.dataset.images, loaded.dataset.images)


def test_the_middle_square_is_cut_and_resampled_by_area(rng):
    pixels = photo(rng, width=48, height=30)
    ours = np.asarray(folders.middle_square(Image.fromarray(pixels), 30))
    np.testing.assert_array_equal(ours, pixels[:, 9:39])  # nothing to resample: the middle 30 columns
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    small = np.asarray(folders.middle_square(Image.fromarray(stripes), 8))
    assert (np.abs(small[:, 1:-1].astype(int) - 100) <= 2).all(), "leaving pixels out would give 0 or 200"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_undone(folder, rng, orientation):
    pixels = photo(rng, 40, 40)
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's numbers of the move that a camera made
    stored = Image.fromarray(pixels)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(folder / "cat" / "turned.png", exif=exif)
    image, notes = folders.read_picture(folder / "cat" / "turned.png", 40)
    np.testing.assert_array_equal(image, pixels)
    assert notes == (("turned upright (EXIF)",) if orientation > 1 else ())


def test_grey_transparent_palette_and_cmyk_become_rgb(tmp_path):
    grey = np.tile(np.arange(0, 256, 8, np.uint8), (32, 1))
    cases = {
        "L.png": (Image.fromarray(grey), grey[0, 5], "grey"),
        "I16.png": (Image.fromarray(grey.astype(np.uint16) * 257), grey[0, 5], "grey"),
        "one.png": (Image.fromarray(grey > 30).convert("1"), 255, "grey"),
        "LA.png": (
            Image.merge("LA", [Image.fromarray(grey), Image.new("L", (32, 32), 0)]),
            255,
            "transparent",
        ),
        "RGBA.png": (Image.new("RGBA", (32, 32), (0, 0, 0, 51)), 204, "transparent"),
        "CMYK.jpg": (Image.new("CMYK", (32, 32), (0, 0, 0, 255)), 0, "CMYK"),
    }
    for name, (image, expected, word) in cases.items():
        image.save(tmp_path / name)
        pixels, notes = folders.read_picture(tmp_path / name, 32)
        assert pixels.shape == (32, 32, 3)
        assert np.abs(pixels[16, 5].astype(int) - expected).max() <= 1, name
        assert len(notes) == 1 and notes[0].startswith(word), (name, notes)
    palette = Image.new("P", (32, 32), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.save(tmp_path / "P.png")
    pixels, notes = folders.read_picture(tmp_path / "P.png", 32)
    assert (pixels == [200, 100, 50]).all() and notes == ()
    palette.save(tmp_path / "clear.gif", transparency=1)
    assert (folders.read_picture(tmp_path / "clear.gif", 32)[0] == 255).all()


def test_wrong_endings_small_pictures_and_films_are_read_and_named(tmp_path):
    Image.new("RGB", (8, 9)).save(tmp_path / "a.jpg", format="PNG")
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue", "green")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "noending", format="PNG")
    assert folders.read_picture(tmp_path / "a.jpg", 16)[1] == (
        "named .jpg, is PNG",
        "enlarged: only 8 × 9 pixels",
    )
    pixels, notes = folders.read_picture(tmp_path / "film.gif", 16)
    assert (pixels == [255, 0, 0]).all() and notes == ("the first of 3 frames",)
    assert folders.read_picture(tmp_path / "noending", 16)[1] == ("named without ending, is PNG",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_file_cut_anywhere_is_left_out_with_a_reason_or_read(folder, rng, kind):
    whole = io.BytesIO()
    Image.fromarray(photo(rng)).save(whole, kind)
    content = whole.getvalue()
    for share in (0.0, 0.02, 0.2, 0.5, 0.9):
        (folder / "cat" / "cut").write_bytes(content[: int(share * len(content))])
        loaded = folders.load_folder(folder, SIZE)
        (note,) = [file for file in loaded.files if file.path == "cat/cut"]
        assert note.notes and len(loaded.files) == 7
        assert len(loaded.dataset) == 6 + note.used
        if share < 0.5:
            assert not note.used


def test_bytes_of_no_sense_never_stop_the_others(folder, rng):
    whole = io.BytesIO()
    Image.fromarray(photo(rng)).save(whole, "JPEG")
    for i in range(40):
        content = bytearray(whole.getvalue())
        for place in rng.integers(0, len(content), 20):
            content[place] = rng.integers(256)
        (folder / "dog" / f"x{i:02}.jpg").write_bytes(content)
    loaded = folders.load_folder(folder, SIZE)
    assert len(loaded.files) == 46
    assert len(loaded.dataset) == sum(file.used for file in loaded.files) >= 6
    assert all(file.used or file.notes for file in loaded.files)


def test_enormous_pictures_are_left_out_before_they_are_decoded(folder):
    (folder / "cat" / "bomb.png").write_bytes(demo._png_header(60_000, 60_000))
    Image.new("RGB", (300, 300)).save(folder / "cat" / "large.png")
    loaded = folders.load_folder(folder, SIZE, max_pixels=80_000)
    reasons = {file.path: file.notes[0] for file in loaded.noted()}
    assert reasons["cat/bomb.png"] == "more pixels than max_pixels = 80,000"
    assert reasons["cat/large.png"] == "300 × 300 pixels are more than max_pixels = 80,000"
    (folder / "cat" / "bomb.png").write_bytes(
        demo._png_header(10_000, 10_000)
    )  # Pillow only warns of this one
    assert not [f for f in folders.load_folder(folder, SIZE).files if f.path == "cat/bomb.png"][0].used


def test_a_program_is_not_run_to_see_a_picture(folder):
    (folder / "cat" / "p.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    (note,) = folders.load_folder(folder, SIZE).noted()
    assert not note.used and note.notes[0].startswith("no picture in a format")


def test_files_without_class_and_small_classes_are_named(folder):
    Image.new("RGB", (20, 20)).save(folder / "stray.png")
    (folder / "eel").mkdir()
    Image.new("L", (20, 20)).save(folder / "eel" / "1.png")
    loaded = folders.load_folder(folder, SIZE, min_images=2)
    assert loaded.dataset.class_names == ("cat", "dog") and len(loaded.files) == 8
    notes = {file.path: file for file in loaded.noted()}
    assert notes["stray.png"].notes == ("lies in no class: move it into a subfolder",)
    assert notes["eel/1.png"].notes[-1] == "its class has 1 pictures, fewer than min_images = 2"
    assert not notes["eel/1.png"].used and len(notes) == 2
    assert folders.load_folder(folder, SIZE).dataset.class_names == ("cat", "dog", "eel")


def test_folders_that_are_no_data_set(tmp_path, folder):
    with pytest.raises(
        ValueError, match="is no folder: give the one that holds one subfolder for each class"
    ):
        folders.load_folder(tmp_path / "nothing", SIZE)
    with pytest.raises(ValueError, match="is no folder"):
        folders.load_folder(folder / "cat" / "0.png", SIZE)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(
        ValueError, match="gives no class, and a classifier needs at least two: put the pictures"
    ):
        folders.load_folder(empty, SIZE)
    (empty / "cat").mkdir()
    Image.new("RGB", (20, 20)).save(empty / "cat" / "1.png")
    with pytest.raises(ValueError, match="gives one class, 'cat', and"):
        folders.load_folder(empty, SIZE)
    (empty / "dog").mkdir()
    (empty / "dog" / "1.png").write_text("no")
    with pytest.raises(ValueError, match=r"1 of 2 files were left out, the first: dog/1.png \(no picture"):
        folders.load_folder(empty, SIZE)
    for bad in ({"image_size": 0}, {"image_size": 2.5}, {"min_images": 0}, {"max_pixels": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} must be a whole number"):
            folders.load_folder(**({"folder": folder, "image_size": 8} | bad))


def test_sources_come_from_folders_prefixes_or_nothing():
    paths = ["a/x__1.jpg", "a/x__2__b.jpg", "b/x__9.jpg", "a/y/1.jpg", "b/y/2.jpg", "a/1.jpg", "b/1.jpg"]
    numbers = folders.sources_of(paths)
    assert numbers.dtype == np.int64 and sorted(set(numbers.tolist())) == list(range(4))
    assert numbers[0] == numbers[1] == numbers[2] and numbers[3] == numbers[4]
    assert len(set(numbers[[0, 3, 5, 6]].tolist())) == 4
    assert len(set(folders.sources_of(["a/IMG_1.jpg", "a/IMG_2.jpg"]).tolist())) == 2
    assert len(set(folders.sources_of(["a/IMG_1.jpg", "a/IMG_2.jpg"], "_").tolist())) == 1
    with pytest.raises(ValueError, match="separator must not be empty"):
        folders.sources_of(paths, "")


def test_merging_joins_chains():
    merged = folders.merge_sources(np.array([0, 1, 2, 3, 3, 4]), [(0, 1), (1, 4), (5, 5)])
    assert merged[0] == merged[1] == merged[3] == merged[4]
    assert len(set(merged.tolist())) == 3 and merged.max() == 2
    np.testing.assert_array_equal(folders.merge_sources(np.array([5, 9, 5]), []), [0, 1, 0])


@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_sources_whole_and_classes_in_proportion(seed):
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, 60, 600)
    labels = sources % 3  # each source shows one class
    parts = folders.split_by_source(labels, sources, FRACTIONS, np.random.default_rng(seed))
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(600))
    owners = [set(sources[part].tolist()) for part in parts.values()]
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]
    again = folders.split_by_source(labels, sources, FRACTIONS, np.random.default_rng(seed))
    plain = group_split(sources, FRACTIONS, np.random.default_rng(seed))

    def distance(parts):
        counts = [np.bincount(labels[part], minlength=3) for part in parts.values()]
        return np.abs(counts - np.outer(list(FRACTIONS.values()), np.bincount(labels))).sum()

    assert distance(parts) <= distance(plain) and distance(parts) < 150
    for name in parts:
        np.testing.assert_array_equal(parts[name], again[name])


def test_split_refuses_what_cannot_be_split():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="class 1 comes from 2 sources, and 3 parts need at least one each"):
        folders.split_by_source(
            np.array([0] * 9 + [1] * 9), np.array([*range(9), *[20, 21, 20] * 3]), FRACTIONS, rng
        )
    with pytest.raises(ValueError, match="got 3 labels and 2 sources"):
        folders.split_by_source(np.zeros(3, int), np.zeros(2, int), FRACTIONS, rng)
    with pytest.raises(ValueError, match="a class was missing in a part"):
        labels, sources = np.arange(30) % 10, np.arange(30)
        folders.split_by_source(labels, sources, {"train": 0.9, "validation": 0.05, "test": 0.05}, rng)


def test_similar_pairs_are_those_of_the_whole_matrix(rng):
    images = rng.integers(0, 256, (23, 6, 6, 3)).astype(np.uint8)
    images[7] = images[2]
    images[20] = np.clip(images[11] + 3.0, 0, 255)
    images[4] = 9
    rows = duplicates.pixel_directions(images)
    expected = [(i, j) for i in range(23) for j in range(i + 1, 23) if rows[i] @ rows[j] >= 0.9]
    assert duplicates.similar_pairs(images, 0.9, block=4) == expected == [(2, 7), (11, 20)]
    assert duplicates.similar_pairs(images, 0.9) == expected
    for bad in (1.5, float("nan"), "high"):
        with pytest.raises(ValueError, match="threshold must"):
            duplicates.similar_pairs(images, bad)


@pytest.mark.parametrize("seed", range(10))
def test_every_planted_fault_is_found(tmp_path, seed):
    made = demo.write_demonstration_folder(
        tmp_path / "pictures", np.random.default_rng(seed), sources=10, shots=2
    )
    on_disk = [path for path in (tmp_path / "pictures").rglob("*") if path.is_file()]
    loaded = folders.load_folder(tmp_path / "pictures", 32, min_images=5)
    assert len(loaded.files) == len(on_disk) and loaded.dataset.class_names == demo.KNOWN
    source = folders.sources_of(loaded.paths)
    pairs = duplicates.similar_pairs(loaded.dataset.images, 0.97)
    twice = {loaded.paths[i] for pair in pairs if source[pair[0]] != source[pair[1]] for i in pair}
    noted = {file.path for file in loaded.noted()}
    assert set(made.planted) <= twice | noted
    for name in ("half sent.jpg", "list.jpg"):
        assert not [file for file in loaded.files if file.path.endswith(name)][0].used
    for path, mask in made.masks.items():
        assert mask.shape == (32, 32) and 0.05 < mask.mean() < 0.6, path
        assert path in loaded.paths
    assert made.strangers.shape == (30, 32, 32, 3)
    with pytest.raises(ValueError, match="is not empty: give a new folder"):
        demo.write_demonstration_folder(tmp_path / "pictures", np.random.default_rng(seed))


def test_a_header_is_a_png_with_that_size():
    content = demo._png_header(7, 9)
    assert struct.unpack(">II", content[16:24]) == (7, 9)
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (7, 9)
