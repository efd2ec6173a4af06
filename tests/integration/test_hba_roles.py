"""The map and the roles of real servers, as role maps want them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.roles.console import Console
from pgward.hba.roles.sync import Outcome, sync
from pgward.hba.roles.wanted import Grant, Own, Person, Wanted
from pgward.hba.server.datadir import DataDir
from pgward.system.postgres import Cluster
from tests.fixtures.ca_process import pgward
from tests.fixtures.edge_process import eventually
from tests.fixtures.hba_agent import HbaAgent
from tests.fixtures.material import Login, SmallCa, psql

pytestmark = pytest.mark.integration


def host_of(cluster: Cluster) -> Host:
    found = DataDir.open(cluster.data_dir)
    return Host(found, found.path / "pgward")


def set_up(cluster: Cluster, ca: SmallCa, **fields) -> Host:
    host = host_of(cluster)
    plan = Plan(tls=host.tls_files, map_from_ca=True, **fields)
    work.apply(host, plan, ca, names=("localhost",), now=datetime.now(UTC))
    return host


def run(host: Host, *people: Person, **fields) -> Outcome:
    wanted = Wanted(maps=("m",), people=people, **fields)
    return sync(host, lambda: wanted, map_name="pgward", now=datetime.now(UTC))


@contextmanager
def session(login: Login, cluster: Cluster, role: str) -> Iterator[subprocess.Popen]:
    """A psql that stays connected until somebody ends it."""
    command = ["psql", "-XAtq", "-d", login.conninfo(cluster.port, role), "-c", "select 1"]
    command += ["-c", "select pg_sleep(600)"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "1\n", process.stderr.read()
            yield process
        finally:
            process.kill()


def gets_in(login: Login, cluster: Cluster, role: str) -> bool:
    quoted = role.replace("\\", "\\\\").replace("'", "\\'")
    return psql(login.conninfo(cluster.port, f"'{quoted}'")).stdout.strip() == role


ODD = 'od"d, #role'


def lifecycle(cluster: Cluster, ca: SmallCa, directory: Path) -> None:
    """Roles come, change and go; and with them who gets in."""
    quoted = ODD.replace('"', '""')
    cluster.psql(
        f'create role app login; create role staff; create role mine login; create role "{quoted}" '
        "login; create role boss superuser login; create role deputy login; grant boss to deputy"
    )
    host = set_up(cluster, ca)
    ann, ben = (ca.person(directory / name, name) for name in ("ann", "ben"))
    assert not gets_in(ann, cluster, "ann")
    own = Own("ann", member_of=("staff",), connection_limit=5)
    grants = tuple(Grant(role) for role in ("app", "boss", "deputy", "none", ODD))
    outcome = run(host, Person("ann", grants, own), Person("ben", own=Own("mine")))
    assert outcome.planned.pairs == {("ann", "ann"), ("ann", "app"), ("ann", ODD)}
    assert len(outcome.notes) == 4, outcome.notes
    assert [gets_in(ann, cluster, role) for role in ("ann", "app", "boss", "deputy", "mine")] == [
        *(True, True, False, False, False)
    ]
    assert not gets_in(ben, cluster, "mine")
    assert not gets_in(ben, cluster, "ann")
    assert (
        cluster.psql(
            "select rolconnlimit, rolsuper, pg_has_role('ann', 'staff', 'member') from pg_roles "
            "where rolname = 'ann'"
        )
        == "5|f|t"
    )
    assert run(host, Person("ann", grants, own), Person("ben", own=Own("mine"))).changed is False

    with session(ann, cluster, "app") as as_app, session(ann, cluster, "ann") as as_ann:
        outcome = run(host, Person("ann", (), Own("ann")))
        assert (outcome.ended, outcome.unended) == (1, 0)
        as_app.wait(10)
        assert "terminating connection due to administrator command" in as_app.stderr.read()
        assert as_ann.poll() is None
        assert [gets_in(ann, cluster, role) for role in ("ann", "app")] == [True, False]
        outcome = run(host)
        assert (outcome.ended, outcome.unended) == (1, 0)
        as_ann.wait(10)
    assert not gets_in(ann, cluster, "ann")
    ours = "select rolcanlogin, pg_has_role('ann', 'staff', 'member') from pg_roles where "
    assert cluster.psql(f"{ours} rolname = 'ann'") == "f|f"
    assert cluster.psql("select rolcanlogin from pg_roles where rolname = 'mine'") == "t"

    assert run(host, Person("ann", (), Own("ann"))).changed is True
    assert gets_in(ann, cluster, "ann")
    cluster.psql("create table kept (); alter table kept owner to ann; create role ann2")
    run(host, drop_unowned=True)
    assert cluster.psql("select rolcanlogin from pg_roles where rolname = 'ann'") == "f"
    cluster.psql("drop table kept")
    run(host, drop_unowned=True)
    assert cluster.psql("select count(*) from pg_roles where rolname = 'ann'") == "0"
    assert run(host, drop_unowned=True).changed is False


def test_each_version_goes_along(pg_each, small_ca, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PGWARD_PG_BIN", str(pg_each.bin_dir))
    lifecycle(pg_each, small_ca, tmp_path)


NAMES = (ODD, "Größe", "UPPER", "all", "+x", "a b", "it's", "back\\1", "${HOME}", "-- x", "user")


def attacked(cluster: Cluster, ca: SmallCa, directory: Path, monkeypatch) -> None:
    """Names of all kinds, roles that nobody should be, and what changes meanwhile."""
    for name in NAMES:
        quoted = name.replace('"', '""')
        cluster.psql(f'create role "{quoted}" login')
    cluster.psql(
        'create role U&"line\\000Abreak\\2028" login; create role door; '
        "grant pg_write_server_files to door; create role maker login createrole; "
        "create role asleep; create role inner_ring; create role app login"
    )
    host = set_up(cluster, ca)
    ann = ca.person(directory / "ann", "ann")
    grants = tuple(map(Grant, (*NAMES, "door", "maker", "asleep")))
    outcome = run(host, Person("ann", grants, Own("ann")))
    for name in (*NAMES, "ann"):
        assert gets_in(ann, cluster, name), name
    assert ("ann", "door") not in outcome.planned.pairs
    assert (("ann", "maker") in outcome.planned.pairs) is (host.data_dir.able.version >= 16)
    assert not gets_in(ann, cluster, "asleep")
    told = "\n".join(outcome.notes)
    assert "'door' is a superuser or can become one" in told
    assert "'asleep' is NOLOGIN" in told

    cluster.psql("grant ann to inner_ring")
    people = [Person(each, own=Own(each)) for each in ("ben", "eve", "pg_x", "none")]
    circle = Person("ann", grants, Own("ann", member_of=("inner_ring",)))
    outcome = run(host, circle, *people)
    assert {role for _, role in outcome.planned.pairs} > {"ann", "ben", "eve"}
    told = "\n".join(outcome.notes)
    assert "'inner_ring' is a member of 'ann' itself" in told
    assert "'pg_x' is a name of PostgreSQL's own" in told
    real = Console.run

    def meanwhile(console: Console, script: str) -> list[str]:
        if "begin;" in script and cluster.psql("select 1 from pg_roles where rolname = 'ben'"):
            cluster.psql("drop role ben")
        return real(console, script)

    monkeypatch.setattr(Console, "run", meanwhile)
    only_ann, new = Person("ann", own=Own("ann")), Person("zoe", own=Own("zoe"))
    outcome = run(host, only_ann, Person("ben", own=Own("ben", member_of=("app",))), new)
    monkeypatch.setattr(Console, "run", real)
    (note,) = outcome.notes
    assert note.startswith(
        "nothing was done about the role 'ben': PostgreSQL refused: ERROR:  role"
    )
    state = "select rolname || rolcanlogin from pg_roles where rolname in ('ben', 'eve', 'zoe')"
    assert cluster.psql(f"{state} order by 1").split() == ["evefalse", "zoetrue"]
    assert ("ben", "ben") not in outcome.planned.pairs
    outcome = run(host, only_ann, Person("ben", own=Own("ben")), new)
    assert (outcome.notes, ("ben", "ben") in outcome.planned.pairs) == ((), True)


def test_each_version_is_not_led_astray(pg_each, small_ca, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PGWARD_PG_BIN", str(pg_each.bin_dir))
    attacked(pg_each, small_ca, tmp_path, monkeypatch)


CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from pgward.hba.roles.console import Console
from pgward.hba.server.disk import Disk
from tests.integration.test_hba_roles import AFTER, host_of, run
from pgward.system.postgres import Cluster

calls = 0
def counted(real):
    def act(*given, **more):
        global calls
        done = real(*given, **more)
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return act

for kind, name in [(Console, "run"), *((Disk, each) for each in ("replace", "point", "remove"))]:
    setattr(kind, name, counted(getattr(kind, name)))
at = Path(sys.argv[1])
host = host_of(Cluster(at.parent))
run(host, *AFTER, drop_unowned=True)
"""
BEFORE = (
    Person("ann", (Grant("app"),), Own("ann")),
    Person("ben", (Grant("app"),), Own("ben", member_of=("staff",))),
    Person("eve", (), Own("eve")),
)
AFTER = (
    Person("ann", (Grant("app"),)),
    Person("ben", (), Own("ben")),
    Person("zoe", own=Own("zoe")),
)
STATE = "select rolname, rolcanlogin from pg_roles where rolname in ('ann', 'ben', 'eve', 'zoe')"


