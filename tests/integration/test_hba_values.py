"""What each version takes in postgresql.conf, and what becomes of a server that it is given to."""

import os
import select
import shlex
from pathlib import Path

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.check import parameters
from pgward.hba.decide.verdict import Verdict
from pgward.system.postgres import Cluster, execute
from tests.fixtures.hba_server import HbaServer
from tests.fixtures.hba_traps import REFUSED, Bench

pytestmark = pytest.mark.integration
SWITCHES = ("on", "OFF", "of", "o", "tr", "TRUE", "yess", "y", "n", "1", "0", "2", "", " on", "on ")
LEVELS = ("debug", "debug5", "debug6", "log", "PANIC", "warn", "info", "")
PROTOCOLS = ("TLSv1.2", "tlsv1.3", "TLSv9", "", "TLSv1", "any", "TLSv1.1 ", "SSLv3")
NUMBERS = ("0", "1", "-1", "abc", "7.4", ".6e1", "0x10", "012", "089", "1e2", " 7 ", "+7", "1_0")
NUMBERS += ("", "99999999999999999999", "1e99", "2147483647", "2147483648", "5s", "5 k", "0.5")
TIMES = ("1min", "90s", "500ms", "1500ms", "2500ms", "59999ms", "1h", "0.5min", "1 min", "1Min")
TIMES += ("5us", "us", "600000000us", "1d", "2e0min", "1 min x", "24d", "25d", "1kB", "-1s", "-0.6")
SIZES = ("10MB", "1B", "2097151", "2097152", "1TB", "2TB", "10mb", "10 MB", "1.5MB", "10000B")
BITS = ("0777", "777", "511", "512", "0o777", "0x1ff", "0778")
MORE = {
    "log_connections": (
        *("receipt", "receipt,authentication", "RECEIPT, all", "on,receipt", "all", "tru", '"all"'),
        *("receipt,", "none", "receipt,none", "all,off", " receipt ", "FALSE", "no", "yes", ","),
    ),
    "log_destination": (
        *("stderr,csvlog", "stderr, jsonlog", "", "syslog", '"stderr"', '"STDERR"', "STDERR"),
        *("stderr,", "foo", ",", '"std err"', "stderr csvlog", "jsonlog"),
    ),
    "log_error_verbosity": ("terse", "VERBOSE", "defaul"),
    "log_statement": ("none", "DDL", "mod", "al", "", "off"),
    "password_encryption": (
        *("md5", "MD5", "scram-sha-256", "on", "tru", "true", "yes", "y", "1", "0", "off", "no"),
        *("plain", ""),
    ),
    "port": ("5432", "65535", "65536", "5432.4", "0x1538", "012470"),
}


def values(name: str) -> tuple[str, ...]:
    """Return what may be taken for a setting, and what may not."""
    kind = parameters.kind(name)
    found = MORE.get(name, ())
    if isinstance(kind, parameters.Number):
        units = TIMES if kind.unit in {"s", "ms", "min"} else SIZES if kind.unit else ()
        return (*found, *NUMBERS, *units, *(BITS if kind.octal else ()))
    if name in {"ssl_min_protocol_version", "ssl_max_protocol_version"}:
        return PROTOCOLS
    if isinstance(kind, parameters.Since):
        return (*found, *SWITCHES, *SIZES)
    return found or (SWITCHES if isinstance(kind, parameters.Boolean) else LEVELS)


PAIRS = [(name, value) for name in sorted(parameters.KNOWN) for value in values(name)]


def taken(cluster: Cluster, pairs: list[tuple[str, str]]) -> list[bool | None]:
    """Ask the server's program for each, by a file of its own; None where it knows no such name."""
    lines = [f"cd {shlex.quote(str(cluster.data_dir))}"]
    for name, value in pairs:
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        setting = shlex.quote(f"{name} = '{quoted}'")
        program = f"{cluster.bin_dir}/postgres -C {name} -D . -c config_file=one.conf"
        lines.append(f"printf '%s\\n' {setting} > one.conf; {program} 2>&1; echo =$?=")
    script = cluster.data_dir / "script"
    script.write_text("\n".join(lines))
    script.chmod(0o644)
    done = execute(["sh", str(script)], account=cluster.account, directory=cluster.directory)
    found: list[bool | None] = []
    for part in done.stdout.split("=\n")[:-1]:
        said, _, code = part.rpartition("=")
        found.append(None if "unrecognized configuration" in said else code == "0")
    return found


