"""The API's bodies, as they stand in its OpenAPI description."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    Strict,
)

from pgward.ca.identity.directory import User
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import InvalidInputError


def _encodable(value: SecretStr) -> SecretStr:
    """Refuse lone surrogates, which JSON can carry and no hash takes."""
    if any("\ud800" <= letter <= "\udfff" for letter in value.get_secret_value()):
        raise ValueError("is not valid text")
    return value


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            return parse_rfc3339(value)
    raise ValueError("is not a time in RFC 3339, like 2026-11-21T09:00:00Z")


def _storable(value: str) -> str:
    """Refuse NUL, which JSON can carry and no database takes."""
    if "\0" in value:
        raise ValueError("holds a NUL")
    return value


Time = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    Field(description="RFC 3339 in UTC"),
]
# In requests, where pydantic alone would take a bare number for seconds since 1970.
Moment = Annotated[datetime, BeforeValidator(_moment), Field(description="RFC 3339")]
Storable = AfterValidator(_storable)
Flag = Annotated[bool, Strict()]  # 0 and "no" are none, as the description says
Text = Annotated[str, Field(max_length=500), Storable]
Name = Annotated[str, Field(min_length=1, max_length=253), Storable]
# Longer than any password may be, so that the rule about length can explain itself.
Password = Annotated[SecretStr, Field(max_length=4096), AfterValidator(_encodable)]
Request = Annotated[str, Field(max_length=16 * 1024, description="PKCS#10, PEM")]


class Body(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class UserSummary(BaseModel):
    """A person, as that person sees it."""

    name: str
    full_name: str
    groups: list[str]
    administrator: bool

    @classmethod
    def of(cls, user: User) -> "UserSummary":
        """Show a user."""
        return cls(
            name=user.name,
            full_name=user.full_name,
            groups=list(user.groups),
            administrator=user.administrator,
        )


class UserDetail(UserSummary):
    """A person, as an administrator sees it."""

    email: str
    blocked: bool
    blocked_at: Time | None
    blocked_reason: str | None
    created_at: Time
    created_by: str
    password_changed_at: Time | None
    valid_from: Time | None
    valid_until: Time | None
    must_change_password: bool

    @classmethod
    def of(cls, user: User) -> "UserDetail":
        """Show a user."""
        return cls(
            name=user.name,
            full_name=user.full_name,
            groups=list(user.groups),
            administrator=user.administrator,
            email=user.email,
            blocked=user.blocked_at is not None,
            blocked_at=user.blocked_at,
            blocked_reason=user.blocked_reason,
            created_at=user.created_at,
            created_by=user.created_by,
            password_changed_at=user.password_changed_at,
            valid_from=user.valid_from,
            valid_until=user.valid_until,
            must_change_password=user.must_change_password,
        )


class Revoked(BaseModel):
    """How many certificates an act revoked."""

    revoked: int


class CertificateReply(BaseModel):
    """A new certificate, and all that is needed to use it; everything PEM."""

    certificate: str
    chain: list[str]
    server_roots: list[str]
    user_roots: list[str]
    serial: str
    not_before: Time
    not_after: Time


class MintReply(CertificateReply):
    """The certificate, and the CA's time: its own begins earlier, for clocks that are behind."""

    issued_at: Time


class CertificateRequest(Body):
    """A key that wants a certificate; names in the request mean nothing."""

    csr: Request


class LoginCertificateRequest(CertificateRequest):
    """A person's key; ``lifetime_seconds`` is for who wants it shorter, or longer if allowed."""

    lifetime_seconds: Annotated[int, Field(ge=60, le=24 * 3600)] | None = None


class Change(BaseModel):
    """What became of a resource."""

    change: Literal["created", "updated", "unchanged", "deleted"]


class ResourceChange(Change):
    """What became of a resource, how it is now, and what its administrator should know.

    ``resource`` is null for one that was deleted, ``before`` for one that was not there.
    """

    resource: dict[str, Any] | None
    before: dict[str, Any] | None = None
    notes: list[str] = Field(default_factory=list)


def checked(check: Callable[[str], object]) -> AfterValidator:
    """Use one of our own checks, which raise InvalidInputError, as a field's."""

    def validate(value: str) -> str:
        try:
            check(value)
        except InvalidInputError as error:
            raise ValueError(f"is not valid: {error.message}") from error
        return value

    return AfterValidator(validate)
