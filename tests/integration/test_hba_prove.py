"""Proofs on a real server: all right after an apply, red for each hole, and nothing left."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.login import asked
from pgward.hba.login.link import Target
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.prove import roles, run
from pgward.hba.prove.judging import Report, Status
from pgward.hba.roles import section
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import Cluster
from tests.fixtures.edge_process import eventually
from tests.fixtures.hba_traps import findings_in
from tests.fixtures.material import Pair, SmallCa
from tests.fixtures.proving import SmallProofs, differing, role_names

pytestmark = pytest.mark.integration


def applied(cluster: Cluster, small_ca: SmallCa, **chosen) -> SmallProofs:
    data_dir = DataDir.open(cluster.data_dir)
    host = Host(data_dir, data_dir.path / "pgward")
    plan = Plan(tls=host.tls_files, **chosen)
    assert work.apply(host, plan, small_ca, names=(), now=datetime.now(UTC)).took is True
    return SmallProofs(host, small_ca)


RIGHTS = """
    select count(*), bool_or(rolsuper or rolcreaterole or rolcreatedb or rolreplication),
    bool_and(rolvaliduntil < now() + interval '16 minutes')
    from pg_roles where rolname like 'pgward_prove_%' and rolcanlogin
"""


PLANS = {
    "cert": {},
    "scram+cert": {"auth": Auth.SCRAM_AND_CERT},
    "scram+any-cert": {"auth": Auth.SCRAM_AND_ANY_CERT},
    "cert-or-scram": {"auth": Auth.CERT_OR_SCRAM, "password_roles": ("metrics",)},
    "with a domain": {
        "strip_domain": "my-corp.example",
        "mapped": (("ann@my-corp.example", "app_owner"),),
        "databases": ("app", "sameuser"),
        "replication_roles": ("standby",),
        "allow": True,
    },
    "from the CA": {"map_from_ca": True},
}


def plan_of(chosen: dict) -> dict:
    return {k: v for k, v in chosen.items() if k != "allow"} | (
        {"superusers": ()} if chosen.get("allow") else {}
    )


def test_each_version_is_right_after_an_apply(pg_each, small_ca, monkeypatch) -> None:
    monkeypatch.setenv("PGWARD_PG_BIN", str(pg_each.bin_dir))
    pg_each.psql("create role metrics login; create role app_owner login; create role ann login")
    before = role_names(pg_each)
    for name, chosen in PLANS.items():
        proofs = applied(pg_each, small_ca, **plan_of(chosen))
        if chosen.get("map_from_ca"):
            write_pairs(pg_each, [("ann@my-corp.example", "app_owner")])
        found = findings_in(pg_each.data_dir)
        wrong = {each.rule for each in found if each.severity.rank and not each.ignored}
        # Only that initdb trusts every account of the machine, as these tests want it.
        assert wrong == {"HBA014"}, name
        report = proofs.prove(persons=(proofs.person("ann@my-corp.example"),))
        assert differing(report) == [], name
        wanted_in = [row for row in report.rows if row.wanted == "in"]
        assert {row.status for row in wanted_in} == {Status.OK}, name
        assert {row.wanted for row in report.rows} == {"in", "out", None, "pgward's"}, name
        assert report.notes == [], name
        assert passwords(report) == ({"let in", "refused"} if "scram+" in name else set()), name
    assert role_names(pg_each) == before
    with another(pg_each, -signal.SIGKILL) as killed:
        killed.communicate(timeout=60)
    eventually(lambda: role_names(pg_each) == before, what=pg_each.log_tail())


def passwords(report: Report) -> set[str]:
    """Return what becomes of a password bound to its TLS connection, right and relayed."""
    bound = {row.seen for row in report.rows if row.why.startswith("by SCRAM-SHA-256-PLUS;")}
    said = "28000 SCRAM channel binding check failed"
    return bound | {row.seen for row in report.rows if row.why.startswith(said)}


def write(cluster: Cluster, name: str, change) -> None:
    path = cluster.data_dir / name
    path.write_text(change(path.read_text()))
    cluster.reload()


def write_pairs(cluster: Cluster, pairs: list[tuple[str, str]]) -> None:
    path = cluster.data_dir / "pg_ident.conf"
    path.write_bytes(section.put(path.read_bytes(), pairs, "pgward", str(path)))
    cluster.reload()


def above(line: str):
    return lambda text: f"{line}\n{text}"


def widen_ca(cluster: Cluster, _: SmallCa) -> None:
    path = cluster.data_dir / "pgward" / "tls" / "current" / "user-ca.crt"
    other = SmallCa().users.root.certificate.public_bytes(Encoding.PEM)
    path.write_bytes(path.read_bytes() + other)
    cluster.reload()


def stale_ca(cluster: Cluster, _: SmallCa) -> None:
    """The file is right again, and the server has not heard of it."""
    path = cluster.data_dir / "pgward" / "tls" / "current" / "user-ca.crt"
    right = path.read_bytes()
    stranger = Pair("stranger").root.certificate.public_bytes(Encoding.PEM)
    path.write_bytes(right + stranger)
    cluster.reload()
    while "stranger" not in trusted_by(cluster):
        pass  # each look is a whole handshake
    path.write_bytes(right)


def trusted_by(cluster: Cluster) -> str:
    return str(asked.ask(Target("127.0.0.1", cluster.port)))


def expire_lists(cluster: Cluster, small_ca: SmallCa) -> None:
    small_ca.crl_end = small_ca.crl_start / 2
    small_ca.crl_start *= 2
    path = cluster.data_dir / "pgward" / "tls" / "current" / "user-ca.crl"
    path.write_bytes(small_ca.crls())
    cluster.reload()


# A hole: the plan that it is made in, what makes it, and what then gets in that should not.
HOLES = {
    "trust": ("cert", lambda c, _: write(c, "pg_hba.conf", above("host all all all trust"))),
    "host": (
        "cert",
        lambda c, _: write(c, "pg_hba.conf", above("host all all all scram-sha-256")),
    ),
    "md5": ("cert", lambda c, _: write(c, "pg_hba.conf", above("hostssl all all all md5"))),
    "clear text": (
        "cert",
        lambda c, _: write(c, "pg_hba.conf", above("hostssl all all samehost password")),
    ),
    "clientcert dropped above": (
        "scram+cert",
        lambda c, _: write(c, "pg_hba.conf", above("hostssl all all all scram-sha-256")),
    ),
    "clientcert dropped in the block": (
        "scram+cert",
        lambda c, _: write(
            c, "pg_hba.conf", lambda text: re.sub(r"scram-sha-256 clientcert=\S+", "md5", text)
        ),
    ),
    "no list": (
        "cert",
        lambda c, _: write(c, "postgresql.conf", lambda text: f"{text}ssl_crl_file = ''\n"),
    ),
    "wide map": ("cert", lambda c, _: write(c, "pg_ident.conf", above(r"pgward /^(.*)$ ann"))),
    "old TLS": (
        "cert",
        lambda c, _: write(
            c, "postgresql.conf", lambda text: f"{text}ssl_min_protocol_version = 'TLSv1'\n"
        ),
    ),
    "another CA": ("cert", widen_ca),
    "a CA of yesterday": ("cert", stale_ca),
    "expired list": ("cert", expire_lists),
    "a reject above": (
        "cert",
        lambda c, _: write(c, "pg_hba.conf", above("hostssl all all all reject")),
    ),
}


def check_holes(cluster: Cluster, holes: dict, version: int) -> None:
    cluster.psql("create role ann login")
    before = role_names(cluster)
    for name, (plan, make) in holes.items():
        if name == "old TLS" and version == 11:
            continue
        small_ca = SmallCa()
        proofs = applied(cluster, small_ca, **PLANS[plan])
        kept = {
            each: (cluster.data_dir / each).read_bytes()
            for each in ("pg_hba.conf", "pg_ident.conf", "postgresql.conf")
        }
        make(cluster, small_ca)
        report = proofs.prove(refresh=name not in {"another CA", "a CA of yesterday"})
        found = differing(report)
        assert found, name
        if name not in {
            "clientcert dropped in the block",
            "old TLS",
            "another CA",
            "a CA of yesterday",
        }:
            assert {row.wanted for row in found} <= {"in", "out", "taken"}, name
        for each, data in kept.items():
            (cluster.data_dir / each).write_bytes(data)
        cluster.reload()
    assert role_names(cluster) == before


def test_each_version_is_red_for_each_hole(pg_each, monkeypatch) -> None:
    monkeypatch.setenv("PGWARD_PG_BIN", str(pg_each.bin_dir))
    check_holes(pg_each, HOLES, DataDir.open(pg_each.data_dir).able.version)


@pytest.mark.soak
def test_some_holes(pg) -> None:
    few = ("no list", "wide map")
    check_holes(pg, {name: HOLES[name] for name in few}, 15)


@pytest.mark.soak
def test_a_persons_certificate_a_group_and_what_has_none(pg, small_ca) -> None:
    pg.psql("create role app_owner login")
    proofs = applied(pg, small_ca, mapped=(("ann@example.com", "app_owner"),))
    without = proofs.prove()
    (row,) = [row for row in without.rows if row.shown == "certificate of ann@example.com"]
    assert (row.status, row.role) == (Status.NOT_TRIED, "app_owner")
    assert row.why == "no certificate for ann@example.com: --login"
    assert (without.fails(strict=False), without.fails(strict=True)) == (False, True)
    report = proofs.prove(persons=(proofs.person("ann@example.com"),))
    rows = [row for row in report.rows if row.shown == "certificate of ann@example.com"]
    assert {row.role: (row.wanted, row.status) for row in rows} == {
        "app_owner": ("in", Status.OK),
        "postgres": ("out", Status.OK),
        "another role": ("out", Status.OK),
    }

    pg.psql("create role team")
    proofs = applied(pg, small_ca, roles=("+team",))
    rows = proofs.prove().rows
    assert [row.why for row in rows if row.role == "+team"] == ["needs --members"]
    report = proofs.prove(members=True)
    assert differing(report) == []
    wanted = {(row.encryption, row.shown) for row in report.rows if row.wanted == "in"}
    assert ("TLS", "valid certificate") in wanted
    assert pg.psql("select count(*) from pg_auth_members where roleid = 'team'::regrole") == "0"


def test_every_address_and_a_server_that_pgward_did_not_set_up(pg_stopped, small_ca) -> None:
    with (pg_stopped.data_dir / "postgresql.conf").open("a") as file:
        file.write("listen_addresses = '*'\n")
    (pg_stopped.data_dir / "pg_hba.conf").write_text(
        "local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all all reject\n"
    )
    cluster = pg_stopped.start()
    data_dir = DataDir.open(cluster.data_dir)
    proofs = SmallProofs(Host(data_dir, data_dir.path / "pgward"), small_ca)
    report = proofs.prove(refresh=False)
    assert differing(report) == []
    assert {row.wanted for row in report.rows} == {None}
    assert {each for each in ("127.0.0.1", "local") if each in {r.address for r in report.rows}}
    addresses = {row.address for row in report.rows if row.status is Status.OK}
    assert len(addresses) >= 3  # loopback, an interface's, and the socket
    no_tls = [row for row in report.rows if row.encryption == "TLS"]
    assert {row.seen for row in no_tls} == {"no TLS"}


@pytest.mark.soak
def test_no_superuser_gets_in(pg, small_ca) -> None:
    proofs = applied(pg, small_ca)
    path = pg.data_dir / "pg_hba.conf"
    path.write_text("local all all reject\n" + path.read_text())
    os.kill(int((pg.data_dir / "postmaster.pid").read_text().split()[0]), signal.SIGHUP)
    with pytest.raises(PgwardError, match="no superuser gets in over the local socket"):
        proofs.prove(refresh=False)
    assert proofs.made == []  # the CA was not asked in vain


KILLED = """
import os, signal, sys
from pathlib import Path
from pgward.hba.install.host import Host
from pgward.hba.prove import run
from pgward.hba.prove.admin import Admin
from pgward.hba.server.datadir import DataDir
from pgward.system import process
from tests.fixtures.material import SmallCa
from tests.fixtures.proving import SmallProofs

