"""Measure what the course promises to be fast: data, chapters, build, pages.

    python scripts/bench.py

Prints one figure a line, and ratios of things that were measured side by side; a machine is noisy, a ratio less so.
"""

import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from execute import DURATIONS, ROOT, read_json
from skimage.feature import hog

from utils.data import SceneSettings, load, make_scenes
from utils.features import oriented_gradients
from utils.numpy_nn import Attention, Convolution
from utils.torch_models import Attention as TorchAttention
from utils.torch_models import VisionTransformer, build_cnn
from utils.torch_training import cross_entropy

REPEATS = 5


def fastest(action: Callable[[], object]) -> float:
    """Return the smallest processor time of five runs, in seconds: the one that was disturbed least."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def bench_scenes() -> None:
    plain = fastest(lambda: make_scenes(1000, np.random.default_rng(0)))
    three = fastest(lambda: make_scenes(1000, np.random.default_rng(0), 32, SceneSettings(max_objects=3)))
    large = fastest(lambda: make_scenes(250, np.random.default_rng(0), 64))
    print(f"scenes, 32 px            {1000 / plain:8.0f} images a second")
    print(f"scenes, up to 3 objects  {1000 / three:8.0f} images a second, {three / plain:.1f} times the work")
    print(
        f"scenes, 64 px            {250 / large:8.0f} images a second, {4 * large / plain:.1f} times the work"
    )


def bench_bundled() -> None:
    for name in ("digits", "photos"):
        print(f"load {name:20}{1000 * fastest(lambda name=name: load(name, 'train')):8.0f} ms")


def bench_features() -> None:
    images = load("scenes", "test", 200).images
    ours = fastest(lambda: oriented_gradients(images))
    settings = {"pixels_per_cell": (4, 4), "cells_per_block": (2, 2), "channel_axis": -1}
    theirs = fastest(lambda: [hog(image, **settings) for image in images])
    print(
        f"oriented gradients       {200 / ours:8.0f} images a second, {theirs / ours:.0f} times as many as scikit-image"
    )


def bench_networks() -> None:
    """Print what one step of training costs an image, all networks on the same thread and batch."""
    torch.set_num_threads(1)
    images, labels = torch.rand(64, 3, 32, 32), torch.arange(64) % 10
    networks = {
        "CNN": build_cnn(),
        "ViT, patches of 4": VisionTransformer(patch_size=4),
        "ViT, patches of 8": VisionTransformer(patch_size=8),
    }
    seconds = {
        name: fastest(lambda model=model: cross_entropy(model, images, labels).backward())
        for name, model in networks.items()
    }
    for name, value in seconds.items():
        ratio = value / seconds["CNN"]
        print(f"training step, {name:18}{1e6 * value / 64:7.0f} µs an image, {ratio:.2f} times the CNN's")


def bench_layers() -> None:
    """Print what layers in NumPy cost forwards and backwards, in units of PyTorch's on the same thread, in float32."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    layers = {
        "convolution": (
            Convolution(32, 64, 3, rng, padding=1),
            torch.nn.Conv2d(32, 64, 3, padding=1),
            rng.standard_normal((64, 32, 32, 32), np.float32),  # (B, H, W, C)
        ),
        "attention": (
            Attention(64, 4, rng),
            TorchAttention(64, 4),
            rng.standard_normal((16, 256, 64), np.float32),  # (B, N, D)
        ),
    }
    for name, (ours, theirs, x) in layers.items():
        dz = np.ones_like(ours.forward(x))
        theirs_x = torch.from_numpy(np.moveaxis(x, -1, 1).copy() if x.ndim == 4 else x).requires_grad_()
        theirs_dz = torch.ones_like(theirs(theirs_x))
        seconds = fastest(lambda ours=ours, x=x, dz=dz: (ours.forward(x), ours.backward(dz)))
        reference = fastest(lambda model=theirs, x=theirs_x, dz=theirs_dz: model(x).backward(dz))
        print(
            f"NumPy, {name:18}{1000 * seconds:8.0f} ms there and back, {seconds / reference:.2f} times PyTorch's"
        )


