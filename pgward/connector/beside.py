"""A look at servers beside a connector that serves, or without one: nothing is changed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pgward.client.machine import Machine
from pgward.connector.assignment import Assignment, Told
from pgward.connector.ca import ConnectorCa
from pgward.connector.checking import Finding, check
from pgward.connector.executing import reconcile
from pgward.connector.logins import Logins, Places
from pgward.connector.server import PostgresServer
from pgward.connector.tls_files import TlsFiles
from pgward.core.errors import NotFoundError


class Look:
    """What the CA says now, and the servers that it speaks of."""

    def __init__(self, machine: Machine, told: Told, ca: ConnectorCa, files: TlsFiles) -> None:
        self._machine = machine
        self._told = told
        self._ca = ca
        self._files = files
        self._places = Places(private=[machine.directory])

    @classmethod
    @contextmanager
    def open(cls, directory: Path, machine: Machine) -> Iterator[Self]:
        """Ask the CA; raise UnavailableError, DeniedError."""
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        ca = ConnectorCa(machine)
        told = Told.read(ca.wanted(0, None, 0))
        files = TlsFiles(directory, lambda: machine.paths.ca)
        look = cls(machine, told, ca, files)
        try:
            yield look
        finally:
            look._places.close()
            machine.close()

    def assignments(self, name: str | None) -> list[Assignment]:
        """Return those of all integrations, or of one; raise NotFoundError."""
        if name is not None and name not in self._told.integrations:
            known = ", ".join(sorted(self._told.integrations)) or "none"
            raise NotFoundError(
                f"this connector has no integration {name!r}", hint=f"it has {known}"
            )
        chosen = sorted(self._told.integrations) if name is None else [name]
        return [Assignment.read(self._told.integrations[each]) for each in chosen]

    def plan(self, assignment: Assignment) -> dict[str, Any]:
        """Return what would be run on a server now."""
        with self._server(assignment) as server:
            live = assignment.wanted.live(self._told.now)
            outcome = reconcile(server, assignment.name, live, look=True)
            return {
                "integration": assignment.name,
                "server": assignment.settings.address,
                "server_version": server.version,
                "statements": [
                    {"database": each.database, "sql": each.sql} for each in outcome.statements
                ],
                "problems": [*outcome.problems, *outcome.failed.values()],
            }

    def check(self, assignment: Assignment) -> list[Finding]:
        """Return what is as it should be there, and what is not."""
        with self._server(assignment) as server:
            heir = assignment.wanted.reassign_to
            return check(assignment.name, assignment.settings, server, heir=heir)

    @contextmanager
    def _server(self, assignment: Assignment) -> Iterator[PostgresServer]:
        logins = Logins(assignment.name, self._ca, self._places, self._files)
        server = PostgresServer(assignment.name, self._machine.name, assignment.settings, logins)
        try:
            yield server
        finally:
            server.close()
            logins.close()
