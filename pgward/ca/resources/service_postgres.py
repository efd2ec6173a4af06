"""What a service says in ``mode: postgres``: where people land, as whom, and what is recorded.

The block itself is one configuration; ``configs`` are others, which differ from it in what they
say, and ``rules`` choose among them for each connection.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, Self

from cryptography import x509
from pydantic import Field, model_validator

from pgward.ca.resources.model import Label, Model, checked
from pgward.ca.resources.policy import ConnectMatch, PolicySpec
from pgward.ca.resources.role_map import Domain
from pgward.ca.resources.service_auth import Jump, RequireAuth, ServiceAuth, at_odds, secrets_of
from pgward.ca.resources.upstream import Host, LandedDatabase, Role, Upstream
from pgward.core.errors import InvalidInputError
from pgward.pgwire.demands import Binding, Demands

SslMode = Literal["verify-full", "verify-ca", "require", "prefer", "disable"]
TargetSessionAttrs = Literal[
    "any", "read-write", "read-only", "primary", "standby", "prefer-standby"
]
SYSTEM_ROOTS = "system"
APPLICATION_NAME = "{user} via pgward: {application}"
_VARIABLES = ("user", "application", "service", "role")
_MAX_PEM = 256 * 1024
_VERIFYING = ("verify-ca", "verify-full")
_MAYBE_PLAIN = ("disable", "prefer")
_GUC = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62})?")
_ELSEWHERE = {
    "user": "postgres.user",
    "database": "postgres.database",
    "application_name": "postgres.applicationName",
}
_SIZE = re.compile(r"([1-9]\d{0,8})(kiB|KiB|MiB|GiB)")
_UNITS = {"kiB": 1 << 10, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_MOST_RESULTS = 10 << 30


def size(text: str) -> int:
    """Read ``64KiB``, ``10MiB`` or ``1GiB`` as bytes; raise InvalidInputError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"{text!r} is no size", hint="write 64KiB, 10MiB or 1GiB")
    return int(match[1]) * _UNITS[match[2]]


def _result_limit(text: str) -> str:
    if size(text) > _MOST_RESULTS:
        raise InvalidInputError(f"{text} is more than 10GiB")
    return text


def _root_cert(value: str) -> str:
    if value == SYSTEM_ROOTS:
        return value
    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError as error:
        raise InvalidInputError(
            "it is not certificates in PEM",
            hint=f"or {SYSTEM_ROOTS}, for those that the edge trusts",
        ) from error
    return value


def _setting(name: str) -> str:
    if not _GUC.fullmatch(name):
        raise InvalidInputError(f"{name!r} is no parameter of PostgreSQL")
    if name.lower() in _ELSEWHERE:
        raise InvalidInputError(f"{name} is no parameter here", hint=_ELSEWHERE[name.lower()])
    return name


def _value(value: str) -> str:
    if not value.isprintable():
        raise InvalidInputError("it has control characters")
    return value


def _template(value: str) -> str:
    if not value.isprintable():
        raise InvalidInputError("it has control characters")
    for name in re.findall(r"\{([^{}]*)\}", value):
        if name not in _VARIABLES:
            known = ", ".join(f"{{{each}}}" for each in _VARIABLES)
            raise InvalidInputError(f"{{{name}}} stands for nothing", hint=f"known are {known}")
    if "{user}" not in value:
        raise InvalidInputError("it must carry the person", hint=f"for example {APPLICATION_NAME}")
    return value


RootCert = Annotated[str, Field(max_length=_MAX_PEM), checked(_root_cert)]
Setting = Annotated[str, checked(_setting)]
SettingValue = Annotated[str, Field(max_length=1000), checked(_value)]


