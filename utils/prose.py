"""Numbers of a run for the sentences about it: no result is typed."""

import numpy as np


def glue(name: str, value: object) -> None:
    """Keep a number or a word of this run under a name, so that the text of the page can print it.

    In the text, `` {glue:text}`topic.ipynb::name:.2f` `` prints it with two decimals.

    Parameters
    ----------
    name : str
    value : number, str, or NumPy scalar
        A NumPy scalar is kept as the number that it is: its text, `np.float64(0.5)`, could not be formatted.
    """
    try:
        from myst_nb import glue as keep
    except ModuleNotFoundError:  # as on Colab, where there is no page that could print it
        return
    keep(name, value.item() if isinstance(value, np.generic) else value, display=False)
