from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError
from pgward.hba.install import apply as work
from pgward.hba.install.apply import Outcome
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.local import LocalAccess
from pgward.hba.server.probe import Answer

RUNNING = Running(1, 5432, "/run", "127.0.0.1")


@pytest.fixture
def host(pg_files) -> Host:
    found = DataDir.open(pg_files.data_dir)
    return Host(found, found.path / "pgward")


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def plan(host) -> Plan:
    return Plan(tls=host.tls_files)


def contents(host: Host) -> dict[str, bytes]:
    data = host.data_dir
    paths = (data.config_file, data.hba_file, data.ident_file)
    return {path.name: path.read_bytes() for path in paths}


def test_the_second_time_nothing_changes(host, plan, small_ca, now) -> None:
    first = work.apply(host, plan, small_ca, names=("localhost",), now=now)
    after = contents(host)
    second = work.apply(host, plan, small_ca, names=("localhost",), now=now)
    assert (first.changed, second.changed) == (True, False)
    assert (first.running, first.took, first.recovered) == (False, None, False)
    assert contents(host) == after
    assert len(list(host.data_dir.path.glob("*.pgward-*"))) == 3


def test_another_plan_replaces_the_block_only(host, plan, small_ca, now) -> None:
    before = contents(host)
    work.apply(host, plan, small_ca, names=(), now=now)
    other = Plan(auth=Auth.SCRAM_AND_CERT, tls=host.tls_files)
    assert work.apply(host, other, small_ca, names=(), now=now).changed
    after = contents(host)
    assert after["pg_hba.conf"].endswith(before["pg_hba.conf"])
    assert after["pg_ident.conf"].endswith(before["pg_ident.conf"])
    assert after["postgresql.conf"].startswith(before["postgresql.conf"])
    assert b"clientcert=verify-full" in after["pg_hba.conf"]
    assert b"cert map" not in after["pg_hba.conf"]


def test_a_name_that_the_certificate_lacks_changes_nothing(host, plan, small_ca, now) -> None:
    before = contents(host)
    with pytest.raises(InvalidInputError, match=r"does not name db1\.test"):
        work.apply(host, plan, small_ca, names=("db1.test",), now=now)
    assert contents(host) == before
    assert host.generations.current() is None


def test_expired_lists_are_never_installed(host, plan, small_ca, now) -> None:
    small_ca.crl_end = timedelta(seconds=-1)
    with pytest.raises(PgwardError, match="the revocation list of CN=user root"):
        work.apply(host, plan, small_ca, names=(), now=now)
    assert host.generations.current() is None


@pytest.mark.parametrize(
    ("days", "said"), [(9, "9 days, 0:00:00 ahead"), (-2, "2 days, 0:0.* beh")]
)
def test_what_does_not_hold_by_the_clock_there(host, small_ca, monkeypatch, days, said) -> None:
    ahead, now = timedelta(days=days), datetime.now(UTC)
    plan = Plan(tls=host.tls_files)
    monkeypatch.setattr(LocalAccess, "ahead", ahead)
    before = contents(host)
    with pytest.raises(PgwardError, match=f"machine, which is {said}.*: the (server|revocation)"):
        work.apply(host, plan, small_ca, names=(), now=now)
    assert contents(host) == before
    monkeypatch.setattr(LocalAccess, "ahead", timedelta(minutes=1))
    assert work.apply(host, plan, small_ca, names=(), now=now).changed


def test_refresh_before_apply(host, small_ca, now) -> None:
    with pytest.raises(PgwardError, match="no certificate to refresh") as caught:
        work.refresh(host, small_ca, now=now)
    assert caught.value.hint == "run pgward hba apply"


def test_refresh(host, plan, small_ca, now) -> None:
    work.apply(host, plan, small_ca, names=(), now=now)
    assert work.refresh(host, small_ca, now=now).changed is False
    small_ca.revoked.append(77)
    assert work.refresh(host, small_ca, now=now).changed is True
    assert host.generations.load().crls == small_ca.crls()


