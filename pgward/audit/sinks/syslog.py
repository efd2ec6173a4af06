"""A syslog sink: RFC 5424 messages over TLS (RFC 5425), TCP (RFC 6587) or UDP (RFC 5426).

Over streams each message has its length in front. Syslog has no acknowledgement: what the kernel
took counts as delivered, and is lost if the server dies just then.
"""

import json
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from pgward.audit.sinks import tls
from pgward.audit.sinks.sink import SinkError, SinkUrl
from pgward.core.errors import InvalidInputError

OPTIONS: Final = frozenset({"facility", "hostname"})
TLS_OPTIONS: Final = OPTIONS | tls.OPTIONS
MOST_DATAGRAM: Final = 60_000
_SECONDS: Final = 10.0
_PORTS = {"syslog+tls": 6514, "syslog+tcp": 601, "syslog+udp": 514}
_AUDIT = 13  # facility "log audit"
_INFO, _NOTICE, _WARNING = 6, 5, 4
_SEVERITIES = {"ok": _INFO, "denied": _WARNING}
_FACILITIES = {f"local{number}": 16 + number for number in range(8)} | {
    "user": 1,
    "daemon": 3,
    "auth": 4,
    "authpriv": 10,
    "audit": _AUDIT,
}


class SyslogSink:
    """Sends lines as messages over one connection, that is made again when it breaks."""

    def __init__(
        self,
        connect: Callable[[], socket.socket],
        *,
        facility: int = _AUDIT,
        hostname: str = "-",
        datagrams: bool = False,
    ) -> None:
        self._connect = connect
        self._facility = facility
        self._hostname = hostname
        self._datagrams = datagrams
        self._socket: socket.socket | None = None

    @classmethod
    def of(cls, url: SinkUrl) -> Self:
        """Make it of ``syslog+tls://HOST:PORT#facility=local0``; raise InvalidInputError."""
        facility = _FACILITIES.get(url.options.get("facility", "audit"))
        if facility is None:
            raise InvalidInputError(
                "that is no syslog facility", hint=f"one of {', '.join(_FACILITIES)}"
            )
        scheme, address = url.parts.scheme, (url.host, url.parts.port or _PORTS[url.parts.scheme])
        secured = tls.context(url) if scheme == "syslog+tls" else None
        datagrams = scheme == "syslog+udp"
        return cls(
            lambda: _datagram(address) if datagrams else _stream(address, secured),
            facility=facility,
            hostname=url.options.get("hostname", socket.gethostname()),
            datagrams=datagrams,
        )

    def deliver(self, lines: Sequence[bytes]) -> None:
        """Send lines; raise SinkError."""
        try:
            if self._socket is None or self._has_hung_up(self._socket):
                self.close()
                self._socket = self._connect()
            if self._datagrams:
                for line in lines:
                    self._socket.send(self._message(line))
            else:
                messages = (self._message(line) for line in lines)
                self._socket.sendall(b"".join(b"%d %b" % (len(m), m) for m in messages))
        except OSError as error:
            self.close()
            raise SinkError(f"syslog does not take records: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _message(self, line: bytes) -> bytes:
        record = json.loads(line)
        priority = self._facility * 8 + _SEVERITIES.get(record.get("status"), _NOTICE)
        moment, kind = record.get("time") or "-", record.get("type") or "-"
        header = f"<{priority}>1 {moment} {self._hostname} pgward - {kind} - "
        if self._datagrams and len(line) > MOST_DATAGRAM:
            line = _instead(record, len(line))
        return header.encode("ascii", "replace") + line

    def _has_hung_up(self, sock: socket.socket) -> bool:
        """Look whether the server closed, which a send would learn one batch too late."""
        if self._datagrams:
            return False
        sock.setblocking(False)
        try:
            return not sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            sock.settimeout(_SECONDS)


def _instead(record: dict[str, Any], size: int) -> bytes:
    """Return what a datagram says of a record that it cannot hold."""
    kept = {name: record.get(name) for name in ("seq", "id", "type", "time", "user", "service")}
    hashed = {name: record[name] for name in ("hash",) if name in record}
    return json.dumps(kept | {"too_large": size} | hashed).encode()


def _datagram(address: tuple[str, int]) -> socket.socket:
    family, _, _, _, found = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.settimeout(_SECONDS)
    made.connect(found)
    return made


def _stream(address: tuple[str, int], secured: ssl.SSLContext | None) -> socket.socket:
    made = socket.create_connection(address, _SECONDS)
    if secured is None:
        return made
    try:
        return secured.wrap_socket(made, server_hostname=address[0])
    except BaseException:  # interrupted as well: nobody else has the socket yet
        made.close()
        raise
