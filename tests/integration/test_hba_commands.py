"""``pgward hba apply`` and ``refresh`` as processes, with a real CA and a real server."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgward.system.postgres import Cluster
from tests.fixtures.ca import Person, Site
from tests.fixtures.ca_process import pgward
from tests.fixtures.material import Login, psql

pytestmark = pytest.mark.integration

KILLS = 60


def token(site: Site, *, kind: str = "host", dns: tuple[str, ...] = ("localhost",)) -> str:
    body = {"kind": kind, "name": site.unique("pg"), "dns": list(dns)}
    return str(site.api.post("/v1/tokens", body)["token"])


def hba(command: str, cluster: Cluster, *arguments: object, stdin: str = ""):
    return pgward("hba", command, "--data-dir", cluster.data_dir, *arguments, stdin=stdin)


def login_of(person: Person) -> Login:
    current = person.home / "identity" / "current"
    return Login(None, *(current / name for name in ("login.crt", "login.key", "ca.crt")))


@pytest.fixture
def alice(site: Site, pg: Cluster) -> Person:
    person = site.person()
    pg.psql(f'create role "{person.name}" login')
    return person


@pytest.fixture
def ready(pg: Cluster, site: Site) -> Cluster:
    done = hba("apply", pg, "--token-file", "-", "--dns", "localhost", stdin=token(site))
    assert done.returncode == 0, done.stderr
    return pg


def gets_in(cluster: Cluster, person: Person, **more: str) -> bool:
    done = psql(login_of(person).conninfo(cluster.port, person.name, **more))
    return done.returncode == 0


def test_from_the_token_to_the_login(pg, site, alice, tmp_path) -> None:
    (tmp_path / "token").write_text(token(site) + "\n")
    done = hba("apply", pg, "--token-file", tmp_path / "token", "--dns", "localhost")
    assert done.returncode == 0, done.stderr
    assert "the running server took it" in done.stderr
    assert "refresh` must succeed before" in done.stderr
    assert "warning: " in done.stderr  # initdb's own replication lines
    assert gets_in(pg, alice)
    assert not gets_in(pg, alice, sslcert="", sslkey="")
    owners = {path.lstat().st_uid for path in (pg.data_dir / "pgward").rglob("*")}
    assert owners == {pg.data_dir.stat().st_uid}


@pytest.mark.soak
def test_the_second_time_needs_no_token(ready, alice) -> None:
    done = hba("apply", ready, "--dns", "localhost", "-o", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["changed"], told["running"], told["took"], told["away"]) == (
        *(False, True, True),
        None,
    )
    assert "localhost" in told["names"]
    assert told["refresh_before"] < told["not_after"]
    assert any("nothing to change" in each for each in told["messages"])
    assert gets_in(ready, alice)


def test_a_check_finds_nothing_wrong_in_what_was_written(ready) -> None:
    path = ready.data_dir / "pg_hba.conf"
    done = hba("check", ready, "-o", "json")
    lines = path.read_text().splitlines()
    errors = [each for each in json.loads(done.stdout)["findings"] if each["severity"] == "error"]
    # initdb's own lines may be found.
    assert [each for each in errors if not lines[each["line"] - 1].endswith("trust")] == []
    assert done.returncode == bool(errors), done.stderr
    path.write_text("host all all all scram-sha-256\n" + path.read_text())
    done = hba("check", ready, "--only", "HBA010")
    assert (done.returncode, done.stdout.count("error HBA010")) == (1, 1), done.stdout
    assert done.stdout.startswith(f"{path}:1: error HBA010: ")


def test_a_blocked_person_is_out_after_a_refresh(ready, site, alice) -> None:
    assert gets_in(ready, alice)
    site.api.post(f"/v1/users/{alice.name}/block", {"reason": "test"})
    done = hba("refresh", ready)
    assert done.returncode == 0, done.stderr
    assert "the running server took it" in done.stderr
    assert not gets_in(ready, alice)


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda _: "pgj1.nonsense", 2, "is not a join token"),
        pytest.param(
            lambda site: token(site, kind="edge"),
            2,
            "for an edge, not for a host or a connector",
            marks=pytest.mark.soak,
        ),
        (lambda site: token(site, dns=("db9.test",)), 2, "does not name localhost"),
    ],
)
def test_a_token_that_will_not_do(pg, site, make, code, said) -> None:
    before = (pg.data_dir / "pg_hba.conf").read_bytes()
    done = hba("apply", pg, "--token-file", "-", "--dns", "localhost", stdin=make(site))
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "hint: " in done.stderr
    assert (pg.data_dir / "pg_hba.conf").read_bytes() == before
    assert pg.psql("show ssl") == "off"


def test_a_token_with_the_right_names_mends_a_wrong_one(pg, site) -> None:
    names = ("--token-file", "-", "--dns", "localhost")
    assert hba("apply", pg, *names, stdin=token(site, dns=("db9.test",))).returncode == 2
    done = hba("apply", pg, *names, stdin=token(site))
    assert done.returncode == 0, done.stderr


@pytest.mark.soak
def test_a_used_token(ready, site, pg_files) -> None:
    used = token(site)
    first = hba("apply", pg_files, "--token-file", "-", stdin=used)
    assert first.returncode == 0, first.stderr
    done = hba(
        "apply", ready, "--token-file", "-", "--state-dir", ready.data_dir / "other", stdin=used
    )
    assert done.returncode == 3, done.stderr
    assert hba("apply", ready).returncode == 0


@pytest.mark.soak
def test_a_ca_that_is_down_the_first_time_and_later(own_site, pg) -> None:
    text = token(own_site)
    own_site.ca.stop()
    done = hba("apply", pg, "--token-file", "-", stdin=text)
    assert done.returncode == 1
    assert pg.psql("show ssl") == "off"
    own_site.restart()
    again = hba("apply", pg, "--token-file", "-", stdin=text)
    assert again.returncode == 0, again.stderr
    own_site.ca.stop()
    later = hba("refresh", pg)
    assert later.returncode == 0, later.stderr
    assert "warning: the CA gave nothing new" in later.stderr


def configuration(cluster: Cluster) -> dict[str, bytes]:
    names = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
    return {name: (cluster.data_dir / name).read_bytes() for name in names}


def start_apply(cluster: Cluster, scratch: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Begin one that may be killed, and then leaves its copy of the identity in ``scratch``."""
    command = [sys.executable, "-m", "pgward", "hba", "apply", "--data-dir", str(cluster.data_dir)]
    return subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(scratch)},
    )


