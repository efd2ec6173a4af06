"""Asking the agent. Imported by commands that must start at once: sockets and JSON, no more."""

import os
import socket
import stat
import time
from collections.abc import Mapping
from typing import Any, Self

from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError
from pgward.system.unix_socket import mine, unix_path
from pgward.tunnel.agent import protocol

CONNECT_SECONDS = 2.0
# Nothing that the agent is asked takes longer: a dial, a renewal, a port that is looked for.
MOST_SECONDS = 120.0
_CHUNK = 64 * 1024


class AgentAwayError(UnavailableError):
    """No agent runs for this home."""

    def __init__(self, message: str = "no agent runs") -> None:
        super().__init__(message, hint="pgward agent start")


def socket_path(home: "os.PathLike[str] | str") -> str:
    """Return where the agent of a home listens."""
    return os.path.join(home, "run", "agent.sock")  # noqa: PTH118 - pathlib is a slow import


class AgentClient:
    """A connection to the agent of one home, for one request after the other.

    Raises AgentAwayError when none runs, UnavailableError when it does not answer.
    """

    def __init__(self, home: "os.PathLike[str] | str") -> None:
        self._received = b""
        path = socket_path(home)
        _check_directory(os.path.dirname(path))  # noqa: PTH120 - as above
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.connect(unix_path(path))
            _check_peer(self._socket)
        except (OSError, InvalidInputError) as error:
            self._socket.close()
            if isinstance(error, TimeoutError | BlockingIOError):
                raise UnavailableError(_HANGS, hint=HANGS_HINT) from error
            raise AgentAwayError from error
        except BaseException:  # Ctrl-C as well leaves no socket: nobody has it yet
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def call(self, op: str, **fields: Any) -> dict[str, Any]:
        """Ask, and return the answer; raise the error that it tells."""
        deadline = time.monotonic() + MOST_SECONDS
        try:
            self._socket.settimeout(protocol.PATIENCE_SECONDS)
            self._socket.sendall(protocol.encode({"op": op, **fields}))
            while time.monotonic() < deadline:
                reply = protocol.decode(self._line())
                if reply != protocol.WORKING:
                    return protocol.result(reply)
        except TimeoutError as error:
            raise UnavailableError(_HANGS, hint=HANGS_HINT) from error
        except OSError as error:
            raise AgentAwayError("the agent ended") from error
        raise UnavailableError(_HANGS, hint=HANGS_HINT)

    def _line(self) -> bytes:
        while b"\n" not in self._received:
            if len(self._received) > protocol.MAX_REPLY:
                raise protocol.ProtocolError("the agent says more than anybody asked")
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                raise AgentAwayError("the agent ended")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line


_HANGS = "the agent does not answer"
HANGS_HINT = "pgward agent stop, then pgward agent start"


def ask(home: "os.PathLike[str] | str", op: str, **fields: Any) -> dict[str, Any]:
    """Ask one thing; raise as ``AgentClient`` and ``AgentClient.call`` do."""
    with AgentClient(home) as client:
        return client.call(op, **fields)


def running(home: "os.PathLike[str] | str") -> Mapping[str, Any] | None:
    """Return what the agent says of itself; None when none runs."""
    try:
        return ask(home, "ping")
    except AgentAwayError:
        return None


def _check_peer(connection: socket.socket) -> None:
    if not mine(connection):
        raise AgentAwayError("what listens in the agent's place is not yours")


def _check_directory(directory: str) -> None:
    """See that nobody else can put a socket there."""
    try:
        status = os.stat(directory)  # noqa: PTH116 - pathlib is a slow import
    except OSError as error:
        raise AgentAwayError from error
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise PgwardError(
            f"{directory} is open to others, so whoever listens there is not believed",
            hint=f"chmod 700 {directory}",
        )