class UserRule(Model):
    """As whom people land: ``force`` for all, or as they ask among ``allow``, or as themselves.

    With ``fromGrant`` whoever has a live grant lands as the access role that it gives.
    """

    force: Role | None = None
    allow: Annotated[list[Role], Field(min_length=1, max_length=200)] | None = None
    default: Role | None = None
    from_person: Literal[True] | None = None
    from_grant: Literal[True] | None = None
    strip_domain: Domain | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        others = (self.allow, self.default, self.from_person, self.from_grant)
        if self.force and any(others):
            raise ValueError("has force, so nobody has a choice: remove the others")
        if not (self.force or self.allow or self.from_person or self.from_grant):
            raise ValueError("must have force, allow, fromPerson or fromGrant")
        if self.default and self.from_person:
            raise ValueError("has fromPerson, which is what people are by default: remove default")
        if self.strip_domain and not self.from_person:
            raise ValueError("has stripDomain, which only fromPerson: true needs")
        return self

    @property
    def is_from_grant_alone(self) -> bool:
        """Whether nobody lands as anybody but their access role."""
        return self.from_grant is True and not (self.allow or self.default or self.from_person)

    def lets_be(self, role: str, person: str, granted: str | None = None) -> bool:
        """Tell whether a person may land as this role; an edge decides the same.

        ``granted`` is the person's access role, as long as a grant is live.
        """
        if self.force is not None:
            return role == self.force
        if self.from_grant and granted is not None and role == granted:
            return True
        return role in {*(self.allow or ()), self.default} or role == self.own(person)

    def own(self, person: str) -> str | None:
        """Return the role that is called as the person, if there is one."""
        if not self.from_person:
            return None
        if self.strip_domain is None:
            return person
        end = f"@{self.strip_domain}"
        is_of_it = person.lower().endswith(end) and len(person) > len(end)
        return person[: -len(end)] if is_of_it else None


class DatabaseRule(Model):
    """Where people land: in ``force``, or where they ask to, among ``allow`` if that is there."""

    force: LandedDatabase | None = None
    allow: Annotated[list[LandedDatabase], Field(min_length=1, max_length=200)] | None = None
    default: LandedDatabase | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.force and (self.allow or self.default):
            raise ValueError("has force, so nobody has a choice: remove the others")
        if not (self.force or self.allow or self.default):
            raise ValueError("must have force, allow or default")
        return self

    def lets_in(self, database: str) -> bool:
        """Tell whether people who ask for this database land there; an edge decides the same."""
        if self.force is not None:
            return database == self.force
        return self.allow is None or database in {*self.allow, self.default}


class Parameters(Model):
    """Settings of the session: those that it begins with, and those that nobody may ask for."""

    set: Annotated[dict[Setting, SettingValue], Field(max_length=50)] = Field(default_factory=dict)
    forbid: Annotated[list[Setting], Field(max_length=200)] = Field(default_factory=list)


class PostgresSettings(Model):
    """One configuration; what it does not say is as in the block around it."""

    upstreams: Annotated[list[Upstream], Field(min_length=1, max_length=16)] | None = None
    target_session_attrs: TargetSessionAttrs | None = None
    load_balance: bool | None = None
    user: UserRule | None = None
    database: DatabaseRule | None = None
    auth: ServiceAuth | None = None
    ssl_mode: SslMode | None = None
    ssl_root_cert: RootCert | None = None
    server_name: Host | None = None
    require_auth: RequireAuth | None = None
    channel_binding: Binding | None = None
    jump: Jump | None = None
    parameters: Parameters | None = None
    application_name: Annotated[str, Field(max_length=200), checked(_template)] | None = None
    recording: Literal["none", "statements", "results"] | None = None
    result_limit: Annotated[str, checked(_result_limit)] | None = None
    protect_role: bool | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.ssl_root_cert and self.ssl_mode not in (None, *_VERIFYING):
            raise ValueError(f"has sslRootCert, which sslMode: {self.ssl_mode} does not look at")
        return self

    def over(self, base: "PostgresSettings") -> "PostgresSettings":
        """Return these, and what they do not say as ``base`` has it.

        The name in a server's certificate is not taken along to other servers.
        """
        values = {}
        for name in PostgresSettings.model_fields:
            own = getattr(self, name)
            values[name] = getattr(base, name) if own is None else own
        if self.upstreams is not None:
            values["server_name"] = self.server_name
        return PostgresSettings.model_construct(**values)

    def missing(self) -> Iterator[str]:
        """Yield what a connection cannot do without and is said nowhere."""
        if not self.upstreams:
            yield "upstream"
        if self.user is None:
            yield "user"
        if self.auth is None:
            yield "auth"

    def conflict(self) -> str | None:
        """Return what does not go together in the whole of it."""
        if self.auth is None:
            return None
        if self.auth.certificate is not None and self.ssl_mode in _MAYBE_PLAIN:
            return f"auth.certificate needs TLS, and sslMode is {self.ssl_mode}"
        if self.auth.is_from_grant and (self.user is None or not self.user.is_from_grant_alone):
            return "auth.password.fromGrant needs user.fromGrant and nothing besides"
        demands = Demands.read(self.require_auth, self.channel_binding or "prefer")
        return at_odds(self.auth, demands, has_tls=self.ssl_mode != "disable")


