"""Figures of the agent's answers: what changed between two of them, a second. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pgward.core.clock import parse_rfc3339


@dataclass(frozen=True, slots=True)
class Service:
    """A service, with the tunnel to it if there is one; rates are bytes a second."""

    name: str
    state: str  # open, waits, closed
    address: str
    active: int
    total: int
    up: float
    down: float
    problem: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A database connection: bytes up to the database and down from it, and their rates."""

    number: int
    service: str
    client: str
    seconds: float
    up: int
    down: int
    up_rate: float
    down_rate: float


@dataclass(frozen=True, slots=True)
class Clocks:
    """Who is logged in and until when, by the agent's clock."""

    now: datetime
    user: str | None
    logged_in: bool
    login: datetime | None
    certificate: datetime | None
    problem: str


@dataclass(frozen=True, slots=True)
class Figures:
    """One picture."""

    services: tuple[Service, ...]
    connections: tuple[Connection, ...]
    clocks: Clocks


@dataclass(slots=True)
class Meter:
    """Makes pictures of answers; remembers the counts of the one before."""

    _before: dict[int, tuple[int, int]] = field(default_factory=dict)
    _at: float | None = None

    def picture(self, answer: Mapping[str, Any], names: Sequence[str], at: float) -> Figures:
        """Return the picture of an answer that came ``at`` (seconds, monotonic).

        ``names`` are the services that may be connected to.
        """
        passed = at - self._at if self._at is not None else 0.0
        connections = tuple(self._connection(row, passed) for row in answer["connections"])
        self._before = {each.number: (each.up, each.down) for each in connections}
        self._at = at
        return Figures(
            _services(answer["tunnels"], names, connections), connections, _clocks(answer)
        )

    def _connection(self, row: Mapping[str, Any], passed: float) -> Connection:
        number, up, down = int(row["number"]), int(row["up"]), int(row["down"])
        # What is new since the last answer carried all of its bytes meanwhile.
        before = self._before.get(number, (0, 0) if row["seconds"] <= passed else (up, down))
        return Connection(
            number,
            str(row["service"]),
            _client(row),
            float(row["seconds"]),
            up,
            down,
            _rate(up - before[0], passed),
            _rate(down - before[1], passed),
        )


def _rate(count: int, passed: float) -> float:
    return max(0, count) / passed if passed > 0 else 0.0


def _client(row: Mapping[str, Any]) -> str:
    if row.get("pid") is None:
        return ""
    return f"{row.get('program') or '?'} ({row['pid']})"


def _services(
    tunnels: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    connections: Sequence[Connection],
) -> tuple[Service, ...]:
    known = {str(row["service"]): row for row in tunnels}
    return tuple(
        _service(name, known.get(name), [each for each in connections if each.service == name])
        for name in sorted({*names, *known})
    )


def _service(
    name: str, row: Mapping[str, Any] | None, connections: Sequence[Connection]
) -> Service:
    if row is None:
        return Service(name, "closed", "", 0, 0, 0.0, 0.0, "")
    address = row.get("address")
    trouble = row.get("problem") if not row.get("ready_links") else None
    return Service(
        name,
        "open" if address else "waits",
        str(address or ""),
        int(row.get("active") or 0),
        int(row.get("total") or 0),
        sum(each.up_rate for each in connections),
        sum(each.down_rate for each in connections),
        str(trouble or ""),
    )


def _clocks(answer: Mapping[str, Any]) -> Clocks:
    login = answer["login"]
    return Clocks(
        parse_rfc3339(answer["now"]),
        login.get("user"),
        bool(login.get("logged_in")),
        _moment(login.get("session_expires_at")),
        _moment(login.get("certificate_expires_at")),
        str(login.get("problem") or ""),
    )


def _moment(text: str | None) -> datetime | None:
    return parse_rfc3339(text) if text else None
