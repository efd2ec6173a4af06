"""Run drivers' own test suites at PostgreSQL and through an edge in mode postgres; compare them.

Usage: .venv/bin/python tools/run_driver_suites.py --sources DIR [--python PYTHON]
           [--postgres BIN]... [--ruled] [SUITE]...

DIR holds a checkout of each suite that is to run:
- DIR/asyncpg (github.com/MagicStack/asyncpg) and DIR/psycopg (github.com/psycopg/psycopg), whose
  drivers are those of PYTHON, with pytest and pytest-timeout (default: the one that runs this)
- DIR/node-postgres (github.com/brianc/node-postgres); it needs node and npm
- DIR/pgjdbc (github.com/pgjdbc/pgjdbc), compiled by tools/build_pgjdbc.sh
- DIR/pgx (github.com/jackc/pgx) and DIR/lib-pq (github.com/lib/pq); they need a go that finds the
  modules of their go.mod
- DIR/dbd-pg (github.com/bucardo/dbdpg), whose driver is the machine's
- DIR/psqlodbc (github.com/postgresql-interfaces/psqlodbc), compiled by tools/build_psqlodbc.sh,
  whose driver is the machine's
BIN is a directory with PostgreSQL's server programs; without one, the machine's newest.

Each server is a fresh one; a CA, an edge and a tunnel are a `pgward demo --hold`. Exits with 1
where a test that passes at PostgreSQL fails through the edge and is not in EXPECTED.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from driver_suites import PREPARED, SUITES, Place, Results

from pgward.system.postgres import Cluster, find_binaries

PGWARD = (sys.executable, "-m", "pgward")
READY_SECONDS = 180
HBA = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
SETTINGS = {"max_connections": "300", "wal_level": "logical", "max_prepared_transactions": "10"}
OF_PGJDBC = ("create role test login replication password 'test'", "create database test_2")
SERVICE = """\
kind: Service
metadata: {{name: {name}}}
spec:
  mode: postgres
  upstream: {{host: 127.0.0.1, port: {port}}}
  allow: {{groups: [dba]}}
  postgres: {{user: {{allow: [postgres, test]}}, auth: {{none: true}}, sslMode: disable{ruled}}}
"""
RULED = """, recording: results, policy: {rules: [{name: secret-tables, effect: DENY, on: statement,
    condition: "'secret' in ctx.request.postgres.statement.tables"}]}"""
FORCED = "the service says which role people land as"
NAMED = "the edge writes the person into application_name"
PGX = "github.com/jackc/pgx/v5"
EXPECTED = {
    "tests.test_execute.TestExecuteMany::test_executemany_server_failure_during_writes": (
        "it counts on small buffers between it and PostgreSQL"
    ),
    "tests.test_pool.TestPool::test_pool_set_connection_args": NAMED,
    "tests.pq.test_pgconn::test_parameter_status": NAMED,
    "tests.pq.test_pgconn::test_change_password": FORCED,
    **{
        f"org.postgresql.jdbc.ScramTest::passwordWithSpace(String)[{i}]": FORCED
        for i in range(1, 6)
    },
    f"{PGX}/pgconn::TestConnectWithRuntimeParams": NAMED,
    f"{PGX}/pgxpool::TestPoolBeforeConnect": NAMED,
    f"{PGX}/pgconn::TestConnectProtocolVersion32": (
        "the edge speaks protocol 3.2 with clients, whatever PostgreSQL's version behind it"
    ),
    **dict.fromkeys(
        (
            "tests.test_copy::test_copy_bad_result",
            "tests.test_copy_async::test_copy_bad_result[asyncio]",
            "tests.test_errors::test_diag_independent",
            "tests.test_prepare.TestPrepare::test_prepare_28_max_args",
        ),
        "what cannot be read is denied by a rule on tables",
    ),
    "test/integration/client/appname-tests.js": NAMED,
    "test/integration/gh-issues/1105-tests.js": "5,000 statements must not take more than 5 s",
}
"""Tests that fail through an edge, as they must."""


def _absolute(text: str) -> Path:
    """Return a path that holds wherever a program is run."""
    return Path(text).absolute()


def main() -> None:
    """Run the suites that are asked for, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], metavar="SUITE")
    parser.add_argument("--sources", type=_absolute, required=True, metavar="DIR")
    parser.add_argument("--python", default=sys.executable, help="whose drivers are tested")
    parser.add_argument("--postgres", type=_absolute, action="append", metavar="BIN")
    parser.add_argument("--ruled", action="store_true", help="by a policy, and results recorded")
    parser.add_argument("--keep", type=_absolute, metavar="DIR", help="where logs and results go")
    asked = parser.parse_args()
    work = asked.keep or Path(tempfile.mkdtemp(prefix="pgward-suites-"))
    work.mkdir(parents=True, exist_ok=True)
    differ = 0
    with ExitStack() as stack:
        world = stack.enter_context(demo())
        for binaries in asked.postgres or [find_binaries()]:
            cluster = stack.enter_context(server(binaries))
            tunnel = stack.enter_context(through_an_edge(world, cluster, ruled=asked.ruled))
            ports = {"direct": cluster.port, "edge": tunnel}
            places = tuple(Place(*each, asked.python) for each in ports.items())
            for name in asked.suites or SUITES:
                directory = work / f"{name}-{cluster.version}"
                print(f"--- {name} at PostgreSQL {cluster.version}, in {directory}", flush=True)
                differ += compared(*run_suite(name, asked.sources, directory, cluster, places))
    sys.exit(1 if differ else 0)


