"""``host:port`` values."""

from dataclasses import dataclass
from typing import Self

from pgward.core.errors import InvalidInputError

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A host name or IP literal (without brackets) and a TCP port, 0 to 65535."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, default_port: int | None = None) -> Self:
        """Read ``host:port``, ``[v6]:port`` or, with a default port, ``host`` alone."""
        host, separator, port = text.rpartition(":")
        if not separator or "]" in port:
            host, port = text, "" if default_port is None else str(default_port)
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise InvalidInputError(f"{text!r} is ambiguous", hint="write IPv6 as [::1]:5432")
        if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
            raise InvalidInputError(f"{text!r} is not an address", hint="write host:port")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