class ConfigRule(Model):
    """Which configuration is for whom: the first rule that matches decides."""

    match: ConnectMatch | None = None
    match_any: Literal[True] | None = None
    config: Label

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.match is None) == (self.match_any is None):
            raise ValueError("must have match, or matchAny: true")
        return self


class Ways(Model):
    """By what people may come in."""

    certificate: bool = True
    otp: bool = True
    token: bool = True

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not (self.certificate or self.otp or self.token):
            raise ValueError("lets nobody in: allow certificate, otp or token")
        return self


class PostgresSpec(PostgresSettings):
    """The block ``postgres`` of a service."""

    login: Ways = Field(default_factory=Ways)
    reason_required: bool = False
    audit: Literal["full"] = "full"
    policies: Annotated[list[Label], Field(max_length=50)] = Field(default_factory=list)
    policy: PolicySpec | None = None
    configs: Annotated[dict[Label, PostgresSettings], Field(max_length=50)] = Field(
        default_factory=dict
    )
    rules: Annotated[list[ConfigRule], Field(max_length=200)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _chosen(self) -> Self:
        """See that each rule leads somewhere, and to each configuration a rule."""
        for number, rule in enumerate(self.rules):
            if rule.config not in self.configs:
                near = get_close_matches(rule.config, self.configs, n=1)
                also = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"rules[{number}] names no config: {rule.config}{also}")
            if rule.match_any and number + 1 < len(self.rules):
                raise ValueError(f"rules[{number}] matches any, so none behind it is looked at")
        unused = sorted(set(self.configs) - {rule.config for rule in self.rules})
        if unused:
            raise ValueError(f"configs.{unused[0]} is chosen by no rule")
        return self

    def whole(self, upstream: Upstream | None) -> Mapping[str | None, PostgresSettings]:
        """Return the configurations with all that they inherit; under None the block's own.

        ``upstream`` is the service's. The block's own may be left out of a service whose rules
        always choose another; a connection that none chooses for is then refused.
        """
        own = PostgresSettings.model_construct(
            **{name: getattr(self, name) for name in PostgresSettings.model_fields}
        )
        if own.upstreams is None and upstream is not None:
            own.upstreams = [upstream]
        found: dict[str | None, PostgresSettings] = {}
        if not self.configs or not any(own.missing()):
            found[None] = own
        return found | {name: config.over(own) for name, config in self.configs.items()}

    def problem(self, upstream: Upstream | None) -> str | None:
        """Return what is missing in a configuration, or does not go together."""
        for name, config in self.whole(upstream).items():
            place = "" if name is None else f"configs.{name} "
            for lacking in config.missing():
                return f"{place}has no {lacking}"
            conflict = config.conflict()
            if conflict is not None:
                return f"{place}cannot be: {conflict}"
        return None

    def secrets(self) -> frozenset[str]:
        """Return the names of the CA's secrets that an edge needs for it."""
        configs: list[PostgresSettings] = [self, *self.configs.values()]
        return frozenset(name for each in configs for name in secrets_of(each.auth, each.jump))

    def has_passwords_of_grants(self) -> bool:
        """Tell whether people's access roles need passwords for it."""
        whole = (self, *(config.over(self) for config in self.configs.values()))
        return any(each.auth is not None and each.auth.is_from_grant for each in whole)

    def minted_minutes(self) -> int | None:
        """Return how long its minted certificates may live; None when it has none."""
        return max((minutes for minutes, _ in self._minting()), default=None)

    def mints_for(self, role: str, person: str, granted: str | None = None) -> bool:
        """Tell whether a configuration with minted certificates lets a person be this role.

        ``granted`` is the person's access role, as long as a grant is live.
        """
        rules = (rule for _, rule in self._minting() if rule is not None)
        return any(rule.lets_be(role, person, granted) for rule in rules)

    def _minting(self) -> Iterator[tuple[int, UserRule | None]]:
        for config in (self, *(config.over(self) for config in self.configs.values())):
            if config.auth is not None and config.auth.certificate is not None:
                yield config.auth.certificate.minutes, config.user
