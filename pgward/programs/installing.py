"""Sections of ``pg_service.conf``: what there is to do for a person, and doing it."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgward.client.config import service_file
from pgward.client.config.facts import Facts
from pgward.client.config.person_file import PersonFile
from pgward.client.config.service_file import Section
from pgward.client.services import ServiceInfo, choose
from pgward.core.errors import ConflictError, NotFoundError
from pgward.programs.finder import Finder
from pgward.system.files import FileLock
from pgward.tunnel.agent import installed

_LOCK = "config.lock"
POSTGRESQL_PORT = 5432
_LAST_PORT = 65535


def service_path() -> Path:
    """Return libpq's file of services for whoever runs this."""
    return service_file.place(os.environ, Path.home())


@dataclass(frozen=True, slots=True)
class Native:
    """The way straight to PostgreSQL: the host if it is not the server's name, and the port."""

    host: str | None
    port: int


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one service's section: added, changed, unchanged or removed."""

    service: str
    state: str
    facts: Facts | None = None

    def row(self) -> dict[str, object]:
        """Return it as people's programs read it."""
        facts = self.facts
        return {
            "service": self.service,
            "state": self.state,
            "connects_to": f"{facts.target}:{facts.port}" if facts else None,
            "use": f"psql service={self.service}" if facts else None,
        }


class Installer:
    """Changes the sections that belong to one home; ``say`` gets what is left out, and why."""

    def __init__(self, home: Path, say: Callable[[str], None]) -> None:
        self._home = home
        self._say = say
        self._lock = FileLock(home / _LOCK)
        self.path = service_path()

    def install(
        self, finder: Finder, names: Sequence[str], *, everything: bool, native: Native | None
    ) -> list[Done]:
        """Write sections of these services, or all, or those there are; drop what is gone.

        Raises ConflictError for a named service of which the person has a section, or another
        home, and then changes nothing.
        """
        services, fresh = finder.services()
        for name in names:
            choose(services, name)
        with self._lock:
            file = PersonFile.read(self.path)
            data = file.data or b""
            there = self._mine(data)
            chosen = [each for each in services if everything or each.name in (names or there)]
            if everything:
                chosen = [each for each in chosen if self._is_free(data, each.name)]
            facts = {each.name: self._facts(finder, each, native, there, names) for each in chosen}
            wanted: dict[str, bytes | None] = {}
            for name, (found, way) in facts.items():
                self._check_home(data, name)
                wanted[name] = service_file.section(found, str(self._home), native=way)
            gone = there.keys() - {each.name for each in services} if fresh else set()
            wanted |= dict.fromkeys(sorted(gone))
            return self._write(file, data, wanted, {name: f for name, (f, _) in facts.items()})

    def uninstall(self, names: Sequence[str]) -> list[Done]:
        """Remove these sections of ours, or all; raise NotFoundError for one that is not there."""
        with self._lock:
            file = PersonFile.read(self.path)
            data = file.data or b""
            there = self._mine(data)
            for name in names:
                if name not in there:
                    raise NotFoundError(f"{self.path} has no section of pgward for {name!r}")
            return self._write(file, data, dict.fromkeys(names or there), {})

    def sections(self) -> dict[str, Section]:
        """Return the sections of this home that are there."""
        return self._mine(PersonFile.read(self.path).data or b"")

    def _mine(self, data: bytes) -> dict[str, Section]:
        found = service_file.ours(data)
        return {name: each for name, each in found.items() if each.home == str(self._home)}

    def _facts(
        self,
        finder: Finder,
        service: ServiceInfo,
        native: Native | None,
        there: dict[str, Section],
        names: Iterable[str],
    ) -> tuple[Facts, str | None]:
        """Return a service's facts and way; one that is not named stays native if it is."""
        before = there.get(service.name)
        if native is None and before is not None and service.name not in names:
            native = _before(before)
        if native is None:
            return finder.reserved(service), None
        return finder.native(service, native.host, native.port), native.host or ""

    def _is_free(self, data: bytes, name: str) -> bool:
        line = service_file.own_line(data, name)
        if line is not None:
            self._say(f"{self.path} has a section [{name}] of your own in line {line}: it stays")
        return line is None

    def _check_home(self, data: bytes, name: str) -> None:
        other = service_file.ours(data).get(name)
        if other is not None and other.home != str(self._home):
            raise ConflictError(
                f"{self.path} has a section for {name} of another PGWARD_HOME: {other.home}",
                hint=f"PGWARD_HOME={other.home} pgward config uninstall {name}",
            )

    def _write(
        self,
        file: PersonFile,
        data: bytes,
        wanted: dict[str, bytes | None],
        facts: dict[str, Facts],
    ) -> list[Done]:
        before = {part.name: part.data for part in service_file.parse(data)}
        after = service_file.edit(data, wanted)
        file.replace(after)
        tunnels = [name for name, each in self._mine(after).items() if each.native is None]
        installed.record(self._home, file.path, tunnels)  # the agent opens them
        return [
            Done(name, _state(before.get(name), content), facts.get(name))
            for name, content in wanted.items()
        ]


def _before(section: Section) -> Native | None:
    if section.native is None:
        return None
    port = section.settings.get("port", "")
    number = int(port) if port.isdecimal() and int(port) <= _LAST_PORT else POSTGRESQL_PORT
    return Native(section.native or None, number)


def _state(before: bytes | None, after: bytes | None) -> str:
    if after is None:
        return "removed"
    if before is None:
        return "added"
    return "unchanged" if before == after else "changed"
