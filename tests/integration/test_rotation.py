"""CAs are replaced while people connect: a real CA, edge, tunnel and PostgreSQL."""

import json
import random
import signal
import subprocess
import sys

import pytest

from tests.fixtures.rotation import renew
from tests.fixtures.tunnel_process import psql

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("what", "hierarchy"),
    [
        ("root", "user"),
        pytest.param("issuing", "user", marks=pytest.mark.soak),
        pytest.param("root", "server", marks=pytest.mark.soak),
        pytest.param("issuing", "server", marks=pytest.mark.soak),
    ],
)
def test_nobody_loses_access(rotating, what, hierarchy) -> None:
    rotating.connect_all_the_time()
    name = rotating.start(what, hierarchy)
    # The edge tries itself; the host was not told yet, and holds all up.
    assert "host:db1 lags since" in rotating.refused(name)
    rotating.refresh()
    rotating.ready(name)
    assert rotating.advance(name) == "issue-new"
    rotating.everyone_renews()
    rotating.refresh()
    rotating.ready(name)
    assert rotating.advance(name) == "trust-new"
    rotating.refresh()
    rotating.ready(name)
    assert rotating.advance(name) == "done"
    rotating.nobody_was_locked_out()


@pytest.mark.soak
@pytest.mark.parametrize("what", ["root", "issuing"])
def test_revoking_what_is_left_asks_nothing_of_whoever_has_a_tunnel(rotating, what) -> None:
    """Nobody renewed: the tunnel gets another certificate when its own is revoked."""
    name = rotating.start(what, "user")
    rotating.refresh()
    rotating.ready(name)
    assert rotating.advance(name) == "issue-new"
    assert psql(rotating.tunnel.conninfo, "select 1") == "1"
    assert rotating.advance(name, revoke_remaining=True) == "trust-new"
    for _ in range(5):
        assert psql(rotating.tunnel.conninfo, "select 1") == "1"
    assert psql(rotating.native, "select 1") == "1"


@pytest.mark.soak
def test_a_rollback_locks_nobody_out(rotating) -> None:
    rotating.connect_all_the_time()
    name = rotating.start("root", "user")
    rotating.refresh()
    rotating.ready(name)
    rotating.advance(name)
    rotating.everyone_renews()
    rotating.refresh()
    assert rotating.rollback(name) == "trust-both"
    rotating.refresh()
    assert "certificates of user-root-2 and user-issuing-2 are still held" in rotating.refused(
        name, "rollback"
    )
    rotating.everyone_renews()
    assert rotating.rollback(name) == "rolled-back"
    rotating.refresh()
    rotating.nobody_was_locked_out()


@pytest.mark.soak
def test_a_laptop_that_slept_through_it_all(rotating, tmp_path) -> None:
    """It knows only the old server root, and the CA is another one by now."""
    old = tmp_path / "old-root.crt"
    old.write_bytes((rotating.site.ca.directory / "certs" / "server-root.crt").read_bytes())
    asleep = rotating.stack.person()
    rotate(rotating, "root", "server")
    only_old = f"{rotating.native.partition(' sslrootcert=')[0]} sslrootcert={old}"
    assert psql(only_old, "select 1") == "1"
    trusted = json.loads((asleep.home / "trust.json").read_text())
    assert trusted["fingerprint"] == rotating.site.ca.fingerprint  # the old root's
    assert asleep.data("whoami", "--check")["user"] == asleep.name
    renew(asleep)
    trusted = json.loads((asleep.home / "trust.json").read_text())
    assert trusted["fingerprint"] != rotating.site.ca.fingerprint
    with rotating.stack.tunnel(asleep) as opened:
        assert opened.psql("select 1") == "1"


@pytest.mark.soak
def test_postgresql_that_knows_only_the_old_user_root(rotating) -> None:
    """A host that somebody set up by hand, and that takes the lists only."""
    name = rotating.start("root", "user")
    rotating.refresh()
    rotating.ready(name)
    current = rotating.cluster.data_dir / "pgward" / "tls" / "current"
    roots = current / "user-ca.crt"
    first = (rotating.site.ca.directory / "certs" / "user-root.crt").read_bytes()
    roots.write_bytes(first)
    rotating.cluster.reload()
    rotating.advance(name)
    rotating.everyone_renews()
    assert psql(rotating.native, "select 1") == "1"


# Runs `ca rotate start` with SIGKILL at the nth line of what makes, writes and stores; without n,
# prints how many there are.
KILLING = """
import os, signal, sys
from pgward.ca.rotation import making
from pgward.cli import main

wanted = int(sys.argv.pop(1))
watched = ("rotation/making", "rotation/rotations", "ca/store/", "ca/keys/", "system/files")
start, count = making.start, 0

def trace(frame, event, _):
    global count
    if not any(each in frame.f_code.co_filename for each in watched):
        return None
    count += event == "line"
    if count == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
    return trace

def traced(*arguments):
    sys.settrace(trace)
    try:
        return start(*arguments)
    finally:
        sys.settrace(None)
        print(count, file=sys.stderr)

making.start = traced
main()
"""


@pytest.mark.soak
@pytest.mark.parametrize("what", ["root", "issuing"])
def test_start_can_be_killed_at_any_line_and_run_again(rotating, what) -> None:
    def run(line: int) -> subprocess.CompletedProcess[str]:
        command = ["ca", "rotate", "start", what, rotating.site.ca.directory, "--hierarchy", "user"]
        return subprocess.run(
            [sys.executable, "-c", KILLING, str(line), *map(str, command)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    done = run(-1)
    assert done.returncode == 0, done.stderr
    lines = int(done.stderr.splitlines()[0])
    rotating.rollback(done.stdout.strip())
    killed = [random.randrange(1, lines) for _ in range(14)]
    for line in sorted(killed):
        assert run(line).returncode == -signal.SIGKILL
        assert psql(rotating.native, "select 1") == "1"
        for begun in rotating.site.api.get("/v1/rotations")["rotations"]:
            rotating.rollback(begun["id"])  # it was killed after the commit
    name = rotating.start(what, "user")
    rotating.refresh()
    rotating.ready(name)
    rotating.advance(name)
    rotating.everyone_renews()
    assert psql(rotating.native, "select 1") == "1"


def rotate(rotating, what, hierarchy) -> None:
    """Replace a CA from start to end."""
    name = rotating.start(what, hierarchy)
    for phase in ("issue-new", "trust-new", "done"):
        rotating.refresh()
        rotating.ready(name)
        assert rotating.advance(name) == phase
        rotating.everyone_renews()