def test_two_at_once_come_one_after_the_other(ready, alice, tmp_path) -> None:
    runs = [start_apply(ready, tmp_path, "--map", name) for name in ("one", "two")]
    assert [run.wait(60) for run in runs] == [0, 0]
    text = configuration(ready)["pg_hba.conf"]
    assert (b"map=one" in text) != (b"map=two" in text)
    assert gets_in(ready, alice)


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_at_any_moment(ready, alice, tmp_path, number) -> None:
    """Two plans in turn; after each kill the files are those of one of them, and all goes on."""
    plans = {"all": ("--role", "all"), "other": ("--role", "all", "--map", "other")}
    wholes: dict[str, dict[str, bytes]] = {}
    spans: list[float] = []
    for name, options in plans.items():
        started = time.monotonic()
        assert start_apply(ready, tmp_path, *options).wait(60) == 0
        spans.append(time.monotonic() - started)
        wholes[name] = configuration(ready)
    chance = random.Random(os.environ.get("PGWARD_TEST_SEED", "1"))
    names, undone = itertools.cycle(plans), 0
    for _, name in zip(range(KILLS), names, strict=False):
        process = start_apply(ready, tmp_path, *plans[name])
        moment = chance.uniform(0.3, 1.0) * min(spans)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            process.wait(60)
        done = hba("refresh", ready)
        assert done.returncode == 0, done.stderr
        assert configuration(ready) in wholes.values()
        assert not (ready.data_dir / "pgward" / "journal.json").exists()
        assert gets_in(ready, alice)
        undone += "was cut off" in done.stderr
    hidden = Path(ready.data_dir).rglob(".*")
    assert [path for path in hidden if path.suffix in {".tmp", ".partial"}] == []
    # Enough kills must meet the change itself, or this would show nothing.
    assert undone > 0 or number == signal.SIGTERM
