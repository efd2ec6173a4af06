"""PGDG's packages on RHEL: their paths, their way to begin, PostgreSQL's programs of npm."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgward.system.postgres import free_port, temporary_directory
from tests.fixtures.ca import Person, Site
from tests.fixtures.edge_process import eventually
from tests.fixtures.layout import Layout, layout
from tests.fixtures.material import Login, psql
from tests.fixtures.postgres import matrix_binaries

pytestmark = [pytest.mark.integration, pytest.mark.soak]
VERSION = 16
TOP, PROGRAMS = f"/var/lib/pgsql/{VERSION}", f"/usr/pgsql-{VERSION}"
DATA = f"{TOP}/data"
# What the package's postgresql.conf.sample has otherwise than PostgreSQL's own.
SAMPLE = """
logging_collector = on
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
unix_socket_directories = '/run/postgresql, {run}'
"""


@dataclass
class Rhel:
    """A server at PGDG's paths; ``place`` is the machine that has them."""

    place: Layout
    port: int
    server: "subprocess.Popen[bytes] | None" = None

    def as_server(self, *words: object) -> str:
        return self.place.ok("runuser", "-u", "postgres", "--", *words)

    def sql(self, text: str) -> str:
        """As the package's own account does it: by the first socket, and peer."""
        return self.as_server(
            "psql", "-XAtqw", "-h", "/run/postgresql", "-p", self.port, "-c", text
        )

    def start(self) -> None:
        """As the unit does: the program itself, and a slash behind the directory."""
        words = ["nsenter", f"--target={self.place.pid}", "--mount", "--"]
        words += ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        words += [f"{PROGRAMS}/bin/postgres", "-D", f"{DATA}/"]
        self.server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ready = ("pg_isready", "-q", "-h", "/run/postgresql", "-p", self.port)
        eventually(lambda: self.place.run(*ready).returncode == 0, what="it did not start")

    def stop(self) -> None:
        """As the unit does: SIGINT."""
        if self.server is not None and self.server.poll() is None:
            pid = self.place.ok("head", "-1", f"{DATA}/postmaster.pid").strip()
            self.place.ok("kill", "-INT", pid)
            self.server.wait(30)


@pytest.fixture
def rhel() -> Iterator[Rhel]:
    """A cluster as ``postgresql-16-setup initdb`` makes it, and its unit starts it."""
    programs = matrix_binaries(VERSION).parent
    with (
        temporary_directory() as directory,
        layout(directory, ["/usr", "/var/lib", "/run"]) as place,
    ):
        place.ok("mkdir", "-p", PROGRAMS, TOP, "/run/postgresql")
        place.ok("mount", "--bind", programs, PROGRAMS)
        place.ok("chown", "-R", "postgres:postgres", "/var/lib/pgsql", "/run/postgresql")
        made = Rhel(place, free_port())
        made.as_server(
            f"{PROGRAMS}/bin/initdb", f"--pgdata={DATA}/", *("-A", "scram-sha-256"),
            *("--auth-local=peer", "--no-sync"),
        )  # fmt: skip
        made.as_server("mkdir", "-m", "700", f"{DATA}/log")
        more = SAMPLE.format(run=directory) + f"port = {made.port}\nfsync = off\n"
        place.ok("tee", "-a", f"{DATA}/postgresql.conf", stdin=more)
        directory.chmod(0o777)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def token(site: Site) -> str:
    body = {"kind": "host", "name": site.unique("rhel"), "dns": ["localhost"]}
    return str(site.api.post("/v1/tokens", body)["token"])


def login(who: Person) -> Login:
    current = who.home / "identity" / "current"
    return Login(None, *(current / name for name in ("login.crt", "login.key", "ca.crt")))


def test_pgdgs_layout(rhel: Rhel, own_site: Site) -> None:
    alice = own_site.person()
    rhel.sql(f'create role "{alice.name}" login')
    arguments = ("--data-dir", DATA, "--dns", "localhost", "--token-file", "-")
    done = rhel.place.pgward("hba", "apply", *arguments, stdin=token(own_site))
    assert done.returncode == 0, done.stderr
    assert f"configured PostgreSQL {VERSION} in {DATA}\nthe running server took it" in done.stderr
    entered = login(alice).conninfo(rhel.port, alice.name)
    assert psql(entered).stdout == f"{alice.name}\n"
    assert psql(login(alice).conninfo(rhel.port, alice.name, sslcert="", sslkey="")).returncode == 2
    owners = rhel.place.ok("find", DATA, "!", "-user", "postgres")
    assert owners == ""

    checked = rhel.place.pgward("hba", "check", "--data-dir", DATA, "-o", "json")
    assert (checked.returncode, '"severity": "error"' in checked.stdout) == (0, False)
    logged = rhel.place.pgward("hba", "logs", "--data-dir", DATA, "-o", "json")
    assert (logged.returncode, alice.name in logged.stdout) == (0, True), logged.stderr

    rhel.stop()
    rhel.start()
    assert psql(entered).stdout == f"{alice.name}\n"
    again = rhel.place.pgward("hba", "refresh", "--data-dir", DATA)
    assert "nothing to change" in again.stderr, again.stderr
    assert not Path(PROGRAMS).exists(), "the machine itself stays as it was"
