"""Names of entries (distinguished names, RFC 4514): escaped, compared, and taken apart."""

import re
from collections.abc import Sequence

from pgward.core.errors import InvalidInputError

_SPECIAL = set('"+,;<>\\=')
_PAIR = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+")
_MOST = 2000


def escape(value: str) -> str:
    """Write a value so that it can be nothing else in a name (RFC 4514 section 2.4)."""
    letters = [_escaped(letter) for letter in value]
    if value.endswith(" "):
        letters[-1] = "\\ "
    if value.startswith((" ", "#")):
        letters[0] = "\\" + value[0]
    return "".join(letters)


def fill(template: str, **values: str) -> str:
    """Put escaped values into a template, as ``uid={user},ou=people,dc=example``."""
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(escape(values[part]) if at % 2 else part for at, part in enumerate(parts))


def check(text: str) -> str:
    """Return a name that can be read; raise InvalidInputError."""
    parts(text)
    return text


def parts(text: str) -> list[tuple[tuple[str, str], ...]]:
    """Take a name apart: for each RDN its pairs of type and value, in lower case to compare.

    LDAP compares by rules of each attribute; nearly all of those in names ignore case and
    repeated spaces. Raises InvalidInputError.
    """
    if len(text) > _MOST:
        raise InvalidInputError("the DN is too long")
    if not text.strip():
        return []
    return [tuple(sorted(map(_pair, _split(each, "+")))) for each in _split(text, ",;")]


def same(one: str, other: str) -> bool:
    """Tell whether two names are of the same entry."""
    return parts(one) == parts(other)


def is_below(text: str, base: str) -> bool:
    """Tell whether a name is of an entry below ``base``."""
    ours, theirs = parts(text), parts(base)
    return len(ours) > len(theirs) and ours[len(ours) - len(theirs) :] == theirs


def first_value(text: str) -> str:
    """Return the value of the first RDN, as it is written; raise InvalidInputError."""
    first = _split(_split(text, ",;")[0], "+")[0]
    return _value(first.partition("=")[2])


def _escaped(letter: str) -> str:
    if letter in _SPECIAL:
        return "\\" + letter
    if letter == "\0" or not letter.isprintable():
        return "".join(f"\\{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))
    return letter


def _split(text: str, separators: str) -> Sequence[str]:
    """Split where a separator is neither escaped nor quoted."""
    found, start, at, quoted = [], 0, 0, False
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] in separators and not quoted:
            found.append(text[start:at])
            start = at + 1
        at += 1
    return [*found, text[start:]]


def _pair(text: str) -> tuple[str, str]:
    kind, equals, value = text.partition("=")
    kind = kind.strip()
    if not equals or not _TYPE.fullmatch(kind):
        raise InvalidInputError(
            f"{text.strip()[:80]!r} is no part of a DN", hint="for example ou=people,dc=example"
        )
    return kind.lower(), " ".join(_value(value).casefold().split())


def _value(text: str) -> str:
    stripped = text.lstrip(" ")
    body = stripped.rstrip(" ")
    escaping = len(body) - len(body.rstrip("\\"))
    if escaping % 2 and len(body) < len(stripped):
        body += " "  # an escaped space at the end is one of the value's
    if len(body) > 1 and body[0] == body[-1] == '"':
        body = body[1:-1]
    return _PAIR.sub(_unescaped, body.encode()).decode("utf-8", "replace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),)) if match[1] else match[2]
