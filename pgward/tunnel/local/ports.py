"""Which local port a tunnel gets, and who holds one that is taken."""

import errno
import socket

from pgward.core.errors import ConflictError
from pgward.system.process import port_holder
from pgward.tunnel.local.registry import Registry

FIRST_PORT = 15432
LAST_PORT = 15932
FIRST_UNPRIVILEGED = 1024
HOST = "127.0.0.1"
BACKLOG = 1024


def listen(
    registry: Registry, service: str, wanted: int | None
) -> tuple[socket.socket, str | None]:
    """Return a listening socket, and what to tell the person about the port, if anything.

    ``wanted`` None takes the service's own port, else the first free one; 0 any port of the
    system's choice, which is not remembered. Raises ConflictError for a wanted port in use.
    """
    if wanted is not None:
        return _listen_at(registry, service, wanted), None
    remembered = registry.remembered_port(service)
    if remembered is not None and (sock := _try(remembered)) is not None:
        return sock, None
    with registry.ports_lock():
        sock = _first_free(registry)
        port = sock.getsockname()[1]
        if remembered is None:
            registry.remember_port(service, port)
            return sock, None
    return sock, f"{_taken(remembered)}; using {port} for now"


def reserve(registry: Registry, service: str) -> int:
    """Return the port that the service's tunnel gets, the first free one from now on if none."""
    with registry.ports_lock():
        remembered = registry.remembered_port(service)
        if remembered is not None:
            return remembered
        with _first_free(registry) as free:
            port = int(free.getsockname()[1])
        registry.remember_port(service, port)
        return port


def _listen_at(registry: Registry, service: str, port: int) -> socket.socket:
    with registry.ports_lock():
        owner = registry.owner_of_port(port)
        if owner not in (None, service):  # its configurations would lead to this service
            raise ConflictError(f"port {port} is reserved for {owner}", hint=_free_hint(registry))
        sock = _try(port)
        if sock is None:
            raise ConflictError(_taken(port), hint=_free_hint(registry))
        if port:
            registry.remember_port(service, port)
    return sock


def _free_hint(registry: Registry) -> str:
    with _first_free(registry) as free:
        return f"--port {free.getsockname()[1]} is free"


def _first_free(registry: Registry) -> socket.socket:
    taken = registry.reserved_ports()
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if port not in taken and (sock := _try(port)) is not None:
            return sock
    sock = _try(0)
    if sock is None:
        raise ConflictError(
            "this machine has no free port", hint="pgward status; pgward disconnect"
        )
    return sock


def _try(port: int) -> socket.socket | None:
    try:
        return socket.create_server((HOST, port), backlog=BACKLOG)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise


def _taken(port: int) -> str:
    holder = port_holder(port)
    if holder is None and port < FIRST_UNPRIVILEGED:
        return f"port {port} is for the administrator of this machine only"
    return f"port {port} is taken by {holder or 'another process'}"
