"""Join tokens: a machine shows one, once, to get its first certificate."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

import sqlalchemy as sa

from pgward.ca.records import Kind
from pgward.ca.store import Transaction
from pgward.ca.store.schema import join_tokens
from pgward.core import names
from pgward.core.errors import DeniedError, InvalidInputError

PREFIX = "pgj1."
MACHINES = (Kind.EDGE, Kind.HOST, Kind.CONNECTOR)
_MAX_NAMES = 50
# A machine's certificate needs a name; nobody dials this one (RFC 2606 section 2).
_NOWHERE = ".connector.invalid"


@dataclass(frozen=True, slots=True)
class JoinToken:
    """Which machine a token is for; the names become its certificate's."""

    kind: Kind
    name: str
    dns: tuple[str, ...]
    ips: tuple[str, ...]

    @classmethod
    def checked(cls, kind: str, name: str, dns: Sequence[str], ips: Sequence[str]) -> "JoinToken":
        """Check the names; without any, the machine's own name is its DNS name."""
        if kind not in MACHINES:
            raise InvalidInputError(
                f"{kind!r} is no kind of machine", hint="use edge, host or connector"
            )
        names.resource_name(name, what=f"{kind}'s name")
        if len(dns) + len(ips) > _MAX_NAMES:
            raise InvalidInputError(f"more than {_MAX_NAMES} DNS names and IP addresses")
        checked_dns = tuple(dict.fromkeys(names.dns_name(each, wildcard=True) for each in dns))
        checked_ips = tuple(dict.fromkeys(_ip(each) for each in ips))
        if kind == Kind.CONNECTOR:
            if checked_dns or checked_ips:
                raise InvalidInputError("a connector is no server, and has no DNS name or address")
            checked_dns = (name + _NOWHERE,)
        if not checked_dns and not checked_ips:
            checked_dns = (name,)
        return cls(Kind(kind), name, checked_dns, checked_ips)


def create(
    transaction: Transaction, token: JoinToken, *, lifetime: timedelta, now: datetime, by: str
) -> tuple[str, datetime]:
    """Store a new token; return its secret, which is stored nowhere, and when it expires."""
    secret = secrets.token_urlsafe(32)
    expires_at = (now + lifetime).replace(microsecond=0)
    row = {
        "secret_hash": _hash(secret),
        "kind": token.kind.value,
        "name": token.name,
        "dns": list(token.dns),
        "ips": list(token.ips),
        "created_at": now,
        "created_by": by,
        "expires_at": expires_at,
    }
    transaction.execute(sa.insert(join_tokens).values(row))
    return secret, expires_at


def use(transaction: Transaction, secret: str, now: datetime) -> JoinToken:
    """Use a token up; raise DeniedError when it is unknown, used or expired."""
    columns = join_tokens.c
    statement = (
        sa.update(join_tokens)
        .where(
            columns.secret_hash == _hash(secret),
            columns.used_at.is_(None),
            columns.expires_at > now,
        )
        .values(used_at=now)
        .returning(columns.kind, columns.name, columns.dns, columns.ips)
    )
    row = transaction.execute(statement).one_or_none()
    if row is None:
        raise DeniedError(
            "the join token is not valid: unknown, expired or used already",
            hint="an administrator makes a new one: pgward ca token",
        )
    return JoinToken(Kind(row.kind), row.name, tuple(row.dns), tuple(row.ips))


def write(url: str, fingerprint: str, secret: str) -> str:
    """Return the text that a person carries to the machine."""
    data = json.dumps({"url": url, "fingerprint": fingerprint, "secret": secret})
    return PREFIX + urlsafe_b64encode(data.encode()).rstrip(b"=").decode("ascii")


def secret_of(text: str) -> str:
    """Return the secret in a token's text (or the secret itself); raise DeniedError."""
    if not text.startswith(PREFIX):
        return text
    body = text.removeprefix(PREFIX)
    try:
        secret = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))["secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        secret = None
    if not isinstance(secret, str):
        raise DeniedError("the join token cannot be read", hint="copy it again, whole")
    return secret


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise InvalidInputError(f"{text!r} is not an IP address") from None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
