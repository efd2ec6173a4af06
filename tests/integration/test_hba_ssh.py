"""A server set up by SSH: pgward is here, and there only a shell."""

import contextlib
import itertools
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.core.errors import PgwardError
from pgward.hba.install import apply as work
from pgward.hba.install import rollback as going_back
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.roles.sync import sync
from pgward.hba.roles.wanted import Own, Person, Wanted
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.ssh.access import SshAccess
from pgward.hba.server.ssh.connection import Connection
from pgward.hba.server.ssh.scripts import Command
from pgward.hba.server.ssh.target import Target
from pgward.system.postgres import Cluster
from tests.fixtures.material import Login, SmallCa, psql
from tests.fixtures.slow_links import slow_link
from tests.fixtures.sshd import Sshd
from tests.integration.test_hba_commands import alice, configuration, gets_in, token  # noqa: F401 - a fixture

pytestmark = pytest.mark.integration


def hba(command: str, cluster: Cluster, *arguments: object, stdin: str = ""):
    words = ["hba", command, "--data-dir", cluster.data_dir, *arguments]
    return CliRunner().invoke(cli, list(map(str, words)), input=stdin)


@pytest.mark.soak
def test_from_the_token_to_the_login(pg, site, alice, sshd) -> None:  # noqa: F811 - the fixture
    copies = set(Path("/dev/shm").glob("pgward-host-*"))
    words = ("--token-file", "-", "--dns", "localhost", *sshd.options)
    done = hba("apply", pg, *words, stdin=f"{token(site)}\n")
    assert done.exit_code == 0, done.stderr
    assert "the running server took it" in done.stderr
    assert gets_in(pg, alice)
    assert not gets_in(pg, alice, sslcert="", sslkey="")
    owners = {path.lstat().st_uid for path in (pg.data_dir / "pgward").rglob("*")}
    assert owners == {pg.data_dir.stat().st_uid}
    assert set(Path("/dev/shm").glob("pgward-host-*")) <= copies


@pytest.mark.soak
def test_here_and_there_in_turn(pg, site, alice, sshd) -> None:  # noqa: F811 - the fixture
    before = configuration(pg)
    dry = hba("apply", pg, "--dry-run", *sshd.options)
    assert "+hostssl    all  all  all  cert map=pgward" in dry.stdout
    done = hba("apply", pg, "--token-file", "-", *sshd.options, stdin=f"{token(site)}\n")
    assert done.exit_code == 0, done.stderr
    for options in (sshd.options, ()):
        refreshed = hba("refresh", pg, *options)
        assert refreshed.exit_code == 0, refreshed.stderr
        assert gets_in(pg, alice)
    gone = hba("rollback", pg, *sshd.options)
    assert gone.exit_code == 0, gone.stderr
    assert configuration(pg) == before


def both(sshd: Sshd, cluster: Cluster, command: str, *words: object) -> list[tuple[int, str]]:
    """Return status and output of a command here, and by SSH."""
    done = [hba(command, cluster, *words, *more) for more in ((), sshd.options)]
    return [(each.exit_code, each.output) for each in done]


def test_files_are_looked_at_as_they_are_here(pg_files, small_ca, sshd) -> None:
    data, made = pg_files.data_dir, small_ca.current()
    for name, content in {
        "ca.crt": made.user_ca,
        "server.crt": made.certificate,
        "server.key": made.key,
        "ssl.conf": b"ssl = on\nssl_ca_file = 'ca.crt'\nssl_crl_file = 'none.crl'\n",
        "pg_hba.conf": b"host all all samehost trust\nhostssl all all samenet cert map=m\n",
        "pg_ident.conf": b"m /^(.*)@x$ \\1\n",
    }.items():
        (data / name).write_bytes(content)
        os.chown(data / name, data.stat().st_uid, data.stat().st_gid)
    (data / "ca.crt").chmod(0o666)
    with (data / "postgresql.conf").open("a") as file:
        file.write("include_if_exists 'ssl.conf'\ninclude_if_exists 'none.conf'\n")
    asked = ("--user", "ann", "--address", "127.0.0.1", "--tls")
    for command, words, said in (
        ("check", ("--format", "text"), "ca.crt"),
        ("check", ("--diff",), "findings have a fix"),
        ("explain", asked, "samehost"),
        ("ways", (), "pg_hba.conf:2"),
    ):
        here, there = both(sshd, pg_files, command, *words)
        assert here == there, command
        assert said in there[1], command
    fixed = hba("check", pg_files, "--fix", *sshd.options)
    assert (fixed.exit_code, "--fix changes files of this machine only" in fixed.stderr) == (
        2,
        True,
    )


@pytest.mark.soak
def test_a_machine_that_is_far_away(pg, small_ca, sshd, tmp_path, monkeypatch) -> None:
    journeys = []
    wait = Connection.wait
    monkeypatch.setattr(Connection, "wait", lambda *args: journeys.append(1) or wait(*args))
    with slow_link(sshd.port, 0.05) as port:
        known = (sshd.directory / "host_key.pub").read_text()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {known}")
        target = Target.parse(f"root@127.0.0.1:{port}")
        for fields in (OLD, NEW):
            with Connection(target, key=sshd.key, known_hosts=tmp_path / "known") as connection:
                assert by_ssh(connection, pg, small_ca, fields).took is True
            assert len(journeys) < 80
            journeys.clear()


