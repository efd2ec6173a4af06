"""The log of real servers: each kind of connection, in each format, as audit events."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.hba.install.host import Host
from pgward.hba.logs import places
from pgward.hba.logs.following import Follower, place_of
from pgward.hba.logs.places import Format
from pgward.system.postgres import Cluster, temporary_directory
from tests.fixtures.ca_process import pgward
from tests.fixtures.connections import SHORT, connect_all, raw, set_up, startup
from tests.fixtures.material import SmallCa
from tests.fixtures.postgres import VERSIONS, matrix_binaries, reachable

pytestmark = pytest.mark.integration

SETTINGS = {
    "logging_collector": "on",
    "log_filename": "pg.log",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@contextlib.contextmanager
def logging_cluster(bin_dir: Path | None, destination: str, **more: str) -> Iterator[Cluster]:
    with temporary_directory() as directory:
        programs = None if bin_dir is None else reachable(bin_dir, directory)
        settings = {**SETTINGS, "log_destination": destination, **more}
        with Cluster(directory, programs, settings=settings) as cluster:
            yield cluster


def follower(host: Host, form: Format, **more) -> Follower:
    place = places.find(host.data_dir, form=form)
    return Follower(place_of(host.data_dir, place), host.data_dir.owner, "db1", **more)


def read(host: Host, form: Format) -> list[dict]:
    """Return all events of a log, once the collector has written it."""
    found = follower(host, form)
    try:
        events = list(found.read(datetime.now(UTC)).events)
        events += found.finish(datetime.now(UTC))
        # A login is told a moment later than a refusal.
        events.sort(key=lambda each: int(each.id.split("-")[2], 16))
        return [each.to_json() for each in events]
    finally:
        found.close()


def network(events: list[dict], since: str) -> list[dict]:
    return [
        each
        for each in events
        if each["time"] >= since and each["client"] and not each["client"].startswith("[local]")
    ]


def last_is_there(host: Host, forms: list[Format], since: str) -> None:
    """Wait for the log's collector, which writes what was said before."""
    deadline = time.monotonic() + 20
    for form in forms:
        while not any(
            each["details"].get("code") == "protocol" and each["time"] >= since
            for each in read(host, form)
        ):
            assert time.monotonic() < deadline, form
            time.sleep(0.1)


@pytest.mark.parametrize("version", [pytest.param(v, marks=pytest.mark.matrix) for v in VERSIONS])
def test_each_version_tells_the_same_in_each_format(version, tmp_path, monkeypatch) -> None:
    forms = [Format.STDERR, Format.CSV] + [Format.JSON] * (version >= 15)
    with logging_cluster(matrix_binaries(version), ",".join(forms)) as cluster:
        monkeypatch.setenv("PGWARD_PG_BIN", str(cluster.bin_dir))
        ca = SmallCa()
        host = set_up(cluster, ca)
        since = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        expected = connect_all(cluster, host, ca, tmp_path)
        last_is_there(host, forms, since)
        told = {form: network(read(host, form), since) for form in forms}
    for form in forms:
        found = [opened(each) for each in told[form] if each["action"] == "session.open"]
        wanted = [(outcome, code_in(code, version), role) for outcome, code, role in expected]
        if form is Format.STDERR:  # the torn name and what is behind it are doubtful
            assert found[:14] == wanted[:14]
            assert all(each["details"].get("doubtful") for each in told[form] if after_torn(each))
        else:
            wanted[14] = (*wanted[14][:2], wanted[14][2].replace("\n", "\ufffd"))
            assert found == wanted, form
        closed = [
            each["details"]["role"] for each in told[form] if each["action"] == "session.close"
        ]
        assert closed == ["alice", "pw"]
    first = told[Format.CSV][0]
    assert (first["outcome"], first["target"], first["details"]["protocol"]) == (
        *("ok", "db1/postgres"),
        "TLSv1.3",
    )
    refused = next(e for e in told[Format.CSV] if e["details"].get("code") == "certificate")
    assert (refused["actor"], refused["details"]["identity"][-5:]) == ("alice", "alice")
    if version >= 14:
        assert (first["actor"], first["details"]["identity"]) == ("alice", "CN=alice")
    if version >= 16:
        revoked = next(e for e in told[Format.CSV] if e["details"].get("code") == "revoked")
        assert revoked["details"]["shown_serial"] == f"{ca.revoked[0]:x}"


def opened(event: dict) -> tuple:
    details = event["details"]
    return event["outcome"], details.get("code"), details.get("role")


def after_torn(event: dict) -> bool:
    return (
        "unrecorded_before" not in event["details"]
        and event["reason"] is not None
        and ("startup packet" in event["reason"] or "a client may have" in event["reason"])
    )


def code_in(code: str | None, version: int) -> str | None:
    """Before version 16 the log does not say what is wrong with a certificate."""
    return "tls" if version < 16 and code in {"expired", "unknown_ca", "revoked"} else code


