"""The lab on convolution: a few scenes to convolve."""

from utils import labs


def make() -> dict[str, str]:
    """Return the script of the lab."""
    return {"data-convolution.js": labs.script("convolution", {})}
