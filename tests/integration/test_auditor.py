"""The auditor as the process that an edge starts, killed while it works."""

import json
import random
import subprocess
import sys
from collections import Counter

import psutil
import pytest

from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import verify
from pgward.tunnel.edge.auditor import attendant
from pgward.tunnel.edge.auditor.attendant import Attendant
from pgward.tunnel.edge.auditor.settings import AuditorSettings
from tests.fixtures.taped import TAPE_KEY, Taped
from tests.fixtures.waiting import eventually

PATIENCE = 60


@pytest.fixture
def directory(archive_ca, tmp_path):
    return archive_ca.enroll(tmp_path / "edge")


@pytest.fixture
def attended(directory, tmp_path, monkeypatch):
    """An edge's attendant, with a file as a sink."""
    monkeypatch.setattr(attendant, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(attendant, "LONGEST_PAUSE", 0.001)
    made = Attendant(AuditorSettings(directory, (f"file://{tmp_path}/sink",), tape_key=TAPE_KEY))
    yield made
    made.end(PATIENCE)


def kill_the_auditor(attended: Attendant) -> None:
    """Kill -9 what runs now; nothing when it is just being started."""
    if (process := attended._process) is not None:
        process.kill()


WORKER = """
import pathlib, signal, sys
from pgward.tunnel.edge.auditor.attendant import Attendant
from pgward.tunnel.edge.auditor.settings import AuditorSettings
from tests.fixtures.taped import TAPE_KEY
Attendant(AuditorSettings(pathlib.Path(sys.argv[1]), tape_key=TAPE_KEY)).need()
signal.pause()
"""


def other_worker(directory):
    """Start a process that has an auditor."""
    return subprocess.Popen([sys.executable, "-c", WORKER, str(directory)])


def kill(worker):
    """End it as nothing that it could prepare for."""
    with worker:
        worker.kill()


@pytest.mark.parametrize("kills", [3, pytest.param(25, marks=pytest.mark.soak)])
def test_killed_at_random_moments_it_neither_loses_nor_doubles_a_record(
    archive_ca, directory, attended, tmp_path, kills
):
    tapes = [Taped(directory, segment_size=64 * 1024) for _ in range(2)]
    attended.need()
    for kill in range(kills):
        for tape in tapes:
            tape.session(queries=300)
        reached = random.randrange(kill * 600, kill * 600 + 600)
        eventually(lambda least=reached: len(archive_ca.archive.lines) >= least, PATIENCE)
        kill_the_auditor(attended)
    for tape in tapes:
        tape.close()
    attended.end(PATIENCE)
    archive = archive_ca.archive
    kinds = Counter(record["type"] for record in archive.records)
    sessions = 2 * kills
    assert kinds == {
        "SESSION_START": sessions,
        "QUERY": sessions * 300,
        "SESSION_END": sessions,
    }
    assert len(set(archive.ids)) == len(archive.ids)
    ((chain, head),) = archive.heads.items()
    assert verify(archive.lines, Head.origin(chain)) == head
    # A sink may get a line twice, but it gets each.
    assert set((tmp_path / "sink").read_bytes().splitlines()) == set(archive.lines)
    assert list((directory / "tape").iterdir()) == []


def test_it_ends_with_the_process_that_started_it(archive_ca, directory):
    tape = Taped(directory)
    tape.session(queries=10, ended=False)
    worker = other_worker(directory)
    eventually(lambda: psutil.Process(worker.pid).children(), PATIENCE)
    kill(worker)
    eventually(lambda: len(archive_ca.archive.lines) == 11, PATIENCE)
    tape.close()


def test_one_takes_over_from_that_of_a_worker_that_was_killed(archive_ca, directory, attended):
    tape = Taped(directory)
    tape.session(queries=10, ended=False)
    first = other_worker(directory)
    eventually(lambda: len(archive_ca.archive.lines) == 11, PATIENCE)
    attended.need()  # as a worker does that was started in place of the first
    tape.query(1, "select 'while both are there'")
    kill(first)
    for each in range(20):
        tape.query(1, f"select {each}")
    eventually(lambda: len(archive_ca.archive.lines) == 32, PATIENCE)
    tape.query(1, "select 'last'")
    tape.close()
    attended.end(PATIENCE)
    archive = archive_ca.archive
    assert len(archive.ids) == len(set(archive.ids)) == 34
    assert next(iter(archive.heads.values())).seq == 34


def processes_of(edge) -> list[psutil.Process]:
    return psutil.Process(edge.process.pid).children(recursive=True)


@pytest.mark.parametrize("arguments", [pytest.param((), marks=pytest.mark.soak), ("--workers", 2)])
def test_an_edge_brings_what_is_on_tape_to_its_ca_and_ends_with_its_auditor(stack, arguments):
    person = stack.person()
    edge = stack.new_edge(*arguments)
    service = stack.service(person, edges=(edge,), sslMode="disable")
    auditors = [p for p in processes_of(edge) if "pgward.tunnel.edge.auditor" in p.cmdline()]
    assert auditors == []  # nobody needs one
    assert edge.stop() == 0
    tape = Taped(edge.directory)
    tape.session(queries=20, service=service, user=person.name)
    tape.close()
    edge.restart()

    def found():
        text = stack.site.api.get_bytes("/v1/audit/records", service=service)
        records = [json.loads(line) for line in text.splitlines()]
        return Counter(each["type"] for each in records if "type" in each)

    expected = {"SESSION_START": 1, "QUERY": 20, "SESSION_END": 1}
    eventually(lambda: found() == expected, PATIENCE)
    eventually(lambda: not list((edge.directory / "tape").iterdir()), PATIENCE)
    left = processes_of(edge)
    (auditor,) = [p for p in left if "pgward.tunnel.edge.auditor" in p.cmdline()]
    assert auditor.nice() > 0
    assert edge.stop() == 0
    assert not any(each.is_running() for each in left)
