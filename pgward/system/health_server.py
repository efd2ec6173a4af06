"""Tells how a process fares: on a Unix socket to its own account, over HTTP to whoever asks."""

import contextlib
import http.server
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from pgward.core.address import Address
from pgward.core.errors import ConflictError, NotFoundError, PgwardError, UnavailableError
from pgward.system.exposition import CONTENT_TYPE
from pgward.system.files import storage_errors
from pgward.system.unix_socket import unix_path

SECONDS = 5.0
MOST_CONNECTIONS = 16
_MAX_STATUS = 1024 * 1024


class Report(Protocol):
    """One look at all that a process does."""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return all that an administrator may know."""
        ...

    def checks(self) -> dict[str, Any]:
        """Return what anyone may know: names and states."""
        ...

    def metrics(self) -> str:
        """Return it in Prometheus' text format."""
        ...


Look = Callable[[], Report]


class HealthServer:
    """``/healthz``, ``/readyz`` and ``/metrics``, in threads; a few at a time."""

    def __init__(self, address: Address, look: Look) -> None:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        room = threading.BoundedSemaphore(MOST_CONNECTIONS)

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            address_family = family

            def process_request(self, request: Any, client_address: Any) -> None:
                if not room.acquire(blocking=False):
                    self.shutdown_request(request)
                    return
                super().process_request(request, client_address)

            def process_request_thread(self, request: Any, client_address: Any) -> None:
                try:
                    super().process_request_thread(request, client_address)
                finally:
                    room.release()

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing: a client went away."""

        try:
            self._server = Server((address.host, address.port), _handler(look))
        except OSError as error:
            raise ConflictError(
                f"cannot listen on {address}: {(error.strerror or str(error)).lower()}",
                hint="choose another address with --health",
            ) from error
        self.address = Address(address.host, int(self._server.server_address[1]))
        threading.Thread(
            target=self._server.serve_forever, name="pgward-health", daemon=True
        ).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class StatusSocket:
    """Writes the whole status, as JSON, to whoever connects: its own account, and root.

    Raises InvalidInputError when the path is too long, StorageError.
    """

    def __init__(self, path: Path, look: Look) -> None:
        self._path = path
        self._look = look
        self._socket = _bound(path)
        self._inode = _inode(path)
        self._thread = threading.Thread(target=self._serve, name="pgward-status", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):  # macOS has none of a socket that listens
            self._socket.shutdown(socket.SHUT_RDWR)
        # It may be about to accept by a descriptor whose number is somebody else's once it is free.
        self._thread.join(SECONDS)
        self._socket.close()
        if _inode(self._path) == self._inode:  # else the directory is another, and another's
            self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # it was closed
            with connection:
                connection.settimeout(SECONDS)
                try:
                    connection.sendall(json.dumps(self._look().facts()).encode())
                except OSError:
                    continue  # whoever asked went away


def _bound(path: Path) -> socket.socket:
    name = unix_path(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o177)
    try:
        with storage_errors(path, "make"):
            path.unlink(missing_ok=True)  # the process's lock is ours, so nobody listens there
            sock.bind(name)
            sock.listen(8)
    except PgwardError:
        sock.close()
        raise
    finally:
        os.umask(former)
    return sock


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def ask(path: Path, *, missing: NotFoundError, who: str = "agent") -> dict[str, Any]:
    """Return the status of the process that listens at ``path``; raise ``missing`` without one."""
    parts: list[bytes] = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(SECONDS)
            sock.connect(unix_path(path))
            while sum(map(len, parts)) < _MAX_STATUS and (part := sock.recv(65536)):
                parts.append(part)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise missing from error
    except OSError as error:
        raise UnavailableError(
            f"the {who} does not answer: {(error.strerror or str(error)).lower()}",
            hint="its log tells more",
        ) from error
    try:
        found: dict[str, Any] = json.loads(b"".join(parts))
    except ValueError as error:
        raise UnavailableError(f"the {who} went away while it answered") from error
    return found


def _handler(look: Look) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = SECONDS
        server_version = "pgward"
        sys_version = ""

        def do_GET(self) -> None:
            status, kind, body = _answer(self.path.partition("?")[0], look)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing: a check every second is no news."""

    return Handler


def _answer(path: str, look: Look) -> tuple[HTTPStatus, str, bytes]:
    if path == "/healthz":
        return HTTPStatus.OK, "application/json", b'{"status":"ok"}\n'
    if path == "/readyz":
        report = look()
        status = HTTPStatus.OK if report.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return status, "application/json", json.dumps(report.checks()).encode() + b"\n"
    if path == "/metrics":
        return HTTPStatus.OK, CONTENT_TYPE, look().metrics().encode()
    return HTTPStatus.NOT_FOUND, "text/plain", b"not found\n"
