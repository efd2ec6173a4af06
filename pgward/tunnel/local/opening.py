"""What a PostgreSQL client says first, and whether that may be said twice. Pure.

A client waits for an answer after its first message, and a server does nothing of what a
client wants before it has answered (PostgreSQL manual, chapter 55.2 and 55.7).
"""

import struct

from pgward.pgwire import startup
from pgward.pgwire.errors import WireError

_RECORD = struct.Struct("!BHH")  # RFC 8446 section 5.1


def repeatable(first: bytes) -> bool:
    """Tell whether ``first`` is one whole message that is safe to send again, unanswered.

    - SSLRequest, GSSENCRequest, and the ClientHello of a direct TLS connection ask only.
    - StartupMessage logs in: what the unanswered one began ends with its connection.
    - CancelRequest cancels the same session's query. Whoever sent it waits for the end of
      its connection before it goes on, so that the second finds the same query, or none.

    Bytes behind the message might be a query that has been run already: no.
    """
    if first[:1] == bytes([startup.TLS_HANDSHAKE]):
        return len(first) >= _RECORD.size and len(first) == _RECORD.size + _record(first)
    try:
        found = startup.read(first)
    except WireError:
        return False
    return found is not None and found.size == len(first)


def _record(first: bytes) -> int:
    """Return how long the body of a TLS record is."""
    return int(_RECORD.unpack_from(first)[2])