def run_suite(
    name: str, sources: Path, directory: Path, cluster: Cluster, places: tuple[Place, ...]
) -> list[Results]:
    """Run a suite at both places, one after the other, each in an empty database."""
    found = []
    for place in places:
        cluster.psql("drop database if exists asyncpg_intro_test")  # what an aborted run leaves
        cluster.psql(f"drop database if exists {place.database} with (force)")
        cluster.psql(f"create database {place.database}")
        if name in PREPARED:
            cluster.psql(PREPARED[name].format(place.database), database=place.database)
        shutil.rmtree(directory / place.name, ignore_errors=True)
        (directory / place.name).mkdir(parents=True)
        found.append(SUITES[name](sources / name, directory / place.name, place))
    return found


def compared(direct: Results, edge: Results) -> int:
    """Print what differs; return how many differences are not expected."""
    for name, results in (("directly", direct), ("through the edge", edge)):
        counts = Counter(outcome.partition(":")[0] for outcome in results.values())
        print(f"{name}: " + ", ".join(f"{count} {each}" for each, count in counts.most_common()))
    differ = 0
    for test in sorted({*direct, *edge}):
        before, after = direct.get(test, "not run"), edge.get(test, "not run")
        if before.partition(":")[0] != after.partition(":")[0]:
            cause = EXPECTED.get(test)
            differ += cause is None
            print(f"{test}\n  directly: {before}\n  edge: {after}\n  cause: {cause or 'UNKNOWN'}")
    return differ


@contextmanager
def server(binaries: Path) -> Iterator[Cluster]:
    """Run a server that trusts everybody on the loopback interface."""
    with tempfile.TemporaryDirectory(prefix="pgs-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "pg", binaries, settings=SETTINGS)
        cluster.init()
        (cluster.data_dir / "pg_hba.conf").write_text(HBA)
        cluster.start()
        for statement in OF_PGJDBC:
            cluster.psql(statement)
        try:
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End a process by Ctrl-C, and wait for it."""
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(READY_SECONDS)


@contextmanager
def demo() -> Iterator[Path]:
    """Hold a demo, and return its directory."""
    with tempfile.TemporaryDirectory(prefix="pgd-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        world = Path(directory) / "w"
        command = [*PGWARD, "demo", "--hold", "--dir", str(world)]
        environment = {**os.environ, "PGWARD_TOKEN_STORE": "file"}
        with ended(
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, text=True)
        ) as process:
            until = time.monotonic() + READY_SECONDS
            while not (world / "demo.json").exists():
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit("the demo did not come up")
                time.sleep(0.2)
            yield world


@contextmanager
def through_an_edge(world: Path, cluster: Cluster, *, ruled: bool) -> Iterator[int]:
    """Add a service for a server, open a tunnel to it, and return the tunnel's port.

    ``ruled``: the service has a policy that looks at each statement, and records results.
    """
    name = f"suite-{cluster.port}"
    store = {**os.environ, "PGWARD_TOKEN_STORE": "file"}
    file = world.parent / f"{name}.yaml"
    file.write_text(SERVICE.format(name=name, port=cluster.port, ruled=RULED if ruled else ""))
    subprocess.run(
        [*PGWARD, "apply", "-f", file],
        env=store | {"PGWARD_HOME": str(world / "admin")},
        check=True,
    )
    time.sleep(2)  # an edge hears of it within a second
    with ended(
        subprocess.Popen(
            [*PGWARD, "connect", name],
            env=store | {"PGWARD_HOME": str(world / "home")},
            stdout=subprocess.PIPE,
            text=True,
        )
    ) as process:
        assert process.stdout is not None
        conninfo = process.stdout.readline()
        fields = dict(word.partition("=")[::2] for word in conninfo.split())
        if "port" not in fields:
            sys.exit("the tunnel did not open")
        yield int(fields["port"])


if __name__ == "__main__":
    main()