found = DataDir.open(Path(sys.argv[1]))
proofs = SmallProofs(Host(found, found.path / "pgward"), SmallCa())
begin, statements = Admin.begin, []

def progress(done, _all):
    if done == 3 and sys.argv[2] == "wait":
        print("now", flush=True)
        sys.stdin.readline()
    elif done == 3 and sys.argv[2].startswith("-"):
        os.kill(os.getpid(), -int(sys.argv[2]))

def counted(self, sql):
    begin(self, sql)
    statements.append(sql)
    if sys.argv[2] == str(len(statements)):
        os.kill(os.getpid(), signal.SIGKILL)

Admin.begin = counted
with process.unwound_by_sigterm():
    run.prove(proofs.host, proofs, run.Wish(refresh=False), progress)
print(len(statements))
"""


def another(cluster: Cluster, what: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(cluster.data_dir), str(what)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_all_is_right_after_an_apply_and_nothing_is_left(pg, small_ca) -> None:
    """A killed run leaves nothing either: the server removes it, or else the next run does."""
    proofs = applied(pg, small_ca)
    before = role_names(pg)
    with another(pg, -signal.SIGKILL) as killed:
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    eventually(lambda: role_names(pg) == before, what=pg.log_tail())
    left, mine = roles.new_name(), f"{roles.PROOF_PREFIX}0123456789abcdef"
    pg.psql(f"create role {left}; comment on role {left} is '{roles.MARK}'; create role {mine}")
    rights = []

    def progress(done: int, _all: int) -> None:
        rights.append(pg.psql(RIGHTS) if done == 0 else "")

    report = run.prove(proofs.host, proofs, run.Wish(), progress)
    assert rights[0] == "2|f|t"
    assert differing(report) == []
    assert report.count(Status.OK) > 10
    (asked_for,) = [row for row in report.rows if row.shown == "CAs that it asks for"]
    assert (asked_for.seen, asked_for.status) == ("CN=user root", Status.OK)
    assert report.notes == ["the server was stopped under an earlier run; its 1 roles are gone now"]
    assert sorted(set(role_names(pg)) - set(before)) == [mine]  # somebody's own, so called


@pytest.mark.soak
def test_killed_at_each_statement(pg, small_ca) -> None:
    applied(pg, small_ca)
    before = role_names(pg)
    with another(pg, "count") as whole:
        statements = int(whole.communicate(timeout=120)[0])
    assert statements > 30
    for number in [*range(6, 24), *range(statements - 4, statements + 1)]:
        with another(pg, number) as killed:
            killed.communicate(timeout=120)
        assert killed.returncode == -signal.SIGKILL, number
        eventually(lambda: role_names(pg) == before, what=f"{number}: {pg.log_tail()}")
        eventually(lambda: pg.psql(OURS) == "0", what=f"{number}: {pg.log_tail()}")


OURS = "select count(*) from pg_stat_activity where application_name = 'pgward'"
CUT = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'postgres'"
FIRST = "and pid in (select pid from pg_locks where locktype = 'advisory' and granted)"


@pytest.mark.soak
@pytest.mark.parametrize("which", [FIRST, ""])
def test_a_session_that_is_cut_takes_nothing_with_it(pg, small_ca, which) -> None:
    """With the first session its roles go, so nothing that follows would show anything."""
    proofs = applied(pg, small_ca)
    before = role_names(pg)

    def progress(done: int, _all: int) -> None:
        if done == 2:
            pg.psql(f"{CUT} and application_name = 'pgward' {which}")

    with pytest.raises(UnavailableError, match="and so nothing is proved"):
        run.prove(proofs.host, proofs, run.Wish(refresh=False), progress)
    assert role_names(pg) == before


@pytest.mark.soak
def test_without_the_session_that_waits(pg, small_ca) -> None:
    """It is there for the worst; a run that ends well does not need it."""
    proofs = applied(pg, small_ca)
    before = role_names(pg)

    def progress(done: int, _all: int) -> None:
        if done == 2:
            waits = FIRST.replace("granted", "not granted")
            assert pg.psql(f"{CUT} {waits}") == "1"

    report = run.prove(proofs.host, proofs, run.Wish(refresh=False), progress)
    assert differing(report) == []
    assert role_names(pg) == before


@pytest.mark.soak
def test_sigterm_takes_all_back(pg, small_ca) -> None:
    applied(pg, small_ca)
    before = role_names(pg)
    with another(pg, -signal.SIGTERM) as ended:
        ended.communicate(timeout=60)
    assert ended.returncode == 128 + signal.SIGTERM
    assert role_names(pg) == before


@pytest.mark.soak
def test_two_at_once(pg, small_ca) -> None:
    """The second sweeps nothing of the first, which lives."""
    proofs = applied(pg, small_ca)
    before = role_names(pg)
    with another(pg, "wait") as first:
        assert first.stdout.readline() == "now\n"
        report = proofs.prove()
        assert (differing(report), report.notes) == ([], [])
        assert len(set(role_names(pg)) - set(before)) == 2
        first.communicate("go on\n", timeout=60)
    assert first.returncode == 0
    assert role_names(pg) == before