def bench_tokens() -> None:
    """Print how the time of attention grows with the number of tokens, for one picture and tokens of 64 numbers."""
    layer, counts = Attention(64, 4, np.random.default_rng(0)), 2 ** np.arange(4, 12)
    images = np.random.default_rng(0).standard_normal((1, counts[-1], 64), np.float32)
    seconds = []
    for count in counts:
        repeats = max(1, 2**12 // count)
        x = images[:, :count]
        action = lambda x=x, repeats=repeats: [layer.forward(x) for _ in range(repeats)]  # noqa: E731
        seconds.append(fastest(action) / repeats)
    slopes = np.diff(np.log(seconds)) / np.diff(np.log(counts))
    for count, value, slope in zip(counts[1:], seconds[1:], slopes, strict=True):
        print(f"attention, {count:5} tokens {1000 * value:10.2f} ms, slope {slope:.2f} since half as many")
    whole = np.polyfit(np.log(counts), np.log(seconds), 1)[0]
    print(f"attention, slope of all  {whole:8.2f}; multiply-adds are mostly quadratic above {2 * 64} tokens")


def bench_chapters() -> None:
    for chapter, seconds in sorted(read_json(DURATIONS).items()):
        print(f"execute {Path(chapter).name:17}{seconds:8.1f} s, the last time")


def bench_build() -> None:
    for _ in range(2):  # the first does what is left to do
        start = time.perf_counter()
        subprocess.run(["make", "book"], cwd=ROOT, check=True, capture_output=True)
    print(f"make book, nothing new   {time.perf_counter() - start:8.1f} s")


def bench_pages() -> None:
    site = ROOT / "_build" / "html"
    for page in sorted(site.rglob("*.html")):
        weight = len(gzip.compress(page.read_bytes()))
        print(f"page {str(page.relative_to(site)):37}{weight / 1000:8.1f} kB of HTML, compressed")


def bench_labs() -> None:
    """Print how soon the lab that classifies answers, and what a picture costs it, each the median of several."""
    from chromium import ARGUMENTS, find_chromium
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for family in ("scenes", "cifar10"):
            ready, milliseconds = [], {"cnn": [], "vit": []}
            for _ in range(REPEATS):
                page = browser.new_page()
                page.goto((ROOT / "_build" / "html" / "book" / "labs" / "classify.html").as_uri())
                times = page.evaluate(MEASURE_LAB, family)
                ready.append(times["ready"])
                for kind, values in milliseconds.items():
                    values.extend(times[kind])
                page.close()
            print(f"lab, {family:20}{np.median(ready):8.0f} ms from the click to the first answer")
            for kind, values in milliseconds.items():
                print(f"  {kind} in the browser     {np.median(values):8.1f} ms a picture")
        browser.close()


MEASURE_LAB = """async (family) => {
  const lab = document.querySelector(".lab[data-lab=classify]"), started = performance.now();
  lab.querySelector(".lab-open").click();
  while (lab.dataset.state !== "ready") await new Promise((next) => setTimeout(next, 5));
  const ready = performance.now() - started, changed = performance.now();
  if (family !== "scenes") await lab.result.chooseFamily(family);
  const times = {ready: family === "scenes" ? ready : performance.now() - changed, cnn: [], vit: []};
  for (let i = 0; i < 20; i++) {
    await lab.result.start(Array.from({length: 3072}, (_, k) => (k * (i + 7)) % 256));
    for (const kind of ["cnn", "vit"]) times[kind].push(lab.result.answers[kind].milliseconds);
  }
  return times;
}"""


def main() -> int:
    bench_scenes()
    bench_bundled()
    bench_features()
    bench_networks()
    bench_layers()
    bench_tokens()
    bench_build()
    bench_chapters()
    bench_pages()
    bench_labs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
