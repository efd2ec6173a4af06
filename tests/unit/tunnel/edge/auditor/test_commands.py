import json
from types import SimpleNamespace

import pytest

from pgward.core.errors import UnacceptableError, UnavailableError
from pgward.tunnel.edge.auditor import commands, offering
from pgward.tunnel.edge.auditor.shelf import Entry, Shelf
from tests.fixtures.records import CHAIN, packed, record

NAMES = [f"{CHAIN}-{first:018}" for first in (1, 3)]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """What an edge's auditor keeps: two chunks that were refused."""
    monkeypatch.setattr(commands.Machine, "load", lambda _directory: SimpleNamespace())
    made, head = Shelf(tmp_path / "audit"), None
    for number, why in enumerate(("edge e1 does not serve 'books'", "it is damaged"), 1):
        chunk, head = packed([record(2 * number), record(2 * number + 1)], head)
        made.add(Entry(number, 1, {}, chunk.manifest), chunk.data)
        made.set_aside(number, "ca", why)
    return made


@pytest.fixture
def answers(monkeypatch):
    """What becomes of chunks that are offered, one after the other."""
    made = []

    def put(*_):
        if (problem := made.pop(0)) is not None:
            raise problem
        return 200, {}

    monkeypatch.setattr(offering, "put_chunk", put)
    return made


@pytest.mark.usefixtures("shelf")
def test_what_was_refused_is_shown(pgward, tmp_path):
    done = pgward("edge", "refused", tmp_path)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["CHUNK", "RECORDS", "FROM", "TO", "WHY"],
        [NAMES[0], "2", record(2)["time"], record(3)["time"], *_words("does not serve 'books'")],
        [NAMES[1], "2", record(4)["time"], record(5)["time"], "ca:", "it", "is", "damaged"],
    ]
    (row,) = json.loads(pgward("edge", "refused", tmp_path, NAMES[1], "-o", "json").stdout)
    assert (row["chunk"], row["refused_by"]) == (NAMES[1], {"ca": "it is damaged"})


def _words(rest):
    return f"ca: edge e1 {rest}".split()


def test_nothing_was_refused(pgward, shelf, tmp_path):
    for name in NAMES:
        shelf.refused.remove(name)
    for options in ((), ("--offer",)):
        done = pgward("edge", "refused", tmp_path, *options)
        assert (done.exit_code, done.stdout) == (0, "")
        assert "the CA has refused nothing of this edge's" in done.stderr


def test_a_damaged_file_is_shown(pgward, shelf, tmp_path):
    shelf.refused.path(NAMES[0]).write_bytes(b"torn")
    shelf.refused.path(NAMES[0], ".json").unlink()
    rows = json.loads(pgward("edge", "refused", tmp_path, "-o", "json").stdout)
    assert rows[0]["records"] is None
    assert "damaged" in rows[0]["why"]


def test_what_is_offered_and_taken_is_forgotten(pgward, shelf, answers, tmp_path):
    answers += [None, None]
    done = pgward("edge", "refused", tmp_path, "--offer", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"chunk": name, "taken": True, "why": None} for name in NAMES
    ]
    shelf.refused.look()
    assert shelf.refused.names == []


@pytest.mark.usefixtures("shelf")
def test_what_stays_refused_is_told(pgward, answers, tmp_path):
    answers += [None, UnacceptableError("it is damaged")]
    done = pgward("edge", "refused", tmp_path, "--offer")
    assert done.exit_code == 1
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1:] == [[NAMES[0], "yes", "-"], [NAMES[1], "no", "it", "is", "damaged"]]
    assert "1 chunk stays refused" in done.stderr


@pytest.mark.usefixtures("shelf")
def test_what_was_taken_before_the_ca_went_away_is_told(pgward, answers, tmp_path):
    answers += [None, UnavailableError("it is away")]
    done = pgward("edge", "refused", tmp_path, "--offer")
    assert done.exit_code == 1
    assert NAMES[0] in done.stdout
    assert "it is away" in done.stderr


@pytest.mark.usefixtures("shelf")
def test_several_that_stay(pgward, answers, tmp_path):
    answers += [UnacceptableError("no"), UnacceptableError("no")]
    assert "2 chunks stay refused" in pgward("edge", "refused", tmp_path, "--offer").stderr


@pytest.mark.usefixtures("shelf")
def test_a_chunk_that_is_none(pgward, tmp_path):
    done = pgward("edge", "refused", tmp_path, "nothing", "--offer")
    assert done.exit_code == 1
    assert "no chunk 'nothing' was refused" in done.stderr
    assert f"hint: pgward edge refused {tmp_path}" in done.stderr
