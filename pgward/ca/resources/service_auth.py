"""How an edge proves itself to PostgreSQL in ``mode: postgres``, and by which way it gets there.

Secrets are named here and never written: the edges fetch them when they need them.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator, Field, model_validator

from pgward.ca.resources.model import Label, Model, checked
from pgward.ca.resources.upstream import Host, Port
from pgward.core.errors import InvalidInputError
from pgward.pgwire.demands import METHODS, Demands

# An edge's environment holds other secrets, too: whoever declares services must not get at them.
ENV_PREFIX = "PGWARD_UPSTREAM_"
MOST_MINUTES = 15


def _file(value: str) -> str:
    path = PurePosixPath(value)
    if not value.isprintable() or not path.is_absolute() or ".." in path.parts:
        raise InvalidInputError(
            f"{value!r} is no path of a file on the edges", hint="write it from / on, without .."
        )
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(ENV_PREFIX + "[A-Z0-9_]{1,100}", value):
        raise InvalidInputError(
            f"{value!r} is not a variable that edges give away",
            hint=f"{ENV_PREFIX} and letters A-Z, digits or _",
        )
    return value


def _vault_path(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.~@+-]+(/[A-Za-z0-9_.~@+-]+)*", value) or ".." in value:
        raise InvalidInputError(f"{value!r} is no path in a vault", hint="for example apps/orders")
    return value


def _vault_field(value: str) -> str:
    if not value.isprintable() or not value:
        raise InvalidInputError(f"{value!r} is no field of a vault's secret")
    return value


def _login(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@$-]{0,63}", value):
        raise InvalidInputError(f"{value!r} is no account on a jump host")
    return value


def _host_key(value: str) -> str:
    try:
        load_ssh_public_key(value.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInputError(
            "it is not a public key of SSH",
            hint="one line, as in /etc/ssh/ssh_host_ed25519_key.pub",
        ) from None
    return " ".join(value.split()[:2])


VaultPath = Annotated[str, Field(max_length=500), checked(_vault_path)]


def _require_auth(words: list[str]) -> list[str]:
    try:
        Demands.read(words)
    except ValueError as error:
        raise ValueError(f"is not valid: {error}") from None
    return words


RequireAuth = Annotated[
    list[str], Field(min_length=1, max_length=len(METHODS)), AfterValidator(_require_auth)
]
"""By which methods the edge proves itself; with ``!`` before each, by which it does not."""


class VaultReference(Model):
    """A field of a secret in HashiCorp Vault's KV version 2; the edges know which Vault."""

    path: VaultPath
    field: Annotated[str, Field(max_length=200), checked(_vault_field)] = "password"
    mount: VaultPath = "secret"


class SecretReference(Model):
    """Where a secret comes from: just one of these."""

    from_secret: Label | None = None
    from_file: Annotated[str, Field(max_length=1000), checked(_file)] | None = None
    from_env: Annotated[str, checked(_variable)] | None = None
    from_vault: VaultReference | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        names = {name: each.alias for name, each in type(self).model_fields.items()}
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError(f"must have one of {', '.join(str(each) for each in names.values())}")
        return self


class ServicePassword(SecretReference):
    """Where the edges' password comes from; ``from_grant`` is that of each person's access role."""

    from_grant: Literal[True] | None = None


class MintedCertificate(Model):
    """A login certificate for the person and the role, made for each connection."""

    minutes: Annotated[int, Field(ge=1, le=MOST_MINUTES)] = 5


class Auth(Model):
    """How the edge logs in: by a password, by certificates, or PostgreSQL asks for nothing."""

    password: SecretReference | None = None
    certificate: MintedCertificate | None = None
    none: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = (self.password, self.certificate, self.none)
        if sum(each is not None for each in given) != 1:
            raise ValueError("must have one of password, certificate, none")
        return self


class ServiceAuth(Auth):
    """How the edge logs in, which may be by a password that an access role has for a time."""

    password: ServicePassword | None = None

    @property
    def is_from_grant(self) -> bool:
        """Whether each person's access role has a password of its own."""
        return self.password is not None and self.password.from_grant is True


class SshJump(Model):
    """An SSH server that connects to PostgreSQL for the edge (RFC 4254 section 7.2)."""

    host: Host
    port: Port = 22
    user: Annotated[str, checked(_login)]
    host_key: Annotated[str, Field(max_length=10_000), checked(_host_key)]
    key: SecretReference


class Jump(Model):
    """What stands between the edge and PostgreSQL."""

    ssh: SshJump


def at_odds(auth: Auth, demands: Demands, *, has_tls: bool) -> str | None:
    """Return why no login could ever fulfil these demands."""
    if auth.password is not None:
        return _at_odds_with_a_password(demands, has_tls=has_tls)
    kind = "none" if auth.certificate is None else "certificate"
    if "none" not in demands.methods:
        return f"auth.{kind} answers no method, and requireAuth does not allow none"
    if demands.binding == "require":
        return f"channelBinding: require needs auth.password, not auth.{kind}"
    return None


def _at_odds_with_a_password(demands: Demands, *, has_tls: bool) -> str | None:
    if demands.methods <= {"none"}:
        return "auth.password is never given where requireAuth allows no method with one"
    if demands.binding == "require" and "scram-sha-256" not in demands.methods:
        return "channelBinding: require needs scram-sha-256, which requireAuth does not allow"
    if demands.binding == "require" and not has_tls:
        return "channelBinding: require needs TLS, and sslMode is disable"
    if demands.methods == {"password"} and not has_tls:
        return "requireAuth allows a password in clear text only, and sslMode is disable"
    return None


def secrets_of(auth: Auth | None, jump: Jump | None) -> Iterator[str]:
    """Yield the names of the CA's secrets that these need."""
    references = (
        None if auth is None else auth.password,
        None if jump is None else jump.ssh.key,
    )
    for each in references:
        if each is not None and each.from_secret is not None:
            yield each.from_secret