def test_values_are_taken_as_each_version_takes_them(pg_each: Cluster) -> None:
    version = int((pg_each.data_dir / "PG_VERSION").read_text())
    ours = [parameters.refusal(name, value, version) is None for name, value in PAIRS]
    theirs = taken(pg_each, PAIRS)
    assert len(theirs) == len(PAIRS)
    known = sum(each is not None for each in theirs)
    assert known > 300
    wrong = [
        (*pair, "taken" if its else "refused")
        for pair, our, its in zip(PAIRS, ours, theirs, strict=True)
        if its is not None and our != its
    ]
    assert wrong == []


@pytest.fixture
def bench(pg_each: Cluster, tmp_path: Path) -> Bench:
    made = Bench(HbaServer(pg_each, tmp_path))
    made.reset()
    return made


def starts(cluster: Cluster) -> bool:
    """Stop a server, and tell whether it comes up with the files as they are."""
    cluster.stop()
    try:
        cluster.start()
    except PgwardError:
        return False
    return True


def test_half_of_a_change_is_taken_and_no_server_comes_up(bench: Bench) -> None:
    cluster = bench.server.cluster
    bench.settings("log_statement = foo\nlog_statement = ddl")
    bench.reload()
    assert bench.sql("show log_statement") == "ddl"
    assert "HBA007" not in bench.found()
    bench.settings("authentication_timeout = 77\nlog_statement = foo")
    bench.reload()
    assert bench.sql("show authentication_timeout") == "77s"
    assert "HBA007" in bench.found()
    assert not starts(cluster)
    bench.settings()
    assert starts(cluster)
    # An unknown name, HBA004, has nothing taken at all.
    bench.settings("authentication_timeout = 78\nno_such_setting = 1")
    bench.reload()
    assert bench.sql("show authentication_timeout") == "1min"


def test_no_tls_version_is_left(bench: Bench) -> None:
    if bench.version < 12:
        pytest.skip("PostgreSQL 11 has no such settings")
    bench.use("hostssl all all all trust")
    bench.settings("ssl_min_protocol_version = 'TLSv1.3'\nssl_max_protocol_version = 'TLSv1.2'")
    bench.reload()
    assert "HBA008" in bench.found()
    assert bench.login() == (REFUSED if bench.version == 12 else Verdict.IN)
    assert starts(bench.server.cluster) == (bench.version == 12)
    assert bench.version > 12 or bench.login() == REFUSED


@pytest.mark.parametrize("name", ["pg_hba.conf", "pg_ident.conf"])
def test_a_list_that_leads_to_itself_ends_the_server(bench: Bench, name: str) -> None:
    cluster = bench.server.cluster
    bench.put("roles", b"ann\n@more\n")
    bench.put("more", b"bob\n@roles\n")
    line = "host all @roles 10.0.0.0/8 reject" if name == "pg_hba.conf" else "m @roles ann"
    before = (bench.data / name).read_text()
    bench.put(name, f"{before}{line}\n".encode())
    found = bench.found()
    postmaster = os.pidfd_open(int((bench.data / "postmaster.pid").read_text().split()[0]))
    bench.reload()
    if bench.version < 16:
        assert "HBA009" in found
        assert select.select([postmaster], [], [], 60)[0]
        while cluster.running:
            pass  # 11 to 13 leave their pid file; each look is a whole program
        # A server comes up without a pg_ident.conf, but not with one that ends it.
        assert not starts(cluster)
    else:
        assert "HBA009" not in found
        assert found & {"HBA001", "HBA002"}
        assert bench.sql("select 1") == "1"
    os.close(postmaster)
