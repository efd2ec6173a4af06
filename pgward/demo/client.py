"""psql as a person runs it, with none of this machine's own settings."""

import select
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pgward.demo.crew import Crew, Done, Server, environment
from pgward.demo.errors import DemoError
from pgward.demo.layout import Layout
from pgward.system.postgres import Cluster, find_client

_WATCH = b"select 'alive' \\watch 0.1\n"


@dataclass(frozen=True, slots=True)
class Psql:
    """The program and the environment that it runs in."""

    crew: Crew
    program: str
    env: Mapping[str, str]

    @classmethod
    def near(cls, crew: Crew, cluster: Cluster, layout: Layout) -> "Psql":
        """Take the psql that belongs to the server; no file of the real home is read."""
        program = find_client("psql", cluster.bin_dir)
        env = {**environment(layout.home), "HOME": str(layout.file("nobody")), "LC_ALL": "C"}
        return cls(crew, str(program), env)

    def run(self, conninfo: str, sql: str) -> Done:
        """Run one statement; whether it worked is for the caller to judge."""
        return self.crew.run([self.program, "-XAtq", "-d", conninfo, "-c", sql], self.env)

    def query(self, conninfo: str, sql: str) -> str:
        """Run one statement that must work, and return its rows."""
        done = self.run(conninfo, sql)
        if done.code:
            raise DemoError(f"psql failed: {done.last_words}")
        return done.output.rstrip("\n")

    def refused(self, conninfo: str, because: str, *, what: str) -> str:
        """Return psql's own words about a connection that must fail for a reason."""
        done = self.run(conninfo, "select 1")
        if done.code == 0:
            raise DemoError(f"{what} was let in")
        if because not in done.messages:
            raise DemoError(f"{what} failed for another reason: {done.last_words}")
        return words(done.messages)

    def work(self, conninfo: str) -> Server:
        """Start a database session that runs a query ten times a second; return once it does."""
        command = [self.program, "-XAtq", "-d", conninfo]
        return self.crew.start("session", command, self.env, stdin=_WATCH)


def words(messages: str) -> str:
    """Return what psql said as one line, without its name and where it connected."""
    text = " ".join(messages.split())
    return text.removeprefix("psql: ").removeprefix("error: ").rpartition(" failed: ")[2]


def count_answers(session: Server, limit: float) -> int:
    """Return how often a session of ``Psql.work`` answered until now; DemoError when it ended.

    Waits for one more answer, which must come within ``limit`` seconds.
    """
    said = b""
    while select.select([session.output], [], [], 0 if said else limit)[0]:
        new = session.output.read(65536)
        if not new:
            break
        said += new
    if not said or not session.alive:
        raise DemoError("the session that ran meanwhile has ended")
    return said.count(b"\n")


def wait_for_end(session: Server, since: float, limit: float) -> float:
    """Return the seconds from ``since`` (monotonic) to the session's end; DemoError after limit."""
    if not _ended(session, since + limit):
        raise DemoError(f"the live session still works {limit:g} seconds after the revocation")
    return time.monotonic() - since


def _ended(session: Server, deadline: float) -> bool:
    """Read what the session prints until it ends, or until the deadline."""
    while (left := deadline - time.monotonic()) > 0:
        ready = select.select([session.output], [], [], left)[0]
        if ready and not session.output.read(4096):
            session.process.wait()
            return True
    return False
