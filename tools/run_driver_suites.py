"""Run drivers' own test suites at PostgreSQL and through an edge in mode postgres; compare them.

Usage: .venv/bin/python tools/run_driver_suites.py --sources DIR [--postgres BIN]... [SUITE]...

DIR holds a checkout of each suite that is to run: DIR/asyncpg (github.com/MagicStack/asyncpg),
DIR/psycopg (github.com/psycopg/psycopg) and DIR/node-postgres (github.com/brianc/node-postgres).
The drivers of Python are those in the virtual environment, that of Node.js is the checkout's own;
it needs node and npm. BIN is a directory with PostgreSQL's server programs; without one, the
machine's newest.

Each server is a fresh one; a CA, an edge and a tunnel are a `pgward demo --hold`. Exits with 1
where a test that passes at PostgreSQL fails through the edge and is not in EXPECTED.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgward.system.postgres import Cluster, find_binaries

PGWARD = (sys.executable, "-m", "pgward")
READY_SECONDS = 180
RUN_SECONDS = 3600
FILE_SECONDS = 60
HBA = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
SETTINGS = {"max_connections": "300", "wal_level": "logical", "max_prepared_transactions": "10"}
SERVICE = """\
kind: Service
metadata: {{name: {name}}}
spec:
  mode: postgres
  upstream: {{host: 127.0.0.1, port: {port}}}
  allow: {{groups: [dba]}}
  postgres: {{user: {{allow: [postgres]}}, auth: {{none: true}}, sslMode: disable}}
"""
OF_NODE = (
    *("async@2.6.4", "bluebird@3.7.2", "co@4.6.0", "pg-copy-streams@0.3.0"),
    *("pg-types@2.2.0", "pgpass@1.0.5", "typescript@5", "@types/node@16"),
)
NAMED = "the edge writes the person into application_name"
EXPECTED = {
    "tests.test_execute.TestExecuteMany::test_executemany_server_failure_during_writes": (
        "it counts on small buffers between it and PostgreSQL"
    ),
    "tests.test_pool.TestPool::test_pool_set_connection_args": NAMED,
    "tests.pq.test_pgconn::test_parameter_status": NAMED,
    "tests.pq.test_pgconn::test_change_password": "the service says which role people land as",
    "test/integration/client/appname-tests.js": NAMED,
    "test/integration/gh-issues/1105-tests.js": "5,000 statements must not take more than 5 s",
}
"""Tests that fail through an edge, as they must."""

Results = dict[str, str]


@dataclass(frozen=True)
class Place:
    """Where a suite connects to."""

    name: str
    port: int

    def environment(self) -> dict[str, str]:
        """Return the environment of a suite, which libpq and node-postgres read."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": f"suite_{self.name}",
            "PGTESTNOSSL": "1",  # of node-postgres: the server has no TLS
        }


def _absolute(text: str) -> Path:
    """Return a path that holds wherever a program is run."""
    return Path(text).absolute()


def main() -> None:
    """Run the suites that are asked for, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], metavar="SUITE")
    parser.add_argument("--sources", type=_absolute, required=True, metavar="DIR")
    parser.add_argument("--postgres", type=_absolute, action="append", metavar="BIN")
    parser.add_argument("--keep", type=_absolute, metavar="DIR", help="where logs and results go")
    asked = parser.parse_args()
    work = asked.keep or Path(tempfile.mkdtemp(prefix="pgward-suites-"))
    work.mkdir(parents=True, exist_ok=True)
    differ = 0
    with ExitStack() as stack:
        world = stack.enter_context(demo())
        for binaries in asked.postgres or [find_binaries()]:
            cluster = stack.enter_context(server(binaries))
            tunnel = stack.enter_context(through_an_edge(world, cluster))
            places = (Place("direct", cluster.port), Place("edge", tunnel))
            for name in asked.suites or SUITES:
                directory = work / f"{name}-{cluster.version}"
                print(f"--- {name} at PostgreSQL {cluster.version}, in {directory}", flush=True)
                differ += compared(*run_suite(name, asked.sources, directory, cluster, places))
    sys.exit(1 if differ else 0)


def run_suite(
    name: str, sources: Path, directory: Path, cluster: Cluster, places: tuple[Place, Place]
) -> tuple[Results, Results]:
    """Run a suite at both places, one after the other, each in an empty database."""
    found = []
    for place in places:
        cluster.psql("drop database if exists asyncpg_intro_test")  # what an aborted run leaves
        cluster.psql(f"drop database if exists suite_{place.name}")
        cluster.psql(f"create database suite_{place.name}")
        shutil.rmtree(directory / place.name, ignore_errors=True)
        (directory / place.name).mkdir(parents=True)
        found.append(SUITES[name](sources / name, directory / place.name, place))
    return found[0], found[1]


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


# --- suites -----------------------------------------------------------------------------


def asyncpg(source: Path, directory: Path, place: Place) -> Results:
    """Run asyncpg's tests, without those that start a server of their own."""
    shutil.copytree(source / "tests", directory / "tests")
    return by_pytest(directory, place, "-p", "no:cacheprovider")


