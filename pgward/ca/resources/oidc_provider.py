"""An identity provider that speaks OpenID Connect: where it is, and what its claims mean to us."""

from typing import Annotated, Literal, Self

from cryptography import x509
from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr, model_validator

from pgward.ca.login.oidc import authorization, metadata
from pgward.ca.resources.model import (
    GRACE_MINUTES,
    MAX_LIST,
    REFRESH_MINUTES,
    Label,
    Minutes,
    Model,
    checked,
)
from pgward.core import names
from pgward.core.errors import InvalidInputError

_MAX_PEM = 256 * 1024
_KNOWLEDGE = frozenset(("pwd", "pin", "kba"))  # of RFC 8176: what somebody knows


def _line(value: str) -> str:
    if not value or not value.isprintable() or len(value) > 500:  # noqa: PLR2004
        raise InvalidInputError("it is not one line of printable letters")
    return value


def _scope(value: str) -> str:
    letters = all("!" <= each <= "~" and each not in '"\\' for each in value)
    if not value or not letters or len(value) > 200:  # noqa: PLR2004
        raise InvalidInputError(f"{value!r} is not a scope")
    return value


def _word(value: str) -> str:
    if not value or not all("!" <= each <= "~" for each in value) or len(value) > 200:  # noqa: PLR2004
        raise InvalidInputError(f"{value!r} is not one word")
    return value


def _scopes(values: list[str]) -> list[str]:
    if "openid" not in values:
        raise ValueError("must hold openid")
    return values


def _pem(value: str) -> str:
    """Refuse what holds no certificate: nothing would be trusted then."""
    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError as error:
        raise InvalidInputError("it is not certificates in PEM") from error
    return value


def _prefix(value: str) -> str:
    names.resource_name(f"{value}x", what="prefix of groups")
    return value


def _proxy(value: str) -> str:
    if not value.startswith(("http://", "https://")) or not value.isprintable() or "@" in value:
        raise InvalidInputError(
            f"{value!r} is not a proxy", hint="for example http://proxy.example.com:3128"
        )
    return value


def _parameters(values: dict[str, str]) -> dict[str, str]:
    taken = sorted(authorization.RESERVED & values.keys())
    if taken:
        raise ValueError(f"must not hold {taken[0]}, which pgward sets")
    return values


def _strong(values: list[str]) -> list[str]:
    known = sorted(_KNOWLEDGE.intersection(values))
    if known:
        raise ValueError(f"must not hold {known[0]}, which is no second factor")
    return values


Line = Annotated[str, checked(_line)]
Claim = Annotated[str, checked(_line)]
Scope = Annotated[str, checked(_scope)]
Word = Annotated[str, checked(_word)]
Wanted = StrictStr | StrictBool | StrictInt
_Many = Field(max_length=MAX_LIST)


class SecondFactor(Model):
    """What an ID token says when the provider asked for a second factor: any of these will do."""

    amr: Annotated[list[Line], Field(max_length=50), AfterValidator(_strong)] = Field(
        default_factory=list
    )
    acr: Annotated[list[Line], Field(max_length=50)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.amr and not self.acr:
            raise ValueError("must name values of amr or acr")
        return self


class OidcSpec(Model):
    """A provider of the type ``oidc``; its client secret is stored apart, encrypted."""

    type: Literal["oidc"]
    issuer: Annotated[str, Field(max_length=metadata.MAX_URL), checked(metadata.issuer_url)]
    client_id: Line
    client_auth: Literal["none", "client_secret_basic", "client_secret_post"] | None = None
    scopes: Annotated[list[Scope], Field(max_length=50), AfterValidator(_scopes)] = Field(
        default_factory=lambda: ["openid", "profile", "email"]
    )
    authorize_params: Annotated[dict[str, Line], _Many, AfterValidator(_parameters)] = Field(
        default_factory=dict
    )
    device_code: bool = True
    redirect_ports: Annotated[
        list[Annotated[int, Field(ge=1024, le=65535)]], Field(max_length=20)
    ] = Field(default_factory=list)
    ca: Annotated[str, Field(max_length=_MAX_PEM), checked(_pem)] | None = None
    proxy: Annotated[str, Field(max_length=300), checked(_proxy)] | None = None

    user_claim: Claim | None = None
    strip_domains: Annotated[list[Line], _Many] = Field(default_factory=list)
    lower_case: bool = True
    groups_claim: Claim | None = None
    group_prefix: Annotated[str, Field(max_length=40), checked(_prefix)] | None = None
    group_map: Annotated[dict[str, Label], _Many] = Field(default_factory=dict)
    unmapped_groups: Literal["keep", "ignore"] = "keep"
    allow_groups: Annotated[list[Line], Field(min_length=1, max_length=MAX_LIST)] | None = None
    require_claims: Annotated[
        dict[str, Wanted | Annotated[list[Wanted], Field(min_length=1, max_length=MAX_LIST)]],
        _Many,
    ] = Field(default_factory=dict)

    second_factor: SecondFactor | None = None
    step_up_acr: Annotated[list[Word], Field(max_length=20)] = Field(default_factory=list)

    create_users: bool = False
    link_existing: bool = False
    refresh_minutes: Minutes = REFRESH_MINUTES
    refresh_grace_minutes: Minutes = GRACE_MINUTES
