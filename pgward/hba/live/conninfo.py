"""A connection string taken apart, so that its password comes into no process's arguments.

It is read as libpq reads it (``conninfo_parse`` and ``conninfo_uri_parse`` in fe-connect.c; manual,
section 34.1.1). No message here repeats what was given: where a string is broken, any piece of it
may be a piece of the password.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from pgward.client.conninfo import write
from pgward.core.errors import InvalidInputError

_SCHEMES = ("postgresql://", "postgres://")
_BLANK = " \t\n\v\f\r"
_SECRETS = frozenset({"sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
# Every option of libpq 18 and those that older ones had (``PQconninfoOptions``).
_KNOWN = frozenset(
    {
        *("service", "servicefile", "user", "password", "passfile", "channel_binding"),
        *("connect_timeout", "dbname", "host", "hostaddr", "port", "client_encoding"),
        *("options", "application_name", "fallback_application_name", "keepalives"),
        *("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        *("sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslcertmode"),
        *("sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer", "require_auth"),
        *("min_protocol_version", "max_protocol_version", "ssl_min_protocol_version"),
        *("ssl_max_protocol_version", "gssencmode", "krbsrvname", "gsslib", "gssdelegation"),
        *("target_session_attrs", "load_balance_hosts", "sslkeylogfile", "requiressl"),
        *("oauth_issuer", "oauth_client_id", "oauth_scope", "authtype", "tty", "replication"),
        *_SECRETS,
    }
)
_HINT = (
    "write it as libpq does, 'host=db1 user=dba dbname=postgres' or postgresql://dba@db1/postgres"
)
_ENCODE = "write @ as %40, / as %2F and : as %3A in a URI's user and password"
_WORD = re.compile(rf"[^={_BLANK}]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect; ``conninfo`` holds everything but the password."""

    conninfo: str
    password: str | None = field(default=None, repr=False)


def target(text: str) -> Target:
    """Take a connection string, a URI or a database's name apart; raise InvalidInputError."""
    given = parse(text)
    password = given.pop("password", None)
    for name in given:
        if name in _SECRETS:
            raise InvalidInputError(
                f"{name} would be seen by everyone on this machine who lists processes",
                hint="put it into a service file (pg_service.conf, 0600) and name that: service=…",
            )
    return Target(write(given), password)


def parse(text: str) -> dict[str, str]:
    """Return the options of a connection string, the last of each; raise InvalidInputError."""
    if "\0" in text:
        raise InvalidInputError("--dsn holds a NUL byte")
    if text.startswith(_SCHEMES):
        found = dict(_of_uri(text.partition("://")[2]))
    elif "=" in text:
        found = dict(_of_words(text))
    else:
        found = {"dbname": text} if text else {}
    for number, name in enumerate(found, 1):
        if name not in _KNOWN:
            raise _bad(f"option {number} is none that libpq knows")
    _check_parts(found)
    return found


def _check_parts(found: dict[str, str]) -> None:
    """Refuse what libpq would quote in its errors, and which is a password that broke off."""
    if any("@" in host[1:] for host in found.get("host", "").split(",")):
        raise _bad("there is an @ in the name of the host", _ENCODE)
    if any(port and not port.isdigit() for port in found.get("port", "").split(",")):
        raise _bad("the port is no number", _ENCODE)


def _of_words(text: str) -> Iterator[tuple[str, str]]:
    at = _skip(text, 0)
    while at < len(text):
        word = _WORD.match(text, at)
        name = "" if word is None else word[0]
        at = _skip(text, at + len(name))
        if not name or text[at : at + 1] != "=":
            raise _bad("a word in it is not name=value", "put quotes around a value with blanks")
        value, at = _value(text, _skip(text, at + 1))
        yield name, value
        at = _skip(text, at)


def _value(text: str, at: int) -> tuple[str, int]:
    quoted = text[at : at + 1] == "'"
    at += quoted
    found: list[str] = []
    while at < len(text):
        letter = text[at]
        if quoted and letter == "'":
            return "".join(found), at + 1
        if not quoted and letter in _BLANK:
            break
        if letter == "\\":
            at += 1
            letter = text[at : at + 1]
        found.append(letter)
        at += 1
    if quoted:
        raise _bad("a quote in it is not closed")
    return "".join(found), at


def _of_uri(rest: str) -> Iterator[tuple[str, str]]:
    end = re.search("[@/]", rest)
    if end is not None and end[0] == "@":
        user, colon, password = rest[: end.start()].partition(":")
        if user:
            yield "user", _decoded(user)
        if colon and password:
            yield "password", _decoded(password)
        rest = rest[end.end() :]
    where, slash, path = _until(rest, "/?")
    yield from _hosts(where)
    if slash == "/":
        name, slash, path = _until(path, "?")
        if "@" in name:
            raise _bad("there is an @ in the name of the database", _ENCODE)
        if name:
            yield "dbname", _decoded(name)
    for each in path.split("&") if slash == "?" and path else ():
        name, equals, value = each.partition("=")
        if not equals or "=" in value:
            raise _bad("a parameter of the URI is not name=value")
        name, value = _decoded(name), _decoded(value)
        yield ("sslmode", "require") if (name, value) == ("ssl", "true") else (name, value)


def _hosts(where: str) -> Iterator[tuple[str, str]]:
    hosts, ports = [], []
    for each in where.split(","):
        match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::(.*))?", each)
        if match is None:
            raise _bad("its host is none", "an IPv6 address stands in brackets: [::1]:5432")
        hosts.append(match[1] or match[2] or "")
        ports.append(match[3] or "")
    for name, values in (("host", hosts), ("port", ports)):
        if joined := ",".join(values):
            yield name, _decoded(joined)


def _until(text: str, ends: str) -> tuple[str, str, str]:
    found = re.search(f"[{ends}]", text)
    return (
        (text, "", "") if found is None else (text[: found.start()], found[0], text[found.end() :])
    )


def _decoded(text: str) -> str:
    if re.search("%(?![0-9A-Fa-f]{2})", text) or "%00" in text:
        raise _bad("a % in it is followed by no two digits, or by 00", "write % as %25")
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _bad(message: str, hint: str = _HINT) -> InvalidInputError:
    return InvalidInputError(f"--dsn cannot be read: {message}", hint=hint)
