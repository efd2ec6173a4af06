"""``pgward hba agent`` beside a real server and a real CA: who must go, goes within seconds."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgward.system.postgres import Cluster
from tests.fixtures.ca import Person, Site
from tests.fixtures.ca_process import pgward
from tests.fixtures.edge_process import eventually
from tests.fixtures.hba_agent import HbaAgent
from tests.fixtures.material import Login

pytestmark = pytest.mark.integration
SECONDS = 5.0  # that the product promises, from the revocation to the end of a session
FIRST_WITH_SERIAL = 12


def version(cluster: Cluster) -> int:
    return int((cluster.data_dir / "PG_VERSION").read_text())


def ready(cluster: Cluster, site: Site) -> None:
    body = {"kind": "host", "name": site.unique("pg"), "dns": ["localhost"]}
    token = str(site.api.post("/v1/tokens", body)["token"])
    options = ("--dns", "localhost", "--replication-role", "all")
    done = pgward("hba", "apply", "--data-dir", cluster.data_dir, "--token-file", "-", *options,
                  stdin=token)  # fmt: skip
    assert done.returncode == 0, done.stderr


def person(cluster: Cluster, site: Site) -> Person:
    made = site.person()
    cluster.psql(f'create role "{made.name}" login replication')
    return made


def conninfo(cluster: Cluster, who: Person, **more: str) -> str:
    current = who.home / "identity" / "current"
    login = Login(None, *(current / name for name in ("login.crt", "login.key", "ca.crt")))
    return login.conninfo(cluster.port, who.name, **more)


def connect(cluster: Cluster, who: Person) -> psycopg.Connection:
    return psycopg.connect(conninfo(cluster, who), autocommit=True)


def by_socket(cluster: Cluster) -> str:
    return f"host={cluster.socket_dir} port={cluster.port} user=postgres dbname=postgres"


def goes_on(session: psycopg.Connection) -> bool:
    try:
        return session.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


class Streaming:
    """A walsender that streams to a client which only listens."""

    def __init__(self, cluster: Cluster, who: Person) -> None:
        self.cluster = cluster
        command = ["psql", "-XAtqw", conninfo(cluster, who, replication="true")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self.pids, what="there is no walsender")

    def pids(self) -> str:
        query = "select pid from pg_stat_activity where backend_type = 'walsender'"
        return self.cluster.psql(query).strip()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def lives(cluster: Cluster, session: psycopg.Connection) -> bool:
    query = f"select count(*) from pg_stat_activity where pid = {session.info.backend_pid}"
    return cluster.psql(query).strip() == "1"


@pytest.fixture
def agent_of(tmp_path) -> Iterator[Callable[..., HbaAgent]]:
    with contextlib.ExitStack() as stack:

        def start(cluster: Cluster, *arguments: str, **options) -> HbaAgent:
            made = HbaAgent(cluster, tmp_path / "agent.log", *arguments, **options)
            stack.callback(made.close)
            made.is_well()
            return made

        yield start


def revoke_user(site: Site, who: Person) -> None:
    site.admin.ok("ca", "revoke", "--user", who.name)


def end_and_measure(cluster: Cluster, act: Callable[[], object], *sessions) -> float:
    act()
    begin = time.monotonic()
    for each in sessions:
        eventually(lambda each=each: not lives(cluster, each), 4 * SECONDS, "a session goes on")
    return time.monotonic() - begin


def test_from_a_revocation_to_the_end_of_each_kind_of_session(pg_each, site, agent_of, monkeypatch):
    cluster = pg_each
    monkeypatch.setenv("PGWARD_PG_BIN", str(cluster.bin_dir))
    ready(cluster, site)
    who, other = person(cluster, site), person(cluster, site)
    agent = agent_of(cluster)
    with contextlib.ExitStack() as stack:
        idle, inside, busy, stays = (
            stack.enter_context(contextlib.closing(connect(cluster, each)))
            for each in (who, who, who, other)
        )
        inside.execute("begin")
        inside.execute("select 1")
        slow = subprocess.Popen(
            ["psql", "-XAtqw", conninfo(cluster, who), "-c", "select pg_sleep(100)"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(slow.wait, 10)
        stack.callback(slow.kill)
        streaming = Streaming(cluster, who)
        stack.callback(streaming.close)
        local = stack.enter_context(
            contextlib.closing(psycopg.connect(by_socket(cluster), autocommit=True))
        )
        by_name = version(cluster) < FIRST_WITH_SERIAL
        took = end_and_measure(cluster, lambda: revoke_user(site, who), idle, inside, busy)
        assert slow.wait(10) != 0
        eventually(lambda: not streaming.pids(), SECONDS, "the walsender goes on")
        assert took < SECONDS
        assert goes_on(stays)
        assert goes_on(local)
        assert not goes_on(idle)
    agent.is_well()
    assert agent.status()["sessions_ended"] == 5
    eventually(lambda: len(cuts(site, who)) == 5, what="not all of it is on record")
    assert {each["details"]["serial"] is None for each in cuts(site, who)} == {by_name}
    sys.stderr.write(f"PostgreSQL {version(cluster)}: {took:.2f} s\n")


def cuts(site: Site, who: Person) -> list[dict]:
    events: list[dict] = []
    after = 0
    while page := site.api.get(f"/v1/audit?after={after}&limit=1000")["events"]:
        events += page
        after = page[-1]["seq"]
    return [e for e in events if (e["actor"], e["action"]) == (who.name, "session.cut")]
