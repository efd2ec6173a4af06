"""What a PostgreSQL client says first, and whether that may be said twice. Pure.

A client waits for an answer after its first message, and a server does nothing of what a
client wants before it has answered (PostgreSQL manual, chapter 55.2 and 55.7).
"""

import struct

from pgward.tunnel.pgerror import GSSENC_REQUEST, SSL_REQUEST, TLS_HANDSHAKE

_HEAD = struct.Struct("!II")
_RECORD = struct.Struct("!BHH")  # RFC 8446 section 5.1
_CANCEL = 80877102
_MAJOR_VERSION = 3


def repeatable(first: bytes) -> bool:
    """Tell whether ``first`` is one whole message that is safe to send again, unanswered.

    - SSLRequest, GSSENCRequest, and the ClientHello of a direct TLS connection ask only.
    - StartupMessage logs in: what the unanswered one began ends with its connection.
    - CancelRequest cancels the same session's query. Whoever sent it waits for the end of
      its connection before it goes on, so that the second finds the same query, or none.

    Bytes behind the message might be a query that has been run already: no.
    """
    if first in (SSL_REQUEST, GSSENC_REQUEST):
        return True
    if len(first) < _HEAD.size:
        return False
    if first[0] == TLS_HANDSHAKE:
        length = _RECORD.size + int(_RECORD.unpack_from(first)[2])
        return length == len(first)
    length, code = (int(each) for each in _HEAD.unpack_from(first))
    return length == len(first) and (code == _CANCEL or code >> 16 == _MAJOR_VERSION)