def test_an_older_list_is_not_taken(host, plan, small_ca, now) -> None:
    small_ca.crl_number = 5
    installed = work.apply(host, plan, small_ca, names=(), now=now).material
    small_ca.crl_number = 4
    with pytest.raises(PgwardError, match=r"older .* of CN=user issuing \(number 4\)"):
        work.refresh(host, small_ca, now=now)
    with pytest.raises(PgwardError, match=r"older .* of CN=user issuing \(number 4\)"):
        work.apply(host, plan, small_ca, names=(), now=now)
    assert host.generations.load() == installed


def test_a_refresh_goes_on_beside_a_broken_file(host, plan, small_ca, now) -> None:
    work.apply(host, plan, small_ca, names=(), now=now)
    with host.data_dir.hba_file.open("a") as file:
        file.write("host all all 10.0.0.0/8 magic\n")
    small_ca.revoked.append(77)
    outcome = work.refresh(host, small_ca, now=now)
    (said,) = outcome.warnings
    assert (outcome.changed, "is no auth" in said, "goes on with" in said) == (True, True, True)
    assert host.generations.load().crls == small_ca.crls()


def test_a_ca_that_is_away_leaves_what_is_installed(host, plan, small_ca, now) -> None:
    work.apply(host, plan, small_ca, names=(), now=now)
    small_ca.away = True
    outcome = work.refresh(host, small_ca, now=now)
    assert (outcome.changed, outcome.away) == (False, "the CA is away")
    outcome.check_time_left(now)
    changed = work.apply(host, Plan(roles=("x",), tls=host.tls_files), small_ca, names=(), now=now)
    assert changed.changed


def test_a_ca_that_is_away_the_first_time(host, plan, small_ca, now) -> None:
    small_ca.away = True
    with pytest.raises(UnavailableError, match="the CA is away"):
        work.apply(host, plan, small_ca, names=(), now=now)


def test_an_installed_list_about_to_expire_is_loud(small_ca, now) -> None:
    outcome = Outcome(small_ca.current(), False, False, None, False, away="no route")
    outcome.check_time_left(now)
    with pytest.raises(PgwardError, match=r"will refuse everyone from .* on.*: no route"):
        outcome.check_time_left(now + timedelta(days=6, hours=1))
    fresh = Outcome(small_ca.current(), False, False, None, False)
    fresh.check_time_left(now + timedelta(days=6, hours=1))


def test_expired_material_is_no_fallback(host, plan, small_ca, now) -> None:
    work.apply(host, plan, small_ca, names=(), now=now)
    small_ca.away = True
    with pytest.raises(UnavailableError):
        work.refresh(host, small_ca, now=now + timedelta(days=8))


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        (Plan(), ("pgward_probe", "postgres")),
        (Plan(roles=("app",), databases=("db",)), ("app", "db")),
        (Plan(roles=("+dba", "app")), ("app", "postgres")),
        (Plan(roles=("+dba",)), None),
        (Plan(databases=("sameuser",)), None),
        (Plan(addresses=("10.0.0.0/8",)), None),
    ],
)
def test_what_is_asked_without_a_certificate(monkeypatch, plan, asked) -> None:
    seen = []

    def ask(_host: str, _port: int, role: str, database: str, **_: object) -> Answer:
        seen.append((role, database))
        return Answer("28000", "no")

    monkeypatch.setattr(work.probe, "without_certificate", ask)
    work.prove_refusal(plan, RUNNING)
    assert seen == ([asked] if asked else [])
    work.prove_refusal(plan, Running(1, 5432, "/run", None))
    assert len(seen) == (1 if asked else 0)


def test_a_server_that_lets_anyone_try(monkeypatch) -> None:
    monkeypatch.setattr(work.probe, "without_certificate", lambda *_, **__: Answer(None, "went on"))
    with pytest.raises(PgwardError, match="does not refuse a connection without a certificate"):
        work.prove_refusal(Plan(), RUNNING)


def test_one_run_at_a_time(host, monkeypatch) -> None:
    monkeypatch.setattr(work, "_BUSY_SECONDS", 0.01)
    busy = pytest.raises(UnavailableError, match="another run of pgward works on this")
    with work.exclusive(host), busy, work.exclusive(host):
        pass
    with work.exclusive(host):
        pass
