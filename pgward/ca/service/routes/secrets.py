"""Secrets of upstreams, as administrators handle them: values go in, and never come out."""

from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import asdict
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field, SecretStr

from pgward.ca.secrets import history, kept, store_keys
from pgward.ca.secrets.kept import Listed
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Change, Name, Time
from pgward.core.errors import InvalidInputError

router = strict.router("secrets")
_MAX_BASE64 = kept.MAX_BYTES * 4 // 3 + 4
Value = Annotated[SecretStr, Field(max_length=_MAX_BASE64, description="in base64")]


class NewValue(Body):
    """A value."""

    value: Value

    def read(self) -> bytes:
        """Return it; raise InvalidInputError, which does not show it."""
        try:
            return b64decode(self.value.get_secret_value(), validate=True)
        except (Base64Error, ValueError):
            raise InvalidInputError("value is not base64") from None


class NewSecret(NewValue):
    """A name, and a value."""

    name: Name


class SecretInfo(BaseModel):
    """A secret without its value; ``services`` are those that refer to it."""

    name: str
    version: int
    services: list[str]
    created_at: Time
    created_by: str
    rotated_at: Time | None
    rotated_by: str | None

    @classmethod
    def of(cls, secret: Listed) -> "SecretInfo":
        """Show it."""
        return cls(
            name=secret.name,
            version=secret.version,
            services=list(secret.services),
            created_at=secret.created_at,
            created_by=secret.created_by,
            rotated_at=secret.rotated_at,
            rotated_by=secret.rotated_by,
        )


class Secrets(BaseModel):
    """All secrets by name; and since when the key is in use that encrypts them."""

    secrets: list[SecretInfo]
    key_made_at: Time | None


class SecretVersion(BaseModel):
    """A secret's version."""

    name: str
    version: int


class VersionInfo(BaseModel):
    """A version without its value: ``current``, ``former``, or ``pending`` (not in use yet)."""

    version: int
    state: str
    created_at: Time
    created_by: str
    expires_at: Time | None


class Versions(BaseModel):
    """The versions of a secret, the newest first."""

    name: str
    versions: list[VersionInfo]


class Recover(Body):
    """A former version."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Deleted(Change):
    """What refers to a secret that is gone now."""

    services: list[str]


class RotatedKey(BaseModel):
    """A new key's number, and how many secrets it encrypts."""

    number: int
    secrets: int


@router.get("/secrets", summary="List secrets")
def every(context: Current, _by: Administrator) -> Secrets:
    """Return all secrets without their values, which nobody gets but the edges that need them."""
    with context.store.read() as connection:
        found = kept.listing(connection)
        made_at = store_keys.made_at(connection)
    return Secrets(secrets=[SecretInfo.of(each) for each in found], key_made_at=made_at)


@router.post("/secrets", summary="Create a secret", status_code=201)
def create(context: Current, by: Administrator, body: NewSecret) -> SecretVersion:
    """Store a new secret."""
    with context.acts.act(by.user.name, "secret.create", body.name) as act:
        version = kept.create(
            act.transaction,
            context.desk.sealer,
            body.name,
            body.read(),
            now=context.now(),
            by=by.user.name,
        )
        act.details |= {"version": version}
    return SecretVersion(name=body.name, version=version)


@router.post("/secrets/{name}/rotate", summary="Give a secret a new value")
def rotate(context: Current, by: Administrator, name: str, body: NewValue) -> SecretVersion:
    """Put a new value in the place of the one before; edges fetch it at once."""
    with context.acts.act(by.user.name, "secret.rotate", name) as act:
        version = kept.rotate(
            act.transaction,
            context.desk.sealer,
            name,
            body.read(),
            now=context.now(),
            by=by.user.name,
        )
        act.details |= {"version": version}
    return SecretVersion(name=name, version=version)


@router.get("/secrets/{name}/versions", summary="List the versions of a secret")
def versions(context: Current, _by: Administrator, name: str) -> Versions:
    """Return which values are kept: former ones for 30 days, ten at most."""
    with context.store.read() as connection:
        found = history.listing(connection, name, context.now())
    return Versions(name=name, versions=[VersionInfo(**asdict(each)) for each in found])


@router.post("/secrets/{name}/recover", summary="Take a former value of a secret again")
def recover(context: Current, by: Administrator, name: str, body: Recover) -> SecretVersion:
    """Make a former value the one in use, as a new version; nobody gets to see it."""
    with context.acts.act(by.user.name, "secret.recover", name) as act:
        act.details |= {"from": body.version}
        version = kept.recover(
            act.transaction,
            context.desk.sealer,
            name,
            body.version,
            now=context.now(),
            by=by.user.name,
        )
        act.details |= {"version": version}
    return SecretVersion(name=name, version=version)


@router.delete("/secrets/{name}", summary="Delete a secret")
def delete(
    context: Current,
    by: Administrator,
    name: str,
    force: Annotated[bool, Query(description="also one that a service refers to")] = False,
) -> Deleted:
    """Forget a secret; one that a service refers to only by force."""
    with context.acts.act(by.user.name, "secret.delete", name) as act:
        services = kept.remove(act.transaction, name, force=force)
        act.details |= {"services": services[:20]} if services else {}
    return Deleted(change="deleted", services=services)


@router.post("/secret-key/rotate", summary="Encrypt all secrets with a new key")
def rotate_key(context: Current, by: Administrator) -> RotatedKey:
    """Make a new key and forget the one before; no value changes, and edges notice nothing."""
    with context.acts.act(by.user.name, "secret.rotate-key") as act:
        done = store_keys.rotate(
            act.transaction, context.desk.sealer, now=context.now(), by=by.user.name
        )
        act.details |= {"number": done.number, "secrets": done.secrets}
    return RotatedKey(number=done.number, secrets=done.secrets)