def in_another_process(cluster: Cluster, number: int) -> subprocess.Popen:
    command = [sys.executable, "-c", CHILD, str(cluster.data_dir), str(number)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


@pytest.mark.soak
def test_killed_anywhere_the_next_run_completes_it(pg, small_ca, tmp_path) -> None:
    pg.psql("create role app login; create role staff")
    host = set_up(pg, small_ca)
    eve = small_ca.person(tmp_path / "eve", "eve")
    number, killed = 1, True
    while killed:
        run(host, *BEFORE)
        pg.psql("drop role if exists zoe")
        with session(eve, pg, "eve") as alive:
            with in_another_process(pg, number) as child:
                assert child.wait(120) in {0, -signal.SIGKILL}, number
            killed = child.returncode != 0
            outcome = run(host, *AFTER, drop_unowned=True)
            assert outcome.planned.pairs == {("ann", "app"), ("ben", "ben"), ("zoe", "zoe")}
            alive.wait(20)
        assert pg.psql(f"{STATE} order by 1").split() == ["ben|t", "zoe|t"], number
        assert run(host, *AFTER, drop_unowned=True).changed is False, number
        number += 1
    assert number > 8


@pytest.mark.soak
def test_two_at_once(pg, small_ca) -> None:
    pg.psql("create role app login; create role staff")
    host = set_up(pg, small_ca)
    run(host, *BEFORE)
    with in_another_process(pg, 0) as one, in_another_process(pg, 0) as two:
        assert (one.wait(120), two.wait(120)) == (0, 0)
    assert pg.psql(f"{STATE} order by 1").split() == ["ben|t", "zoe|t"]
    assert run(host, *AFTER, drop_unowned=True).changed is False


def role_map(site, host: str, group: str, **roles) -> None:
    spec = {"hosts": [host], "rules": [{"groups": [group]}], "roles": {"manage": True, **roles}}
    body = {"kind": "RoleMap", "metadata": {"name": host}, "spec": spec}
    site.api.put(f"/v1/resources/rolemap/{host}", body)


def configured(cluster: Cluster, site, host: str, *words: str) -> None:
    token = site.api.post("/v1/tokens", {"kind": "host", "name": host, "dns": ["localhost"]})
    options = ("--data-dir", cluster.data_dir, "--token-file", "-", "--map-from-ca")
    done = pgward("hba", "apply", *options, *words, stdin=token["token"])
    assert done.returncode == 0, done.stderr


def login_of(person) -> Login:
    current = person.home / "identity" / "current"
    return Login(None, *(current / name for name in ("login.crt", "login.key", "ca.crt")))


@pytest.mark.soak
def test_the_agent_does_both_at_once(pg_stopped, site, tmp_path) -> None:
    """Who joins the group gets in, is on record at the CA, and goes with the group."""
    with (pg_stopped.data_dir / "postgresql.conf").open("a") as file:
        file.write("logging_collector = on\nlog_destination = 'csvlog'\n")
    pg = pg_stopped.start()
    group, host = site.unique("dba"), site.unique("pg")
    person = site.person(word="bea")
    configured(pg, site, host)
    agent = HbaAgent(pg, tmp_path / "agent.log")
    try:
        agent.is_well()
        role_map(site, host, group)
        site.api.post(f"/v1/groups/{group}/members", {"add": [person.name]})
        role = f"select count(*) from pg_roles where rolname = '{person.name}' and rolcanlogin"
        eventually(lambda: pg.psql(role) == "1", what=agent.messages())
        eventually(lambda: gets_in(login_of(person), pg, person.name), what=agent.messages())
        with session(login_of(person), pg, person.name) as alive:
            # Its serial number is not in the log.
            eventually(lambda: serials(site, person.name), 40, agent.messages())
            site.api.post(f"/v1/groups/{group}/members", {"remove": [person.name]})
            alive.wait(30)
        assert pg.psql(role) == "0"
        eventually(lambda: told(site, "session.close", person.name), 40, agent.messages())
        opened = told(site, "session.open", person.name)
        assert {each["target"] for each in opened} == {f"{host}/postgres"}
        eventually(lambda: told(site, "host.roles", f"host:{host}"), 40, agent.messages())
    finally:
        assert agent.stop() == 0, agent.messages()


def serials(site, actor: str) -> list[str]:
    opened = told(site, "session.open", actor)
    return [each["details"]["serial"] for each in opened if "serial" in each["details"]]


def told(site, action: str, actor: str) -> list[dict]:
    found = site.api.get("/v1/audit", action=action, actor=actor, limit=1000)["events"]
    return [each for each in found if each["outcome"] == "ok"]


def test_from_the_role_map_to_the_login(pg, site) -> None:
    """The commands, with a real CA: apply, a RoleMap, a person who is blocked."""
    group, host = site.unique("dba"), site.unique("pg")
    person = site.person(group, word="ann@example.com")
    role, login = person.name, login_of(person)
    options = ("--data-dir", pg.data_dir)
    configured(pg, site, host)
    pg.psql("create role staff")
    role_map(site, host, group, memberOf=["staff"])
    assert not gets_in(login, pg, role)
    plan = pgward("hba", "roles", *options, "--plan")
    assert f'create role "{role}" login' in plan.stdout, plan.stderr
    assert pg.psql("select count(*) from pg_roles where rolname like 'ann%'") == "0"
    done = pgward("hba", "roles", *options)
    assert done.returncode == 0, done.stderr
    assert gets_in(login, pg, role)
    with session(login, pg, role) as alive:
        site.api.post(f"/v1/users/{person.name}/block", {"reason": "left"})
        done = pgward("hba", "roles", *options)
        assert "ended 1 sessions" in done.stderr, done.stderr
        alive.wait(10)
    assert not gets_in(login, pg, role)
    assert pg.psql(f"select rolcanlogin from pg_roles where rolname = '{role}'") == "f"
