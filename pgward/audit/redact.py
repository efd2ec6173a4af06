"""Passwords and other secrets taken out of what clients say, before it is kept.

Out of SQL it takes contents of literals only, as PostgreSQL delimits them, so that no part of a
statement can be hidden as if it were a password: the literal behind a word such as ``password``,
the values of such a column in an INSERT, and inside literals what stands behind such a word, or
before the ``@`` of a URL. It works on text that does not parse, changes nothing the second time,
never raises, and takes time in proportion to the text.

Not seen: a secret that nothing calls one (``pgp_sym_encrypt(data, 'key')``), or that is put
together at run time; rows of COPY, which are not kept at all.
"""

import struct
from collections.abc import Set as AbstractSet

from pgward.audit.sql_secrets import HIDDEN, find, hide_raw

_U16 = struct.Struct("!H")
_I32 = struct.Struct("!i")
_NOTHING: frozenset[int] = frozenset()


def suspicious(data: bytes) -> bool:
    """Tell quickly whether anything could be taken out; of most messages nothing can."""
    # ``in`` looks for a text faster than for bytes, and both faster than one regular expression.
    text = data.lower().decode("latin-1")
    return (
        "secret" in text
        or "pwd" in text
        or ("://" in text and "@" in text)
        or ("pass" in text and ("passw" in text or "passphrase" in text))
    )


def redact_sql(text: bytes) -> bytes:
    """Return SQL with ``'***'`` in place of secrets."""
    return find(text).text if suspicious(text) else text


def secret_parameters(text: bytes) -> frozenset[int]:
    """Return the numbers, from 1, of the parameters that stand where a secret would."""
    return find(text).parameters if suspicious(text) else _NOTHING


def redact_parse(body: bytes) -> tuple[bytes, frozenset[int]]:
    """Return the body of a Parse without secrets, and its text's ``secret_parameters``."""
    parts = body.split(b"\0", 2)
    if len(parts) == 1:
        return redact_sql(body), _NOTHING
    if not suspicious(parts[1]):
        return body, _NOTHING
    found = find(parts[1])
    parts[1] = found.text
    return b"\0".join(parts), found.parameters


def redact_value(value: bytes) -> bytes:
    """Return a parameter's value without the secrets in it: connection strings, SQL, JSON."""
    return hide_raw(value) if suspicious(value) else value


def redact_message(kind: bytes, body: bytes, *, secret: AbstractSet[int] = _NOTHING) -> bytes:
    """Return the body of a frontend's message without secrets; other kinds as they are.

    ``secret``: for a Bind, the ``secret_parameters`` of its statement, if they are known.
    """
    if kind == b"Q":
        return _redact_query(body)
    if kind == b"P":
        return redact_parse(body)[0]
    if kind in (b"B", b"F"):
        try:
            return _redact_values(kind, body, secret)
        except (struct.error, ValueError):  # PostgreSQL will refuse it as well
            return hide_raw(body)
    return body


def _redact_query(body: bytes) -> bytes:
    text, end, rest = body.partition(b"\0")
    return redact_sql(text) + end + rest


def _redact_values(kind: bytes, body: bytes, secret: AbstractSet[int]) -> bytes:
    """Redact the values of a Bind or a FunctionCall (manual, section 54.7); others stay."""
    at = 4 if kind == b"F" else body.index(b"\0", body.index(b"\0") + 1) + 1
    at += 2 + 2 * _U16.unpack_from(body, at)[0]
    (count,) = _U16.unpack_from(body, at)
    at += 2
    parts = [body[:at]]
    for number in range(1, count + 1):
        (size,) = _I32.unpack_from(body, at)
        at += 4
        if size < 0:
            parts.append(body[at - 4 : at])
            continue
        if at + size > len(body):
            raise ValueError(size)
        value = HIDDEN if number in secret else redact_value(body[at : at + size])
        parts += (_I32.pack(len(value)), value)
        at += size
    return b"".join((*parts, body[at:]))