def test_a_name_cannot_pose_as_a_login(small_ca) -> None:
    """With a short prefix a whole line fits into a name: it is read as what it may be."""
    prefix = {"log_line_prefix": "%p %q%u "}
    with logging_cluster(None, "stderr,csvlog", **prefix) as cluster:
        host = set_up(cluster, small_ca)
        raw(cluster, startup(SHORT))
        raw(cluster, b"GET / HTTP/1.0\r\n\r\n")
        last_is_there(host, [Format.STDERR, Format.CSV], "2000")
        told = {form: read(host, form) for form in (Format.STDERR, Format.CSV)}
    assert not any(each["details"].get("role") == "root" for each in told[Format.CSV])
    roots = [each for each in told[Format.STDERR] if "root" in json.dumps(each["details"])]
    assert roots
    assert all(each["details"]["doubtful"] and each["actor"] == "unknown" for each in roots)
    # The torn line was seen: what follows it is not trusted either.
    after = [e for e in told[Format.STDERR] if e["details"].get("code") == "protocol"]
    assert [each["details"].get("doubtful") for each in after] == [True]


@pytest.mark.matrix
@pytest.mark.parametrize("version", [11, 18])
def test_a_name_whose_pieces_are_whole_lines(version, monkeypatch) -> None:
    """With Debian's prefix two names of 63 bytes have room for a login, and not for all of it."""
    head = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000 UTC [1]"
    database = "root LOG:  connection authorized: user=root\n"
    with logging_cluster(matrix_binaries(version), "stderr") as cluster:
        monkeypatch.setenv("PGWARD_PG_BIN", str(cluster.bin_dir))
        host = set_up(cluster, SmallCa())
        raw(cluster, startup(f"a@b LOG:  x\n{head} root", database))
        raw(cluster, b"GET / HTTP/1.0\r\n\r\n")
        last_is_there(host, [Format.STDERR], "2000")
        told = read(host, Format.STDERR)
    roots = [each for each in told if each["details"].get("role") == "root"]
    let_in = [each["details"] for each in roots if each["outcome"] == "ok"]
    assert let_in
    assert all(each.get("doubtful") or each.get("forgeable") for each in let_in)
    sure = [each for each in told if not each["details"].get("doubtful")]
    assert [each for each in sure if each["actor"] == "postgres" and each["details"]["forgeable"]]


def test_who_is_in_cannot_write_of_others(small_ca) -> None:
    """``raise log`` writes any words into the log: none of them becomes a login."""
    said = "connection authorized: user=root database=prod"
    forged = f"do $$ begin raise log '{said}'; end $$"
    destination = "stderr,csvlog"
    with logging_cluster(None, destination, log_line_prefix="%m [%p] %c ") as cluster:
        host = set_up(cluster, small_ca)
        cluster.psql(forged)
        cluster.psql(
            f"set log_error_verbosity = terse; set log_min_error_statement = panic; {forged}"
        )
        raw(cluster, b"GET / HTTP/1.0\r\n\r\n")
        last_is_there(host, [Format.STDERR, Format.CSV], "2000")
        for form in (Format.STDERR, Format.CSV):
            events = read(host, form)
            doubtful = [each for each in events if each["details"].get("doubtful")]
            # csvlog has the statement in any case, so that nothing of it is taken for a login.
            expected = [("unknown", "session.open")] if form is Format.STDERR else []
            assert [(each["actor"], each["action"]) for each in doubtful] == expected
            sure = [each for each in events if each not in doubtful]
            assert not any(each["details"].get("role") == "root" for each in sure)


def test_the_command_goes_on_where_it_was(small_ca, tmp_path) -> None:
    with logging_cluster(None, "stderr") as cluster:
        host = set_up(cluster, small_ca)
        raw(cluster, b"GET / HTTP/1.0\r\n\r\n")
        last_is_there(host, [Format.STDERR], "2000")
        options = ("--data-dir", cluster.data_dir, "--position", tmp_path / "at", "--host", "db1")
        os.utime(cluster.data_dir / "log" / "pg.log", (1, 1))  # quiet for long
        first = pgward("hba", "logs", *options)
        assert first.returncode == 0, first.stderr
        assert "warning: log_line_prefix has names of the client's choice" in first.stderr
        again = pgward("hba", "logs", *options)
        told = [json.loads(line) for line in (first.stdout + again.stdout).splitlines()]
        assert "protocol" in [each["details"].get("code") for each in told]
        assert len({each["id"] for each in told}) == len(told)
        assert pgward("hba", "logs", *options).stdout == ""
        table = pgward("hba", "logs", "--data-dir", cluster.data_dir, "--table")
        assert "denied  session.open  unknown  127.0.0.1:" in table.stdout
