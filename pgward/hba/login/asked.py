"""Which CAs a running server asks clients for: it says so in the handshake, whatever its files say.

Up to TLS 1.2 the request is not encrypted (RFC 5246 section 7.4.4), so it can be read there. After
a reload that failed the server goes on with the CAs that it had, and nothing else tells.
"""

import ssl
from collections.abc import Iterator

from pgward.core.errors import UnavailableError
from pgward.hba.login.link import EndedError, Target, Tls, connected, requested

_HANDSHAKE = 22
_CERTIFICATE_REQUEST, _HELLO_DONE = 13, 14
_RECORD, _HEADER = 5, 4


class NotAskedError(Exception):
    """The server asks for none, or speaks in a way that does not tell."""


def ask(target: Target) -> tuple[bytes, ...]:
    """Return the names of the CAs (DER) that a server asks for; raise NotAskedError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with connected(target) as link:
            requested(link)
            made = Tls(link, context)
            made.handshake()
            return names(made.heard)
    except EndedError as ended:
        raise NotAskedError(ended.seen.detail) from None
    except (OSError, UnavailableError) as error:
        raise NotAskedError(str(error)) from error


def names(heard: bytes) -> tuple[bytes, ...]:
    """Return the names in a server's first flight; raise NotAskedError when it asks for none."""
    for kind, body in _messages(_joined(heard)):
        if kind == _CERTIFICATE_REQUEST:
            types, rest = _taken(body, 1)
            algorithms, rest = _taken(rest, 2)
            listed, _ = _taken(rest, 2)
            if types and algorithms:
                return tuple(_each(listed))
        if kind == _HELLO_DONE:
            break
    raise NotAskedError("the server asks for no certificate")


def _joined(heard: bytes) -> bytes:
    """Return what the records of the handshake hold, up to the first that is something else."""
    found = b""
    while len(heard) >= _RECORD and heard[0] == _HANDSHAKE:
        end = _RECORD + int.from_bytes(heard[3:_RECORD])
        found += heard[_RECORD:end]
        heard = heard[end:]
    return found


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _HEADER:
        end = _HEADER + int.from_bytes(data[1:_HEADER])
        yield data[0], data[_HEADER:end]
        data = data[end:]


def _each(listed: bytes) -> Iterator[bytes]:
    while listed:
        name, listed = _taken(listed, 2)
        yield name


def _taken(data: bytes, width: int) -> tuple[bytes, bytes]:
    """Return a vector that begins with its length, and what follows; raise NotAskedError."""
    end = width + int.from_bytes(data[:width])
    if len(data) < max(end, width):
        raise NotAskedError("the server's request for a certificate is cut off")
    return data[width:end], data[end:]
