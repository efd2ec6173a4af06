"""The password of a database is nowhere but in the memory of edges, and sealed at the CA."""

import random
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from pgward.client.home import Home
from tests.fixtures import canaries
from tests.fixtures.ca import pgward
from tests.fixtures.waiting import eventually
from tests.fixtures.warm import executed
from tests.integration.aware.test_completeness import unique_name

pytestmark = [pytest.mark.integration, pytest.mark.soak]

SAID = {
    "role": "canary-Rv8tQ2-role",
    "mapping": "canary-Uw3kL9-mapping",
    "connection": "canary-Px5nB7-connection",
    "parameter": "canary-Jd4hM1-wrong",
}


class World:
    """A stack of its own, whose processes show their own arguments and environments."""

    def __init__(self, stack):
        self.stack, self.site, self.edge = stack, stack.site, stack.edge
        self.person = stack.person()
        self.service = stack.aware(self.person, name=unique_name())
        self.paths = Home(self.person.home).paths

    def connect(self, **options):
        fields = {
            "host": f"{self.service.name}.edge.test",
            "hostaddr": "127.0.0.1",
            "port": self.edge.port,
            "user": self.person.name,
            "sslmode": "verify-full",
            "sslcert": str(self.paths.cert),
            "sslkey": str(self.paths.key),
            "sslrootcert": str(self.paths.ca),
        }
        return psycopg.connect(**fields | options, autocommit=True)

    def found(self, *words: str) -> list[str]:
        """Return where any of the words is."""
        processes = [self.site.ca.process.pid, self.edge.process.pid]
        return [
            *canaries.in_files(words, self.site.directory),
            *canaries.in_processes(words, *processes),
        ]

    def processes(self) -> list[psutil.Process]:
        """Return the edge's workers and its auditor."""
        return psutil.Process(self.edge.process.pid).children(recursive=True)

    def lets_in(self) -> bool:
        """Try a connection."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def refused(self, service: str) -> bool:
        """Tell whether PostgreSQL refuses the edge's own password."""
        with pytest.raises(psycopg.OperationalError) as told:
            self.connect(host=f"{service}.edge.test")
        return "does not let the edge in" in str(told.value)

    def crash(self) -> None:
        """End each process of the edge by what would leave a core file; they come back."""
        for each in self.processes():
            assert " 0 " in _limit(each.pid, "Max core file size")
            each.send_signal(random.choice((signal.SIGABRT, signal.SIGSEGV)))
            eventually(lambda gone=each: _is_gone(gone), what="it lives on")
        eventually(self.lets_in, what="the edge did not come back")

    def backup(self) -> Path:
        """Make a backup, and return what is restored from it: its files are in clear."""
        word = self.site.directory / "word"
        word.touch(mode=0o600)
        word.write_text("open sesame open sesame\n")
        file, restored = self.site.directory / "b.age", self.site.directory / "restored"
        for words in (("backup", self.site.ca.directory, file), ("restore", file, restored)):
            done = pgward("ca", *words, "--passphrase-file", word)
            assert done.returncode == 0, done.stderr
        return restored


def _limit(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith(name))


def _is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def world(own_stack):
    own_stack.edge.close()
    with executed():
        own_stack.edges.clear()
        own_stack.new_edge("--workers", "2", "--log-level", "debug")
        world = World(own_stack)
        # Each worker hears of a service by itself.
        eventually(lambda: all(world.lets_in() for _ in range(8)), what="nobody is let in")
        yield world


def say_secrets(connection: psycopg.Connection) -> None:
    """Have passwords in statements, some of which PostgreSQL refuses."""
    for text in (
        f"alter role nobody_of_that_name password '{SAID['role']}'",
        f"create user mapping for x server y options (user 'u', password '{SAID['mapping']}')",
        f"create subscription s connection 'host=h password={SAID['connection']}' publication p",
    ):
        with pytest.raises(psycopg.Error):
            connection.execute(text)
        with pytest.raises(psycopg.Error):
            connection.execute(text, prepare=True)


def test_no_password_of_a_database_is_in_any_log_file_record_or_backup(world):
    site = world.site
    other = "canary-Kc6wZ0-rotated"
    words = (world.service.password, other, *SAID.values())
    with world.connect() as connection:
        say_secrets(connection)
        assert world.found(*words) == []  # while it is on tape
        broken = world.stack.aware(world.person, name=unique_name())
        site.admin.ok("secret", "rotate", broken.name, stdin=other)
        eventually(lambda: world.refused(broken.name), what="nobody is told of a wrong secret")
        world.crash()
    world.backup()
    assert world.found(*words) == []
    left = world.processes()
    world.edge.kill()  # its workers have the port for a moment longer
    eventually(lambda: all(map(_is_gone, left)), what="workers live on")
    world.edge.restart()
    assert world.found(*words) == []
    assert canaries.in_files([world.service.name], site.directory) != []  # it does look
