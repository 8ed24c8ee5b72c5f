"""A bar for what takes a while: progress goes through a callable, and here is one to hand over."""

from collections.abc import Callable


def download_bar() -> Callable[[int, int], None]:
    """Return a callable for `data.load(progress=…)` that shows the bytes received on a tqdm bar, from the first on.

    It takes (bytes received, bytes in all), with 0 in all where the mirror does not say. A new download, which counts
    from the beginning again, starts the bar anew.
    """
    from tqdm import tqdm

    bars: list[tqdm] = []

    def show(received: int, total: int) -> None:
        if not bars:
            bars.append(tqdm(desc="download", unit="B", unit_scale=True, unit_divisor=1000))
        bar = bars[0]
        if received < bar.n:
            bar.reset()
        bar.total = total or None
        bar.update(received - bar.n)
        if received == total:
            bars.pop().close()

    return show
