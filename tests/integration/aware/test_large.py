"""What is large passes an edge in pieces: its memory stays small, and nothing of a text is cut."""

import hashlib
import os
import subprocess

import psycopg
import pytest

from pgward.system.postgres import find_client
from tests.fixtures.memory import watched
from tests.fixtures.tunnel_process import client_environment, psql
from tests.fixtures.witness import records
from tests.integration.aware.test_completeness import (
    HOURS,
    deliver_all,
    slowly,
    straight,
    unique_name,
)

pytestmark = [pytest.mark.integration, pytest.mark.soak]

MIB = 1 << 20
STATEMENT = int(os.environ.get("PGWARD_TEST_STATEMENT_MIB", "200")) * MIB
COPIED = int(os.environ.get("PGWARD_TEST_COPY_MIB", "1024")) * MIB
MOST_GROWN = 64 * MIB
LINE = b"x" * 1023 + b"\n"


@pytest.fixture
def world(own_stack):
    """An edge, and where a client connects that may use a service behind it."""
    person = own_stack.person()
    service = own_stack.aware(person, name=unique_name())
    return own_stack, straight(person, own_stack.edge, service.name)


def exported(stack, directory) -> list[dict]:
    """Return all records."""
    deliver_all(stack.edge)
    slowly(stack.site.admin, "audit", "export", directory)
    assert slowly(stack.site.admin, "audit", "verify").returncode == 0
    return list(records(directory))


def test_a_statement_of_200_mb_is_on_record_to_its_last_byte(world, tmp_path):
    stack, where = world
    text = b"SELECT length('" + os.urandom(STATEMENT // 2).hex().encode() + b"')"
    with psycopg.connect(where, autocommit=True) as session, watched(stack.edge.process.pid) as own:
        assert session.execute(text).fetchone() == (STATEMENT // 2 * 2,)
    assert own.grown < MOST_GROWN
    found = exported(stack, tmp_path / "export")
    (query,) = [each for each in found if each["type"] == "QUERY"]
    digest = hashlib.sha256(text)
    assert (query["status"], query["text_bytes"]) == ("ok", len(text))
    assert query["text_sha256"] == digest.hexdigest()
    pieces = [each for each in found if each["type"] == "TEXT" and each["of"] == query["id"]]
    pieces.sort(key=lambda each: each["piece"])
    assert len(pieces) == query["pieces"]
    joined = hashlib.sha256()
    for each in pieces:
        joined.update(each["text"].encode())
    assert joined.digest() == digest.digest()


def test_copy_of_1_gb_both_ways(world, tmp_path):
    stack, where = world
    rows = COPIED // len(LINE)
    psql(where, "create table large (line text)")
    with watched(stack.edge.process.pid) as own:
        said = _psql_copy(where, rows)
        assert said == f"COPY {rows}\n"
        with (tmp_path / "out").open("wb") as out:
            done = subprocess.run(
                [find_client("psql"), "-Xq", "-d", where, "-c", r"\copy large to stdout"],
                env=client_environment(),
                stdout=out,
                check=True,
                timeout=HOURS,
            )
    assert done.returncode == 0
    assert (tmp_path / "out").stat().st_size == rows * len(LINE)
    assert own.grown < MOST_GROWN
    copies = [each for each in exported(stack, tmp_path / "export") if each["type"] == "COPY"]
    told = [(each["direction"], each["rows"], each["status"]) for each in copies]
    assert told == [("in", rows, "ok"), ("out", rows, "ok")]
    assert {each["bytes"] for each in copies} == {rows * len(LINE)}


def _psql_copy(where: str, rows: int) -> str:
    """Copy from standard input, as psql's ``\\copy``; return what it said."""
    arguments = [find_client("psql"), "-X", "-d", where, "-c", r"\copy large from stdin"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, env=client_environment(), stdin=pipe, stdout=pipe, text=False
    ) as process:
        assert process.stdin is not None
        for _ in range(rows // 1024):
            process.stdin.write(LINE * 1024)
        process.stdin.write(LINE * (rows % 1024))
        process.stdin.close()
        assert process.stdout is not None
        said = process.stdout.read().decode()
        assert process.wait(HOURS) == 0
    return said
