"""Where a tunnel listens, and what is told of it to those who look for it."""

import os
import socket
from pathlib import Path

from pgward.client.conninfo import conninfo, tls_fields
from pgward.client.services import ServiceInfo
from pgward.client.session import Session
from pgward.system.process import ProcessId
from pgward.system.unix_socket import unix_path
from pgward.tunnel.local import ports
from pgward.tunnel.local.registry import Registry, Running

SOCKET_PORT = 5432


def listen(
    registry: Registry, service: str, port: int | None, *, unix: bool
) -> tuple[socket.socket, str | None]:
    """Return a listening socket and what to say about it; as ``ports.listen``, or on a path."""
    if not unix:
        return ports.listen(registry, service, port)
    path = socket_path(registry, service)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(unix_path(path))
        listener.listen(ports.BACKLOG)
    except BaseException:  # Ctrl-C as well leaves no socket
        listener.close()
        raise
    return listener, None


def socket_path(registry: Registry, service: str) -> Path:
    """Return where libpq looks for a tunnel's Unix socket."""
    return registry.socket_directory(service) / f".s.PGSQL.{SOCKET_PORT}"


def running(
    listener: socket.socket, session: Session, service: ServiceInfo, *, agent: bool = False
) -> Running:
    """Return how this process's tunnel is known to others."""
    name: str | tuple[str, int] = listener.getsockname()
    host, port = (
        name if isinstance(name, tuple) else (str(Path(name).absolute().parent), SOCKET_PORT)
    )
    me = ProcessId.of(os.getpid())
    text = connection_string(session, service, host, port)
    return Running(service.name, me.pid, me.started, host, port, text, agent)


def connection_string(session: Session, service: ServiceInfo, host: str, port: int) -> str:
    """Return libpq's connection string through a tunnel at ``host`` (an address or directory)."""
    on_socket = host.startswith("/")
    return conninfo(
        service,
        host=host if on_socket else None,
        hostaddr=None if on_socket else host,
        port=port,
        user=service.role_for(session.user.name),
        paths=session.paths,
    )


def libpq_environment(
    session: Session, service: ServiceInfo, host: str, port: int
) -> dict[str, str]:
    """Return libpq's variables for a tunnel, so that psql's own options still win over them."""
    environment = {"PGUSER": service.role_for(session.user.name), "PGPORT": str(port)}
    if service.database:
        environment["PGDATABASE"] = service.database
    if host.startswith("/"):
        return environment | {"PGHOST": host}
    tls = tls_fields(session.paths, service.ssl_mode)
    return (
        environment
        | {"PGHOST": service.server_name, "PGHOSTADDR": host}
        | {f"PG{key.upper()}": str(value) for key, value in tls.items()}
    )
