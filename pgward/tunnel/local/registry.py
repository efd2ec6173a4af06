"""The tunnels of one home: what each is, where it listens, and which ports they got.

``run/<service>.json`` is written by a tunnel when it is ready and removed when it ends; a
file whose process is gone is a leftover. ``run/<service>.ctl`` is its control socket.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pgward.core.errors import InvalidInputError
from pgward.core.names import resource_name
from pgward.system.files import FileLock, atomic_write, private_dir, storage_errors
from pgward.system.process import ProcessId
from pgward.system.unix_socket import unix_path

CONTROL_TIMEOUT = 2.0
_MAX_ANSWER = 64 * 1024
_LAST_PORT = 65535
_TOO_LARGE = 2**31


@dataclass(frozen=True, slots=True)
class Running:
    """A tunnel that runs: ``host`` and ``port``, or the directory of a Unix socket as host.

    With ``agent`` the process is the agent, which holds others as well.
    """

    service: str
    pid: int
    started: float
    host: str
    port: int
    conninfo: str
    agent: bool = False

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read what a registry or a ready message holds; raise TypeError, KeyError, ValueError."""
        return cls(
            service=str(fields["service"]),
            pid=_positive(fields["pid"]),
            started=float(fields["started"]),
            host=str(fields["host"]),
            port=_positive(fields["port"]),
            conninfo=str(fields["conninfo"]),
            agent=fields.get("agent") is True,
        )

    @property
    def address(self) -> str:
        """Where it listens, as people read it."""
        return self.host if self.host.startswith("/") else f"{self.host}:{self.port}"

    @property
    def process(self) -> ProcessId:
        """The tunnel's process."""
        return ProcessId(self.pid, self.started)


class Registry:
    """Reads and writes the ``run`` directory and ``ports.json`` of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.directory = home / "run"

    def add(self, running: Running) -> None:
        """Make a tunnel known."""
        private_dir(self.directory)
        atomic_write(self._path(running.service), json.dumps(asdict(running)).encode())

    def remove(self, service: str) -> None:
        """Forget a tunnel."""
        with storage_errors(self.directory, "remove"):
            self._path(service).unlink(missing_ok=True)
            self.control_path(service).unlink(missing_ok=True)

    def get(self, service: str) -> Running | None:
        """Return the tunnel of a service if its process lives."""
        path = self._path(service)
        try:
            running = Running.read(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            self.remove(service)  # cut short by a full disk: it says nothing of use
            return None
        if not running.process.alive():
            self.remove(service)
            return None
        return running

    def all(self) -> list[Running]:
        """Return every tunnel whose process lives, by name."""
        names = sorted(path.stem for path in self.directory.glob("*.json"))
        known = [self.get(name) for name in names if _is_name(name)]
        return [running for running in known if running is not None]

    def control_path(self, service: str) -> Path:
        """Return where a tunnel answers questions."""
        return self.directory / f"{resource_name(service, what='service')}.ctl"

    def socket_directory(self, service: str) -> Path:
        """Return the 0700 directory of a tunnel's Unix socket for libpq."""
        name = resource_name(service, what="service")
        return private_dir(private_dir(self.directory) / name)

    def remembered_port(self, service: str) -> int | None:
        """Return the port that the service had last."""
        return self._ports().get(service)

    def ports_lock(self) -> FileLock:
        """Return the lock under which ports are given away: configurations rely on them."""
        return FileLock(self._home / "ports.lock")

    def remember_port(self, service: str, port: int) -> None:
        """Give the service this port next time, too; the caller holds ``ports_lock``."""
        ports = {**self._ports(), service: port}
        atomic_write(self._home / "ports.json", json.dumps(ports, indent=2).encode())

    def owner_of_port(self, port: int) -> str | None:
        """Return the service that has this port, if one has."""
        return next((name for name, theirs in self._ports().items() if theirs == port), None)

    def reserved_ports(self) -> set[int]:
        """Return the ports that belong to some service."""
        return set(self._ports().values())

    def _ports(self) -> dict[str, int]:
        try:
            ports = json.loads((self._home / "ports.json").read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            return {}  # a convenience: without it a service gets another port
        if not isinstance(ports, dict):
            return {}
        return {name: port for name, port in ports.items() if _is_port(port)}

    def _path(self, service: str) -> Path:
        return self.directory / f"{resource_name(service, what='service')}.json"


def _is_name(text: str) -> bool:
    try:
        return resource_name(text) == text
    except InvalidInputError:
        return False


def _is_port(value: object) -> bool:
    return isinstance(value, int) and 0 < value <= _LAST_PORT


def _positive(value: object) -> int:
    if not isinstance(value, int) or not 0 < value < _TOO_LARGE:
        raise ValueError(f"{value!r} is no pid or port")
    return value


def ask(path: Path) -> dict[str, Any] | None:
    """Return what a running tunnel says of itself; None when it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(CONTROL_TIMEOUT)
            client.connect(unix_path(path))
            received = b""
            while chunk := client.recv(_MAX_ANSWER):
                received += chunk
                if len(received) > _MAX_ANSWER:
                    return None
        answer = json.loads(received)
    except (OSError, ValueError, InvalidInputError):
        return None
    return answer if isinstance(answer, dict) else None


async def answer(path: Path, describe: Callable[[], Mapping[str, object]]) -> asyncio.Server:
    """Serve ``describe()`` as JSON to whoever connects to the control socket."""
    private_dir(path.parent)
    path.unlink(missing_ok=True)  # noqa: ASYNC240 - once, at start

    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(describe()).encode())
        try:
            await writer.drain()
        except OSError:
            return
        finally:
            writer.close()

    return await asyncio.start_unix_server(reply, unix_path(path))
