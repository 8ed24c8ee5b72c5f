"""Draw the picture of the landing page: a boat of 24 × 24 pixels on its way to an answer, as two SVG files.

Run ``python scripts/draw_landing.py`` after a change. Everything but the bars of the answer is computed from
the pixels: the edges by Sobel's two kernels, the lines from one patch to those that are most like it.
"""

from pathlib import Path

import numpy as np

SIDE = 24  # pixels
PATCH = 6  # pixels; so 4 × 4 patches
PANEL = 192  # units of the drawing, 8 for a pixel
GAP = 8  # between patches
FOLDER = Path(__file__).parents[1] / "book" / "_static" / "drawings"
KERNEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # Sobel: finds edges that stand; transposed, that lie

COLOURS = {
    "sky": ("#5fb3dd", "#7cc3e3", "#a3d3dc", "#d6dcc4", "#f6d5a2"),
    "sun": "#ffd45e",
    "sea": ("#2b78ab", "#256a9d", "#205d8f", "#1b507f", "#16436f"),
    "glint": "#f6c77d",
    "hull": "#8c2f39",
    "rail": "#e9d8c0",
    "mast": "#4a3328",
    "main": "#fffaf0",
    "jib": "#e4572e",
}
STYLE = """
svg[data-drawing] {
  --d-ink: #1c2333; --d-soft: #566076; --d-accent: #3949ab; --d-panel: #eef0fa; --d-warm: #d97706;
}
@media (prefers-color-scheme: dark) {
  svg[data-drawing] {
    --d-ink: #e8eaf2; --d-soft: #aab2c5; --d-accent: #a5b4fc; --d-panel: #1f2536; --d-warm: #fbbf24;
  }
}
svg[data-drawing] text { font-family: system-ui, "Segoe UI", Roboto, sans-serif; fill: var(--d-ink); }
svg[data-drawing] .name { font-size: 22px; font-weight: 650; text-anchor: middle; }
svg[data-drawing] .says { font-size: 16px; text-anchor: middle; fill: var(--d-soft); }
"""


