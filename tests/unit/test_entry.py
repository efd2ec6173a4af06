import sys

import pytest

from pgward import cli, entry
from pgward.tunnel.agent import quick


@pytest.fixture
def begun(monkeypatch):
    """Run `pgward …`; return what was begun."""
    calls = []
    monkeypatch.setattr(quick, "psql", lambda *words: calls.append(words))
    monkeypatch.setattr(cli, "main", lambda: calls.append("whole"))
    monkeypatch.setattr(entry.gc, "set_threshold", lambda *_: None)  # of this process

    def begun(*words):
        calls.clear()
        monkeypatch.setattr(sys, "argv", ["pgward", *words])
        entry.main()
        return list(calls)

    return begun


def test_psql_tries_the_short_way_first(begun):
    assert begun("psql", "orders", "-c", "select 1") == [
        ("orders", ["-c", "select 1"]),
        "whole",  # no agent runs
    ]


@pytest.mark.parametrize("words", [(), ("psql",), ("psql", "--help"), ("status", "psql", "x")])
def test_all_else_goes_the_whole_way(begun, words):
    assert begun(*words) == ["whole"]
