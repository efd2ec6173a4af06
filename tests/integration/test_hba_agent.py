"""``pgward hba agent`` beside a real server and a real CA: who must go, goes within seconds."""

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from cryptography import x509

from pgward.hba.agent.backends import REVOKED_WHY, Revoked, Sentence, Verdicts, judge
from pgward.hba.agent.sql import Sessions
from pgward.hba.install import apply
from pgward.hba.install.host import Host
from pgward.hba.install.material import read_crls
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import Cluster
from tests.fixtures.ca import Person, Site
from tests.fixtures.ca_process import pgward
from tests.fixtures.disks import fill_disk
from tests.fixtures.edge_process import eventually
from tests.fixtures.hba_agent import HbaAgent
from tests.fixtures.hba_host import (
    by_socket,
    connect,
    conninfo,
    cuts,
    lives,
    person,
    ready,
    version,
)
from tests.fixtures.material import Pair, SmallCa
from tests.fixtures.rotation import renew

pytestmark = pytest.mark.integration
SECONDS = 5.0  # that the product promises, from the revocation to the end of a session
FIRST_WITH_SERIAL = 12
KILLS, LONGEST_BEFORE_KILL = 8, 0.4


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


def revoke_user(site: Site, who: Person) -> None:
    site.admin.ok("ca", "revoke", "--user", who.name)


def end_and_measure(cluster: Cluster, act: Callable[[], object], *sessions) -> float:
    act()
    begin = time.monotonic()
    for each in sessions:
        eventually(lambda each=each: not lives(cluster, each), 4 * SECONDS, "a session goes on")
    return time.monotonic() - begin


def revoke_one_of_two(cluster: Cluster, site: Site, *, only_by_name: bool) -> int:
    """Revoke a certificate whose owner has another; return how many sessions that ended.

    Where the server tells no number, the other's may have begun with it.
    """
    who = person(cluster, site)
    leaf = x509.load_pem_x509_certificate((who.home / "identity/current/login.crt").read_bytes())
    with contextlib.closing(connect(cluster, who)) as first:
        renew(who)
        with contextlib.closing(connect(cluster, who)) as second:
            site.admin.ok("ca", "revoke", f"{leaf.serial_number:x}")
            eventually(lambda: not lives(cluster, first), SECONDS, "a session goes on")
            if not only_by_name:
                assert goes_on(second)
                return 1
            eventually(lambda: not lives(cluster, second), SECONDS, "a session goes on")
            return 2


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
        ended = revoke_one_of_two(cluster, site, only_by_name=by_name)
        took = end_and_measure(cluster, lambda: revoke_user(site, who), idle, inside, busy)
        assert slow.wait(10) != 0
        eventually(lambda: not streaming.pids(), SECONDS, "the walsender goes on")
        assert took < SECONDS
        assert goes_on(stays)
        assert goes_on(local)
        assert not goes_on(idle)
    agent.is_well()
    assert agent.status()["sessions_ended"] == 5 + ended
    assert agent.status()["ends_by"].startswith("person" if by_name else "serial number")
    assert ("tells no serial number" in agent.messages()) == by_name
    eventually(lambda: len(cuts(site, who)) == 5, what="not all of it is on record")
    assert {each["details"]["serial"] is None for each in cuts(site, who)} == {by_name}
    sys.stderr.write(f"PostgreSQL {version(cluster)}: {took:.2f} s\n")


@pytest.mark.parametrize("word", ["user", "Größe, Maß & " + "ü" * 18])
def test_a_list_alone_tells_whose_session_must_end(pg_each, tmp_path, monkeypatch, word):
    """However the server writes the issuer's name, and wherever it cuts it."""
    cluster = pg_each
    if version(cluster) < FIRST_WITH_SERIAL:
        pytest.skip("it tells no serial number")
    monkeypatch.setenv("PGWARD_PG_BIN", str(cluster.bin_dir))
    ca = SmallCa(users=Pair(word))
    data_dir = DataDir.open(cluster.data_dir)
    host = Host(data_dir, data_dir.path / "pgward")
    apply.apply(host, Plan(tls=host.tls_files), ca, names=(), now=datetime.now(UTC))
    cluster.psql("create role alice login; create role bob login")
    logins = {name: ca.person(tmp_path / name, name) for name in ("alice", "bob")}
    sessions = Sessions(data_dir, data_dir.running, "postgres")
    with contextlib.ExitStack() as stack:
        stack.callback(sessions.close)
        live = {
            name: stack.enter_context(
                contextlib.closing(psycopg.connect(login.conninfo(cluster.port, name)))
            )
            for name, login in logins.items()
        }
        ca.revoked.append(logins["alice"].leaf.serial_number)
        found = {each.person: each for each in sessions.every()}
        assert found["alice"].serial == logins["alice"].leaf.serial_number
        lists = [Revoked.of(read_crls(ca.crls()))]
        judged = judge(found.values(), lists, Verdicts(), datetime.now(UTC))
        assert judged == [Sentence(found["alice"], REVOKED_WHY)]
        strangers = [Revoked({found["alice"].serial: [x509.Name([])]})]
        assert judge(found.values(), strangers, Verdicts(), datetime.now(UTC)) == []
        assert sessions.end(found["alice"])
        eventually(lambda: not lives(cluster, live["alice"]), SECONDS)
        assert not sessions.end(found["alice"])
        began_later = replace(found["bob"], started="2020-01-01 00:00:00+00")
        assert not sessions.end(began_later)
        assert goes_on(live["bob"])


