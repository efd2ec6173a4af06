"""A server set up by SSH: pgward is here, and there only a shell."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.core.errors import PgwardError
from pgward.hba.install import apply as work
from pgward.hba.install import rollback as going_back
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.ssh.access import SshAccess
from pgward.hba.server.ssh.connection import Connection
from pgward.system.postgres import Cluster
from tests.fixtures.material import Login, SmallCa, psql
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


class Cutting(Connection):
    """A connection that is lost at its n-th command."""

    def __init__(self, sshd, number: int) -> None:
        made = sshd.connection()
        super().__init__(made.target, key=sshd.key, known_hosts=sshd.known_hosts)
        self.sshd, self.left, self.count = sshd, number, 0

    def run(self, *arguments, **more):
        if self.left == self.count:
            self._loop.call_soon_threadsafe(self.sshd.cut)
        self.count += 1
        return super().run(*arguments, **more)


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
@pytest.mark.parametrize("stride", [pytest.param(1, id="each"), pytest.param(37, id="some")])
def test_a_connection_that_is_lost(pg, small_ca, sshd, tmp_path, stride) -> None:
    pg.psql("create role alice login")
    login = small_ca.person(tmp_path / "alice", "alice")
    with sshd.connection() as connection:
        assert by_ssh(connection, pg, small_ca, OLD).took is True
    old = configuration(pg)
    for number in itertools.count(stride // 2, stride):
        small_ca.renew()
        moment = f"the connection is lost at command {number}"
        with Cutting(sshd, number) as cutting:
            try:
                by_ssh(cutting, pg, small_ca, NEW)
                break
            except PgwardError:
                pass
        assert_works(pg, login, moment)
        pg.reload()
        assert_works(pg, login, f"{moment}, reloaded")
        assert work.refresh(here(pg), small_ca, now=datetime.now(UTC)).took is True
        if configuration(pg) != old:
            assert b"map=other" in configuration(pg)["pg_hba.conf"], moment
            going_back.rollback(here(pg), None, now=datetime.now(UTC))
        assert configuration(pg) == old, moment
        assert_works(pg, login, f"{moment}, mended")
    assert cutting.count > 40
    assert b"map=other" in configuration(pg)["pg_hba.conf"]
    assert_works(pg, login, "in the end")
