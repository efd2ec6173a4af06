"""The PROXY protocol, versions 1 and 2: a balancer's first words tell whom it speaks for.

The protocol's text: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. A reader
takes exactly the header, since what follows is TLS: ``missing`` says how many bytes to read.
"""

from ipaddress import ip_address

from pgward.core.errors import PgwardError

_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_HEAD = 16
_V2_MOST = 2048  # addresses and what balancers add; the protocol itself allows 64 KiB
_V1 = b"PROXY "
_V1_MOST = 107
_V1_PARTS = 6
_IPV4, _IPV6 = 1, 2


class ProxyHeaderError(PgwardError):
    """What came is no PROXY header."""


def missing(data: bytes) -> int:
    """Return how many bytes to read next, 0 when the header is complete; ProxyHeaderError."""
    if len(data) < len(_V2):
        return len(_V2) - len(data)
    if data.startswith(_V2):
        if len(data) < _V2_HEAD:
            return _V2_HEAD - len(data)
        size = int.from_bytes(data[14:16])
        if size > _V2_MOST:
            raise ProxyHeaderError(f"a PROXY header of {size} bytes is too long")
        return _V2_HEAD + size - len(data)
    if not data.startswith(_V1):
        raise ProxyHeaderError("the connection does not begin with a PROXY header")
    if data.endswith(b"\r\n"):
        return 0
    if len(data) >= _V1_MOST:
        raise ProxyHeaderError("the PROXY header does not end")
    return 1


def source(header: bytes) -> str | None:
    """Return the client's address in a complete header; None when it is the balancer's own."""
    return _source_v2(header) if header.startswith(_V2) else _source_v1(header)


def _source_v1(header: bytes) -> str | None:
    parts = header.removesuffix(b"\r\n").split(b" ")
    if parts[1] == b"UNKNOWN":
        return None
    if len(parts) != _V1_PARTS or parts[1] not in (b"TCP4", b"TCP6"):
        raise ProxyHeaderError("the PROXY header is malformed")
    try:
        found = ip_address(parts[2].decode("ascii"))
    except ValueError:
        raise ProxyHeaderError("the PROXY header has no address") from None
    return str(found)


def _source_v2(header: bytes) -> str | None:
    version, command = header[12] >> 4, header[12] & 0xF
    if version != 2 or command > 1:  # noqa: PLR2004 - section 2.2
        raise ProxyHeaderError("the PROXY header is of an unknown version")
    family, body = header[13] >> 4, header[16:]
    size = {_IPV4: 4, _IPV6: 16}.get(family)
    if command == 0 or size is None:  # LOCAL: a health check of the balancer's own
        return None
    if len(body) < 2 * size + 4:
        raise ProxyHeaderError("the PROXY header has no address")
    return str(ip_address(body[:size]))
