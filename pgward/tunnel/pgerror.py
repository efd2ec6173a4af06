"""The few PostgreSQL messages that a byte relay must know.

Enough to tell a client why it is turned away in words that psql prints
(PostgreSQL manual, chapter 55.7 "Message Formats").
"""

import struct

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSSENC_REQUEST = struct.pack("!II", 8, 80877104)
REQUEST_SIZE = 8
TLS_HANDSHAKE = 0x16
_CANCEL_SIZE = 16
_CANCEL_HEAD = struct.pack("!II", _CANCEL_SIZE, 80877102)


def is_cancel(first: bytes) -> bool:
    """Tell whether ``first`` is a CancelRequest and nothing else: no session follows."""
    return len(first) == _CANCEL_SIZE and first.startswith(_CANCEL_HEAD)


def fatal(message: str, hint: str | None = None, *, sqlstate: str = "28000") -> bytes:
    """Return an ErrorResponse of severity FATAL; NUL bytes in the texts are dropped."""
    fields = [("S", "FATAL"), ("V", "FATAL"), ("C", sqlstate), ("M", f"pgward: {message}")]
    if hint:
        fields.append(("H", hint))
    body = b"".join(
        code.encode() + text.replace("\0", "").encode() + b"\0" for code, text in fields
    )
    return b"E" + struct.pack("!I", len(body) + 5) + body + b"\0"
