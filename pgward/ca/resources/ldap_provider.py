"""An identity provider that is an LDAP directory: where it is, and what its entries mean to us."""

from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from pydantic import BeforeValidator, Field, model_validator

from pgward.ca.login.ldap import dn, filters
from pgward.ca.login.ldap.connection import Server
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
_USER, _DN = "user", "dn"


def _url(value: str) -> str:
    server(value)
    return value


def server(url: str) -> Server:
    """Read ``ldaps://host:port`` (TLS from the start) or ``ldap://…`` (StartTLS, always)."""
    parts = urlsplit(url)
    if parts.scheme not in ("ldaps", "ldap") or not parts.hostname or _says_more(parts):
        raise InvalidInputError(
            f"{url!r} is not the URL of an LDAP server",
            hint="for example ldaps://ldap.example.com, or ldap://… for StartTLS",
        )
    try:
        port = parts.port
    except ValueError:
        raise InvalidInputError(f"{url!r} has no valid port") from None
    host = parts.hostname if ":" in parts.hostname else names.dns_name(parts.hostname)
    return Server.of(host, port, "ldaps" if parts.scheme == "ldaps" else "starttls")


def _says_more(parts: SplitResult) -> bool:
    return bool(parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)


def _pem(value: str) -> str:
    """Refuse what holds no certificate: nothing would be trusted then."""
    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError as error:
        raise InvalidInputError("it is not certificates in PEM") from error
    return value


def _user_filter(value: str) -> str:
    if _USER not in filters.Filter(value, (_USER,)).uses:
        raise InvalidInputError(
            "the filter has no {user} in it, so it would find the same entry for everybody",
            hint="for example (&(objectClass=person)(uid={user}))",
        )
    return value


def _group_filter(value: str) -> str:
    if not filters.Filter(value, (_USER, _DN)).uses:
        raise InvalidInputError(
            "the filter has neither {dn} nor {user} in it, so it would find everybody's groups",
            hint="for example (&(objectClass=groupOfNames)(member={dn}))",
        )
    return value


def _template(value: str) -> str:
    if value.count("{user}") != 1 or value.count("{") != 1 or value.count("}") != 1:
        raise InvalidInputError(
            f"{value!r} has not exactly one {{user}}",
            hint="for example uid={user},ou=people,dc=example,dc=com",
        )
    dn.check(value)
    return value


def _prefix(value: str) -> str:
    names.resource_name(f"{value}x", what="prefix of groups")
    return value


def _name(value: str) -> str:
    if not value.strip():
        raise InvalidInputError("the DN is empty")
    return dn.check(value)


def _or_dn(value: object) -> object:
    return _DN if value is None else value


Url = Annotated[str, Field(max_length=300), checked(_url)]
Dn = Annotated[str, Field(max_length=1000), checked(_name)]
Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")]
Theirs = Annotated[str, Field(min_length=1, max_length=1000)]


class LdapSpec(Model):
    """A directory; the password of its service account is stored apart, encrypted."""

    type: Literal["ldap"]
    servers: Annotated[list[Url], Field(min_length=1, max_length=10)]
    ca: Annotated[str, Field(max_length=_MAX_PEM), checked(_pem)] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=30)] = 5

    bind_dn: Dn | None = None
    user_base: Dn | None = None
    user_filter: Annotated[str, checked(_user_filter)] = "(&(objectClass=person)(uid={user}))"
    user_dn: Annotated[str, Field(max_length=1000), checked(_template)] | None = None
    user_attribute: Attribute = "uid"
    id_attribute: Annotated[Attribute, BeforeValidator(_or_dn)] = "entryUUID"
    full_name_attribute: Attribute = "cn"
    email_attribute: Attribute = "mail"
    lower_case: bool = True

    groups_attribute: Attribute | None = None
    group_base: Dn | None = None
    group_filter: Annotated[str, checked(_group_filter)] | None = None
    group_attribute: Attribute = "cn"
    nested_levels: Annotated[int, Field(ge=0, le=10)] = 0

    group_prefix: Annotated[str, Field(max_length=40), checked(_prefix)] | None = None
    group_map: Annotated[dict[Theirs, Label], Field(max_length=MAX_LIST)] = Field(
        default_factory=dict
    )
    unmapped_groups: Literal["keep", "ignore"] = "keep"
    allow_groups: Annotated[list[Theirs], Field(min_length=1, max_length=MAX_LIST)] | None = None

    create_users: bool = False
    link_existing: bool = False
    refresh_minutes: Minutes | None = None
    refresh_grace_minutes: Minutes | None = None

    @property
    def has_groups(self) -> bool:
        """Whether anything is asked about groups."""
        return self.groups_attribute is not None or self.group_filter is not None

    @property
    def has_ids(self) -> bool:
        """Whether people are known by an attribute, and not by their DN."""
        return self.id_attribute.lower() != _DN

    @property
    def asks_again(self) -> bool:
        """Whether people can be asked about before renewals: it takes who asks, and an id."""
        return self.bind_dn is not None and self.has_ids

    @property
    def people_base(self) -> list[tuple[tuple[str, str], ...]]:
        """Return below which entry people are, to compare."""
        return dn.parts(self.user_base or "") or dn.parts(self.user_dn or "")[1:]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """See that the fields fit each other."""
        if (self.user_dn is None) == (self.bind_dn is None):
            raise ValueError("has either bindDn with userBase (a search), or userDn")
        if (self.user_dn is None) != (self.user_base is not None):
            raise ValueError("has either bindDn with userBase (a search), or userDn")
        if self.group_base is None and self.has_groups:
            raise ValueError("groupBase says below which entry groups are")
        if self.nested_levels and (
            self.group_filter is None
            or filters.Filter(self.group_filter, (_USER, _DN)).uses != {_DN}
        ):
            raise ValueError("nestedLevels needs a groupFilter with {dn}, and without {user}")
        if self.allow_groups is not None and not self.has_groups:
            raise ValueError("allowGroups needs groupFilter or groupsAttribute")
        self._settle_refresh()
        return self

    def _settle_refresh(self) -> None:
        if self.asks_again:
            self.refresh_minutes = self.refresh_minutes or REFRESH_MINUTES
            self.refresh_grace_minutes = self.refresh_grace_minutes or GRACE_MINUTES
        elif self.refresh_minutes or self.refresh_grace_minutes:
            raise ValueError(
                "refreshMinutes and refreshGraceMinutes need bindDn with userBase, and idAttribute:"
                " without them nobody can be found again before a renewal"
            )
