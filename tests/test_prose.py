import sys

import numpy as np
import pytest

from utils import prose


@pytest.mark.parametrize(
    "value, kept", [(np.float64(0.5), 0.5), (np.int64(3), 3), (0.25, 0.25), ("cat", "cat")]
)
def test_a_number_is_kept_as_plain_python_and_not_shown(value, kept, monkeypatch):
    calls = []
    monkeypatch.setattr("myst_nb.glue", lambda *a, **k: calls.append((a, k)))
    prose.glue("key", value)
    assert calls == [(("key", kept), {"display": False})]
    assert type(calls[0][0][1]) is type(kept)


def test_a_chapter_runs_where_there_is_no_page_to_print_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "myst_nb", None)
    assert prose.glue("key", 0.5) is None