@pytest.mark.soak
def test_people_come_and_go(pg, small_ca, sshd, tmp_path) -> None:
    ann = small_ca.person(tmp_path / "ann", "ann")
    own = Person("ann", own=Own("ann"))
    with sshd.connection() as connection:
        found = DataDir.open(pg.data_dir, None, SshAccess(connection))
        host = Host(found, found.path / "pgward")
        now = datetime.now(UTC)
        plan = Plan(tls=host.tls_files, map_from_ca=True)
        work.apply(host, plan, small_ca, names=("localhost",), now=now)
        for people, gets in (((own,), True), ((), False)):
            wanted = Wanted(maps=("m",), people=people)
            outcome = sync(
                host, lambda wanted=wanted: wanted, map_name="pgward", now=now, force=True
            )
            assert (outcome.held, outcome.changed) == (None, True)
            done = psql(ann.conninfo(pg.port, "ann"))
            assert (done.stdout == "ann\n") is gets, done.stderr


class Cut:
    """Loses the connection when a command is about to be done there, the n-th of all.

    That one is done after that, and those that were sent with it (``late``), or none is.
    """

    def __init__(self, sshd: Sshd, directory: Path, number: int, *, late: bool) -> None:
        self.count = 0
        self._number, self._late, self._sshd = number, late, sshd
        self._begun, self._on = (directory / name for name in ("begun", "on"))
        for path in (self._begun, self._on):
            path.unlink(missing_ok=True)
            os.mkfifo(path)
            path.chmod(0o666)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._cut)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.count <= self._number:  # it never came to that
            self._begun.write_text("none")
        self._thread.join(30)

    def line(self, command: Command, word: str, **how: bool) -> bytes:
        line = REAL_LINE(command, word, **how)
        self.count += 1
        if self.count - 1 != self._number:
            return line
        wait = f"echo > {self._begun}; read x < {self._on}; [ $x = late ] || kill -9 $$; "
        parts = line.split(b" ", 3)
        return b" ".join([*parts[:3], wait.encode() + parts[3]])

    def _cut(self) -> None:
        if self._begun.read_text() != "none":
            assert self._sshd.cut() >= 1
            self._on.write_text("late\n" if self._late else "never\n")


REAL_LINE = Command.line
OLD = {"roles": ("all",)}
NEW = {"roles": ("all",), "map_name": "other"}


def by_ssh(connection: Connection, cluster: Cluster, ca: SmallCa, fields: dict) -> work.Outcome:
    found = DataDir.open(cluster.data_dir, None, SshAccess(connection))
    host = Host(found, found.path / "pgward")
    plan = Plan(tls=host.tls_files, **fields)
    return work.apply(host, plan, ca, names=("localhost",), now=datetime.now(UTC))


def here(cluster: Cluster) -> Host:
    found = DataDir.open(cluster.data_dir)
    return Host(found, found.path / "pgward")


def assert_works(cluster: Cluster, login: Login, moment: str) -> None:
    assert cluster.psql("select 1") == "1", moment
    done = psql(login.conninfo(cluster.port, "alice"))
    assert done.stdout == "alice\n", f"{moment}: {done.stderr}"


@pytest.mark.soak
@pytest.mark.parametrize("late", [True, False])
def test_a_connection_that_is_lost(pg, small_ca, sshd, tmp_path, monkeypatch, late) -> None:  # noqa: PLR0917 - fixtures
    pg.psql("create role alice login")
    login = small_ca.person(tmp_path / "alice", "alice")
    with sshd.connection() as connection:
        assert by_ssh(connection, pg, small_ca, OLD).took is True
    old = configuration(pg)
    for number in itertools.count():
        small_ca.renew()
        moment = f"the connection is lost at command {number}"
        with (
            Cut(sshd, pg.directory, number, late=late) as cut,
            monkeypatch.context() as patched,
            contextlib.suppress(PgwardError),
        ):
            patched.setattr(Command, "line", lambda *args, cut=cut, **how: cut.line(*args, **how))
            with sshd.connection() as connection:
                by_ssh(connection, pg, small_ca, NEW)
        if cut.count <= number:
            break
        assert_works(pg, login, moment)
        pg.reload()
        assert_works(pg, login, f"{moment}, reloaded")
        assert work.refresh(here(pg), small_ca, now=datetime.now(UTC)).took is True
        if configuration(pg) != old:
            assert b"map=other" in configuration(pg)["pg_hba.conf"], moment
            going_back.rollback(here(pg), None, now=datetime.now(UTC))
        assert configuration(pg) == old, moment
        assert_works(pg, login, f"{moment}, mended")
    assert number > 40
    assert b"map=other" in configuration(pg)["pg_hba.conf"]
    assert_works(pg, login, "in the end")