def psycopg(source: Path, directory: Path, place: Place) -> Results:
    """Run psycopg's tests, without those that its authors mark as slow or as flaky."""
    shutil.copytree(source / "tests", directory / "tests")
    shutil.copy(source / "pyproject.toml", directory)
    left_out = ("pool", "crdb", "test_typing.py")
    ignored = (word for each in left_out for word in ("--ignore", f"tests/{each}"))
    at = place.environment()
    dsn = f"host=127.0.0.1 port={place.port} user=postgres dbname={at['PGDATABASE']}"
    marks = "not slow and not flakey and not timing and not pool"
    return by_pytest(directory, place, "-m", marks, *ignored, "--test-dsn", dsn)


def by_pytest(directory: Path, place: Place, *arguments: str) -> Results:
    """Run what is in ``directory/tests``, and read what became of each test."""
    report, log = directory / "report.xml", directory / "log"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--timeout", "120"]
    environment = place.environment() | {"PSYCOPG_IMPL": "binary"}
    with log.open("wb") as file:
        subprocess.run(
            [*command, f"--junitxml={report}", *arguments, "tests"],
            cwd=directory,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
    if not report.exists():
        sys.exit(f"the suite did not run: read {log}")
    found: Results = {}
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if not found.get(name, "").startswith("failed"):
            found[name] = outcome(case)
    return found


def outcome(case: ET.Element) -> str:
    """Return what became of a test."""
    for child in case:
        if child.tag in ("failure", "error"):
            return "failed: " + (child.get("message") or "")[:200].replace("\n", " ")
        if child.tag == "skipped":
            return "skipped"
    return "passed"


def node_postgres(source: Path, directory: Path, place: Place) -> Results:
    """Run each of pg's files of integration tests, which are programs."""
    tree = directory.parent / "tree"
    if not tree.exists():
        shutil.copytree(source, tree)
        install_node(tree)
    package, found = tree / "packages" / "pg", Results()
    environment = place.environment() | {"TEST_TIMEOUT": "20000"}
    for file in sorted((package / "test" / "integration").rglob("*-tests.js")):
        name = str(file.relative_to(package))
        with (directory / name.replace("/", "_")).open("wb") as log:
            found[name] = (
                "passed" if run_node(file, package, environment, log.fileno()) else "failed"
            )
    return found


def run_node(file: Path, package: Path, environment: Mapping[str, str], log: int) -> bool:
    """Run a program; tell whether it ended well and in time."""
    try:
        done = subprocess.run(
            ["node", file],
            cwd=package,
            env=dict(environment),
            stdout=log,
            stderr=log,
            timeout=FILE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def install_node(tree: Path) -> None:
    """Install what the packages need, link them to each other, and compile pg-protocol."""
    (tree / "package.json").write_text('{"private": true}')
    install = ["npm", "install", "--no-save", "--no-package-lock", "--ignore-scripts", *OF_NODE]
    subprocess.run(install, cwd=tree, check=True, stdout=subprocess.DEVNULL)
    for package in (tree / "packages").iterdir():
        name = json.loads((package / "package.json").read_text())["name"]
        (tree / "node_modules" / name).symlink_to(package)
    compiler = str(tree / "node_modules" / ".bin" / "tsc")
    compile_ = [compiler, "--skipLibCheck", "--types", "node", "-p", "."]
    protocol = tree / "packages" / "pg-protocol"
    for test in protocol.glob("src/**/*.test.ts"):
        test.unlink()  # they are for mocha
    subprocess.run(compile_, cwd=protocol, check=True)


SUITES: dict[str, Callable[[Path, Path, Place], Results]] = {
    "asyncpg": asyncpg,
    "psycopg": psycopg,
    "node-postgres": node_postgres,
}


# --- servers, edge and tunnel -----------------------------------------------------------


@contextmanager
def server(binaries: Path) -> Iterator[Cluster]:
    """Run a server that trusts everybody on the loopback interface."""
    with tempfile.TemporaryDirectory(prefix="pgs-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "pg", binaries, settings=SETTINGS)
        cluster.init()
        (cluster.data_dir / "pg_hba.conf").write_text(HBA)
        cluster.start()
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
def through_an_edge(world: Path, cluster: Cluster) -> Iterator[int]:
    """Add a service for a server, open a tunnel to it, and return the tunnel's port."""
    name = f"suite-{cluster.port}"
    store = {**os.environ, "PGWARD_TOKEN_STORE": "file"}
    file = world.parent / f"{name}.yaml"
    file.write_text(SERVICE.format(name=name, port=cluster.port))
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