def get(agent: HbaAgent, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(agent.health + path, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def hba(cluster: Cluster, *arguments: object) -> subprocess.CompletedProcess[str]:
    return pgward("hba", "agent", "--data-dir", cluster.data_dir, *arguments)


@pytest.mark.soak
def test_it_outlives_a_kill_the_server_and_the_ca(pg, own_site, agent_of):
    """One server and one agent through all of it, as starting them is what takes long."""
    site = own_site
    ready(pg, site)
    agent = agent_of(pg)
    assert get(agent, "/readyz")[0] == 200
    assert "pgward_hba_agent_connected 1" in get(agent, "/metrics")[1]
    told = hba(pg, "--status", "-o", "json")
    assert (told.returncode, json.loads(told.stdout)["ok"]) == (0, True), told.stderr
    second = hba(pg, "--once")
    assert second.returncode == 1
    assert "another agent serves" in second.stderr

    first = person(pg, site)
    with contextlib.closing(connect(pg, first)) as session:
        agent.kill()
        site.api.post(f"/v1/users/{first.name}/block", {"reason": "test"})
        agent.restart()
        eventually(lambda: not lives(pg, session), 4 * SECONDS, "a session goes on")
    agent.is_well()

    pg.stop()
    eventually(lambda: get(agent, "/readyz")[0] == 503, what="a stopped server is well")
    assert get(agent, "/healthz")[0] == 200
    pg.start()
    agent.is_well()

    other = person(pg, site)
    with contextlib.closing(connect(pg, other)) as session:
        site.ca.stop()
        eventually(lambda: not agent.status()["connected"], what="the CA is still there")
        assert goes_on(session)
        site.restart()
        other.ok("logout")
        eventually(lambda: not lives(pg, session), 4 * SECONDS, "a session goes on")
    eventually(lambda: len(cuts(site, other)) == 1, what="it is not on record")
    assert len(cuts(site, first)) == 1
    assert agent.stop() == 0
    once = hba(pg, "--once", "-o", "json")
    assert (once.returncode, json.loads(once.stdout)["ok"]) == (0, True), once.stderr


@pytest.mark.soak
def test_killed_at_any_moment_it_loses_and_doubles_nothing(pg, site, agent_of):
    ready(pg, site)
    agent = agent_of(pg)
    for number in range(KILLS):
        who = person(pg, site)
        with contextlib.closing(connect(pg, who)) as session:
            site.api.post(f"/v1/users/{who.name}/block", {"reason": "test"})
            time.sleep(number * LONGEST_BEFORE_KILL / KILLS)
            agent.kill()
            agent.restart()
            eventually(lambda session=session: not lives(pg, session), 4 * SECONDS, "it goes on")
        eventually(lambda who=who: len(cuts(site, who)) == 1, what=f"{cuts(site, who)}")
    agent.is_well()
    eventually(lambda: agent.status()["events_waiting_bytes"] == 0, what="events wait")


@pytest.mark.soak
def test_a_full_disk_does_not_save_a_session(pg, site, agent_of):
    """The list cannot be installed, nor the event kept; the session ends, and all comes later."""
    account = pg.data_dir.stat()
    state = pg.data_dir / "pgward"
    state.mkdir()
    options = f"size=512k,mode=700,uid={account.st_uid},gid={account.st_gid}"
    command = ["mount", "-t", "tmpfs", "-o", options, "pgward-test", str(state)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        ready(pg, site)
        agent = agent_of(pg)
        who, other = person(pg, site), person(pg, site)
        with (
            contextlib.closing(connect(pg, who)) as session,
            contextlib.closing(connect(pg, other)) as stays,
        ):
            fill_disk(state)
            began = time.monotonic()
            site.api.post(f"/v1/users/{who.name}/block", {"reason": "test"})
            eventually(lambda: not lives(pg, session), SECONDS, "a session goes on")
            assert time.monotonic() - began < SECONDS
            assert goes_on(stays)
        agent.says("no space left on device")
        agent.says("an audit event cannot be kept (No space left on device)")
        assert not agent.duty("material")["ok"]
        (state / "filler").unlink()
        agent.is_well(60)
        with pytest.raises(psycopg.OperationalError, match="revoked"):
            connect(pg, who)
        agent.close()
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)
