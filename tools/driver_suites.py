"""How drivers' own test suites are run at a server, and what became of each of their tests."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

RUN_SECONDS = 3600
FILE_SECONDS = 60
OF_NODE = (
    *("async@2.6.4", "bluebird@3.7.2", "co@4.6.0", "pg-copy-streams@0.3.0"),
    *("pg-types@2.2.0", "pgpass@1.0.5", "typescript@5", "@types/node@16"),
)
JARS = Path("/usr/share/java")
OF_JAVA = (
    *("checker-qual", "hamcrest", "opentest4j", "apiguardian-api", "junit4", "univocity-parsers"),
    *("junit-jupiter-api", "junit-jupiter-params", "junit-jupiter-engine", "picocli"),
    *("junit-platform-commons", "junit-platform-engine", "junit-platform-launcher"),
    *("junit-platform-console", "junit-platform-reporting", "junit-platform-suite-api"),
    *("opentest4j-reporting-events", "opentest4j-reporting-schema"),
)

ODBC = Path("/usr/lib/x86_64-linux-gnu/odbc")
OF_ODBC = """\
Servername = {server}
Port = {port}
Database = contrib_regression
Username = postgres
ConnSettings = set lc_messages='C'
"""
OF_TAP = re.compile(r"(not )?ok (\d+)(?: - (.*?))?(?: test (?:returned|output) .*)?(?: # skip.*)?$")
OF_GO = {"pass": "passed", "fail": "failed", "skip": "skipped"}
PREPARED = {
    "pgjdbc": "alter database {0} owner to test; create extension hstore",
    "pgx": "create extension hstore; create extension ltree; create domain uint64 as numeric(20,0)",
    "lib-pq": "create extension hstore",
}
"""What a suite's database must have, which is called ``{0}``."""

Results = dict[str, str]


@dataclass(frozen=True)
class Place:
    """Where a suite connects to."""

    name: str
    port: int
    python: str = sys.executable

    @property
    def database(self) -> str:
        """The database that is the suite's own here."""
        return f"suite_{self.name}"

    def environment(self) -> dict[str, str]:
        """Return the environment of a suite, which libpq and node-postgres read."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": self.database,
            "PGTESTNOSSL": "1",  # of node-postgres: the server has no TLS
        }


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
    dsn = f"host=127.0.0.1 port={place.port} user=postgres dbname={place.database}"
    marks = "not slow and not flakey and not timing and not pool"
    return by_pytest(directory, place, "-m", marks, *ignored, "--test-dsn", dsn)


def by_pytest(directory: Path, place: Place, *arguments: str) -> Results:
    """Run what is in ``directory/tests``, and read what became of each test."""
    report = directory / "report.xml"
    command = [place.python, "-m", "pytest", "-q", "-p", "no:xdist", "--timeout", "120"]
    environment = place.environment() | {"PSYCOPG_IMPL": "binary"}
    run([*command, f"--junitxml={report}", *arguments, "tests"], directory, environment)
    return read_report(report)


def run(
    command: list[str], directory: Path, environment: Mapping[str, str], log: Path | None = None
) -> None:
    """Run a suite, or a part of it; it may well fail. What it says goes into a file."""
    with (log or directory / "log").open("wb") as file:
        subprocess.run(
            command,
            cwd=directory,
            env=dict(environment),
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )


def read_report(report: Path) -> Results:
    """Read what became of each test, from a report in JUnit's XML."""
    if not report.exists():
        sys.exit(f"the suite did not run: read {report.parent / 'log'}")
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


def pgjdbc(source: Path, directory: Path, place: Place) -> Results:
    """Run pgjdbc's tests, which ``tools/build_pgjdbc.sh`` has compiled."""
    built = source / "built"
    if not built.is_dir():
        sys.exit(f"{built} is not there: run tools/build_pgjdbc.sh first")
    path = [built / "classes", built / "tests", *(JARS / f"{name}.jar" for name in OF_JAVA)]
    settings = {
        "test.url.PGHOST": "127.0.0.1",
        "test.url.PGPORT": str(place.port),
        "test.url.PGDBNAME": place.database,
        "build.properties.relative.path": str(source),
        "junit.jupiter.extensions.autodetection.enabled": "true",
        "junit.jupiter.execution.timeout.testable.method.default": "120 s",
    }
    command = [
        *("java", "-Xmx1g", *(f"-D{name}={value}" for name, value in settings.items())),
        *("-cp", ":".join(map(str, path)), "org.junit.platform.console.ConsoleLauncher"),
        *("--scan-classpath", str(built / "tests"), "--reports-dir", str(directory)),
        *("--include-engine", "junit-jupiter", "--disable-banner", "--details", "none"),
    ]
    run(command, directory, place.environment())
    return read_report(directory / "TEST-junit-jupiter.xml")