def picture() -> list[list[str]]:
    """Return the boat as rows of colours."""
    rows = [[_background(y, x) for x in range(SIDE)] for y in range(SIDE)]
    for y in range(3, 16):  # sails: left and right of the mast, wider towards the hull
        for x in range(13 - (y - 2) * 7 // 13, 12):
            rows[y][x] = COLOURS["main"]
        for x in range(14, 14 + max(0, (y - 4) * 6 // 11)):
            rows[y][x] = COLOURS["jib"]
    for y in range(2, 18):
        rows[y][12] = COLOURS["mast"]
    for y, (left, right) in enumerate([(4, 20), (5, 19), (6, 18)], start=17):
        for x in range(left, right):
            rows[y][x] = COLOURS["rail"] if y == 17 else COLOURS["hull"]
    return rows


def _background(y: int, x: int) -> str:
    if (y - 6) ** 2 + (x - 20) ** 2 <= 7:
        return COLOURS["sun"]
    if y < 15:
        return COLOURS["sky"][y // 3]
    if (y, x) in {(15, 20), (15, 21), (16, 21), (17, 21), (18, 20), (20, 21), (21, 19), (21, 20), (22, 22)}:
        return COLOURS["glint"]
    return COLOURS["sea"][(y - 15) // 2]


def brightness(rows: list[list[str]]) -> np.ndarray:
    """Return the brightness of each pixel, shape (H, W), in 0–1."""
    return pixels(rows) @ np.array([0.299, 0.587, 0.114])


def pixels(rows: list[list[str]]) -> np.ndarray:
    """Return the colours as numbers, shape (H, W, 3), in 0–1."""
    return np.array([[[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in row] for row in rows]) / 255


def edges(grey: np.ndarray) -> np.ndarray:
    """Return the strength of the edge wherever the kernels fit, shape (H - 2, W - 2), the largest 1."""
    windows = np.lib.stride_tricks.sliding_window_view(grey, KERNEL.shape)
    answer = np.hypot((windows * KERNEL).sum(axis=(2, 3)), (windows * KERNEL.T).sum(axis=(2, 3)))
    return answer / answer.max()


def similarity(image: np.ndarray) -> np.ndarray:
    """Return the cosine between the standardised colours of every two patches, shape (N, N)."""
    n = SIDE // PATCH
    image = (image - image.mean(axis=(0, 1))) / image.std(axis=(0, 1))
    tokens = image.reshape(n, PATCH, n, PATCH, 3).swapaxes(1, 2).reshape(n * n, -1)
    tokens /= np.linalg.norm(tokens, axis=1, keepdims=True)
    return tokens @ tokens.T


def paths(colours: list[list[str]], size: float, x0: float = 0, y0: float = 0) -> str:
    """Return a grid of coloured squares as one path for each colour; runs of one colour are one rectangle."""
    runs: dict[str, str] = {}
    for y, row in enumerate(colours):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end] == row[x]:
                end += 1
            width = (end - x) * size
            move = f"M{x0 + x * size:g} {y0 + y * size:g}h{width:g}v{size:g}h-{width:g}z"
            runs[row[x]] = runs.get(row[x], "") + move
            x = end
    return "".join(f'<path fill="{c}" d="{d}" shape-rendering="crispEdges"/>' for c, d in runs.items() if c)


def panel_pixels(rows: list[list[str]]) -> str:
    """Return the picture with a thin grid, so that its pixels are seen as squares."""
    step = PANEL / SIDE
    lines = "".join(f"M{i * step:g} 0v{PANEL}M0 {i * step:g}h{PANEL}" for i in range(1, SIDE))
    return paths(rows, step) + f'<path d="{lines}" stroke="#000" stroke-opacity=".12" stroke-width=".7"/>'


def panel_features(rows: list[list[str]]) -> str:
    """Return the feature map, drawn in five steps of the accent colour, and the kernel that made it."""
    answer = edges(brightness(rows))
    step = PANEL / len(answer)
    parts = [f'<rect width="{PANEL}" height="{PANEL}" rx="6" style="fill:var(--d-panel)"/>']
    for level, opacity in enumerate((0.25, 0.45, 0.7, 1.0), start=1):
        mask = [["x" if min(int(a * 8), 4) == level else "" for a in row] for row in answer]
        parts.append(
            paths(mask, step).replace('fill="x"', f'style="fill:var(--d-accent)" opacity="{opacity}"')
        )
    return "".join(parts)


def panel_tokens(rows: list[list[str]]) -> str:
    """Return the patches apart from each other, and what one of them attends to."""
    n = SIDE // PATCH
    size = (PANEL - (n - 1) * GAP) / n
    parts, centres = [], []
    for i in range(n):
        for j in range(n):
            x, y = j * (size + GAP), i * (size + GAP)
            block = [row[j * PATCH : (j + 1) * PATCH] for row in rows[i * PATCH : (i + 1) * PATCH]]
            parts.append(paths(block, size / PATCH, x, y))
            centres.append((x + size / 2, y + size / 2))
    query = 10  # the patch in which the two sails meet
    alike = similarity(pixels(rows))[query]
    x, y = centres[query]
    for k in np.argsort(alike)[:-1]:
        if alike[k] > 0.2:
            u, v = centres[k]
            bend = f"{(x + u) / 2 + (v - y) / 4:g} {(y + v) / 2 - (u - x) / 4:g}"
            curve, width = f"M{x:g} {y:g}Q{bend} {u:g} {v:g}", 12 * alike[k]
            parts.append(f'<path d="{curve}" fill="none" stroke="#fff" stroke-width="{width + 4:.1f}"/>')
            parts.append(f'<path d="{curve}" fill="none" stroke="#3949ab" stroke-width="{width:.1f}"/>')
            parts.append(
                f'<circle cx="{u:g}" cy="{v:g}" r="6" fill="#3949ab" stroke="#fff" stroke-width="2"/>'
            )
    parts.append(
        f'<rect x="{x - size / 2:g}" y="{y - size / 2:g}" width="{size:g}" height="{size:g}" rx="2" '
        'fill="none" stroke="#fff" stroke-width="4"/>'
        f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="#fff" stroke="#3949ab" stroke-width="3"/>'
    )
    return "".join(parts)


def panel_answer(answers: tuple[str, ...]) -> str:
    """Return the answer as a large word, and bars for what it was chosen from."""
    parts = [f'<rect width="{PANEL}" height="{PANEL}" rx="6" style="fill:var(--d-panel)"/>']
    parts.append(
        f'<text x="96" y="62" style="font-size:44px;font-weight:700;text-anchor:middle">{answers[0]}</text>'
    )
    for i, (name, width) in enumerate(zip(answers, (104, 22, 12, 6), strict=True)):
        y = 92 + 23 * i
        colour = "--d-warm" if i == 0 else "--d-soft"
        parts.append(f'<text x="62" y="{y + 12}" style="font-size:15px;text-anchor:end">{name}</text>')
        parts.append(f'<rect x="72" y="{y}" width="{width}" height="14" rx="3" style="fill:var({colour})"/>')
    return "".join(parts)


def arrow(x: float, y: float, turn: int = 0) -> str:
    """Return an arrow of 36 units that starts at a point, turned by an angle in degrees."""
    return (
        f'<path transform="translate({x:g} {y:g}) rotate({turn})" d="M0 0h30m-9-9l9 9l-9 9" fill="none" '
        'style="stroke:var(--d-accent)" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def drawing(places: list[tuple[float, float]], arrows: str, width: float, height: float) -> str:
    """Return the four panels at their places, each with its name, as an SVG."""
    rows = picture()
    panels = (
        panel_pixels(rows),
        panel_features(rows),
        panel_tokens(rows),
        panel_answer(("ship", "bird", "truck", "cat")),
    )
    words = (
        ("pixels", "24 × 24 × 3 numbers"),
        ("features", "where the edges are"),
        ("tokens", "patches, compared"),
        ("answer", "one word"),
    )
    body = ""
    for (x, y), panel, (name, says) in zip(places, panels, words, strict=True):
        body += (
            f'<g transform="translate({x:g} {y:g})">{panel}<text class="name" x="96" y="222">{name}</text>'
        )
        body += f'<text class="says" x="96" y="244">{says}</text></g>\n'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" data-drawing="" viewBox="0 0 {width:g} {height:g}">'
    return f"{head}<style>{STYLE}</style>\n{body}{arrows}</svg>\n"


def main() -> None:
    """Write the wide and the narrow drawing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    step = PANEL + 56
    wide = drawing(
        [(4 + i * step, 4) for i in range(4)],
        "".join(arrow(4 + PANEL + 13 + i * step, 100) for i in range(3)),
        4 * PANEL + 3 * 56 + 8,
        256,
    )
    down = 272
    narrow = drawing(
        [(4, 4), (4 + PANEL + 48, 4), (4, 4 + down), (4 + PANEL + 48, 4 + down)],
        arrow(4 + PANEL + 9, 100) + arrow(4 + PANEL + 9, 100 + down) + arrow(4 + PANEL + 35, 246, 135),
        2 * PANEL + 48 + 8,
        down + 256,
    )
    (FOLDER / "pixels_to_answer.svg").write_text(wide, "utf-8")
    (FOLDER / "pixels_to_answer.narrow.svg").write_text(narrow, "utf-8")


if __name__ == "__main__":
    main()
