import os
import time

import pytest

from pgward.core.errors import InvalidInputError
from pgward.tunnel.edge.auditor import life_line
from pgward.tunnel.edge.auditor.life_line import LifeLine, end_line


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", 0) as end, os.fdopen(writer, "wb", 0) as other:
        yield LifeLine(end.fileno()), other


def test_the_settings_come_first(pipe):
    life, edge = pipe
    edge.write(b"set")
    edge.write(b"tings\n")
    assert life.first_line() == b"settings"
    assert (life.ends_at, life.over) == (None, False)


def test_an_auditor_that_nobody_started_says_so(pipe):
    life, edge = pipe
    edge.close()
    with pytest.raises(InvalidInputError, match="by `pgward edge serve` only"):
        life.first_line()


@pytest.mark.parametrize("together", [True, False])
def test_the_edge_says_how_long_the_end_may_take(pipe, together):
    life, edge = pipe
    edge.write(b"settings\n" + (end_line(30) if together else b""))
    life.first_line()
    if not together:
        edge.write(end_line(30)[:4])
        life.wait(10)
        assert life.ends_at is None
        edge.write(end_line(30)[4:])
        life.wait(10)
    assert life.in_order
    assert 29 < life.ends_at - time.monotonic() <= 30
    edge.close()
    life.wait(0)
    assert life.in_order


def test_an_edge_that_died_is_no_end_in_order(pipe, monkeypatch):
    monkeypatch.setattr(life_line, "ABRUPT_SECONDS", 0)
    life, edge = pipe
    edge.close()
    life.wait(10)
    assert (life.over, life.in_order) == (True, False)


def test_a_wait_ends_by_itself(pipe):
    life, _ = pipe
    life.wait(0.001)
    assert life.ends_at is None