def pgx(source: Path, directory: Path, place: Place) -> Results:
    """Run the tests of each of pgx's packages."""
    at = f"host=127.0.0.1 port={place.port} user=postgres dbname={place.database}"
    environment = place.environment() | {
        "PGX_TEST_DATABASE": at,
        "PGX_TEST_TCP_CONN_STRING": at,
        "PGX_TEST_PLAIN_PASSWORD_CONN_STRING": f"{at} password=none",
    }
    return by_go(source, directory, environment)


def lib_pq(source: Path, directory: Path, place: Place) -> Results:
    """Run the tests of each of lib/pq's packages."""
    return by_go(source, directory, place.environment() | {"PGSSLMODE": "disable"})


def by_go(source: Path, directory: Path, environment: Mapping[str, str]) -> Results:
    """Run the tests of each package of a module, and read what became of each."""
    command = ["go", "test", "-C", str(source), "-count=1", "-p=1", "-json", "./..."]
    run(command, directory, environment)
    found: Results = {}
    for line in (directory / "log").read_text().splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if "Test" in event and event["Action"] in OF_GO:
            found[f"{event['Package']}::{event['Test']}"] = OF_GO[event["Action"]]
    return found


def dbd_pg(source: Path, directory: Path, place: Place) -> Results:
    """Run each of DBD::Pg's files of tests, at the driver of the machine."""
    environment = place.environment() | {
        "DBDPG_TEST_ALWAYS_ENV": "1",
        "DBI_DSN": f"dbi:Pg:host=127.0.0.1;port={place.port};dbname={place.database}",
        "DBI_USER": "postgres",
        "DBI_PASS": "",
        "PERL_HASH_SEED": "0",
        "PERL_PERTURB_KEYS": "0",
    }
    found: Results = {}
    for file in sorted((source / "t").glob("[0-9][0-9][a-z]*.t")):
        run(["perl", f"t/{file.name}"], source, environment, directory / file.name)
        found |= read_tap(directory / file.name, f"t/{file.name}::")
    return found


def psqlodbc(source: Path, directory: Path, place: Place) -> Results:
    """Run psqlODBC's tests, which ``tools/build_psqlodbc.sh`` has compiled."""
    tests = source / "test"
    sections = {"psqlodbc_test_dsn": "psqlodbcw.so", "psqlodbc_test_dsn_ansi": "psqlodbca.so"}
    text = "".join(f"[{name}]\nDriver = {name}\n{OF_ODBC}" for name in sections)
    (tests / "odbc.ini").write_text(text.format(server="127.0.0.1", port=place.port))
    drivers = (f"[{name}]\nDriver = {ODBC / file}\n" for name, file in sections.items())
    (tests / "odbcinst.ini").write_text("".join(drivers))
    files = {"ODBCSYSINI": ".", "ODBCINI": "./odbc.ini", "ODBCINSTINI": "./odbcinst.ini"}
    environment = place.environment() | files
    (tests / "results").mkdir(exist_ok=True)
    tables = tests / "sampletables.sql"
    run(["sh", "-c", f"./reset-db < {tables}"], tests, environment, directory / "tables.log")
    names = sorted(file.name.removesuffix("-test") for file in (tests / "exe").glob("*-test"))
    run(["./runsuite", *names, "--inputdir=."], tests, environment, directory / "log")
    return read_tap(directory / "log", "")


def read_tap(log: Path, of: str) -> Results:
    """Read what became of each test, from what Perl's kind of tests say.

    Tests of a file have numbers: their names tell what is another in each run.
    """
    found: Results = {}
    for line in log.read_text(errors="replace").splitlines():
        if match := OF_TAP.match(line):
            bad, name = match.group(1, 2 if of else 3)
            skipped = " # skip" in line
            found[of + name] = f"failed: {line}" if bad else "skipped" if skipped else "passed"
    return found


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
    "pgjdbc": pgjdbc,
    "pgx": pgx,
    "lib-pq": lib_pq,
    "dbd-pg": dbd_pg,
    "psqlodbc": psqlodbc,
}
