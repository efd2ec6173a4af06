"""What an edge knows of a service in ``mode: postgres``, from one snapshot. Pure.

A service has one configuration or several; each is whole. Secrets are only named here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pgward.client.secrets import reference
from pgward.client.secrets.reference import SecretRef
from pgward.core.address import Address
from pgward.pgwire.demands import Binding, Demands
from pgward.policy import cel
from pgward.policy.cel import Failed, Match, Variables
from pgward.policy.model import Policy, from_snapshot
from pgward.tunnel.preface import Reason, RefusedError

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
TargetSessionAttrs = Literal[
    "any", "read-write", "read-only", "primary", "standby", "prefer-standby"
]
Recording = Literal["none", "statements", "results"]
Way = Literal["certificate", "otp", "token"]

SYSTEM_ROOTS = "system"
_LAST_PORT = 65535
_SSL_MODES: dict[str, SslMode] = {
    "disable": "disable",
    "prefer": "prefer",
    "require": "require",
    "verify-ca": "verify-ca",
    "verify-full": "verify-full",
}
_ATTRIBUTES: dict[str, TargetSessionAttrs] = {
    "any": "any",
    "read-write": "read-write",
    "read-only": "read-only",
    "primary": "primary",
    "standby": "standby",
    "prefer-standby": "prefer-standby",
}
_RECORDINGS: dict[str, Recording] = {
    "none": "none",
    "statements": "statements",
    "results": "results",
}
_BINDINGS: dict[str, Binding] = {"disable": "disable", "prefer": "prefer", "require": "require"}
_ANY = Demands()
_WAYS: dict[str, Way] = {"certificate": "certificate", "otp": "otp", "token": "token"}


@dataclass(frozen=True, slots=True)
class PasswordAuth:
    """The edge logs in with a password, if PostgreSQL asks for one."""

    secret: SecretRef


@dataclass(frozen=True, slots=True)
class AccessPasswordAuth:
    """The edge logs in with the password that the person's access role has for a time."""


@dataclass(frozen=True, slots=True)
class CertificateAuth:
    """The edge logs in with a certificate for the person and the role, good for minutes."""

    minutes: int


@dataclass(frozen=True, slots=True)
class NoAuth:
    """PostgreSQL asks for nothing."""


Auth = PasswordAuth | AccessPasswordAuth | CertificateAuth | NoAuth


@dataclass(frozen=True, slots=True)
class UserRule:
    """As whom people land: ``force``, or what they ask for among ``allow``, or themselves.

    With ``from_grant`` whoever has a live grant lands as their access role.
    """

    force: str | None = None
    allow: frozenset[str] = frozenset()
    default: str | None = None
    from_person: bool = False
    strip_domain: str | None = None
    from_grant: bool = False

    def own(self, person: str) -> str | None:
        """Return the role that is called as the person, if there is one.

        Where a domain is taken off, nobody of another name has one: it might be somebody else's.
        """
        if not self.from_person:
            return None
        if self.strip_domain is None:
            return person
        end = f"@{self.strip_domain}"
        is_of_it = person.lower().endswith(end) and len(person) > len(end)
        return person[: -len(end)] if is_of_it else None


@dataclass(frozen=True, slots=True)
class DatabaseRule:
    """Where people land: ``force``, or what they ask for, among ``allow`` unless that is None."""

    force: str | None = None
    allow: frozenset[str] | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class SshJump:
    """An SSH server on the way, and the only key by which it proves itself."""

    address: Address
    user: str
    host_key: str
    key: SecretRef


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration: the servers, and how a connection begins and is recorded.

    ``name`` is None for the block's own. ``ssl_root_cert`` is PEM, ``system``, or None for the
    CA's own server roots; ``result_limit`` is in bytes for each answer.
    """

    name: str | None
    upstreams: tuple[Address, ...]
    user: UserRule
    auth: Auth
    database: DatabaseRule = DatabaseRule()
    target_session_attrs: TargetSessionAttrs = "any"
    load_balance: bool = False
    ssl_mode: SslMode = "verify-full"
    ssl_root_cert: str | None = None
    server_name: str | None = None
    demands: Demands = _ANY
    jump: SshJump | None = None
    set_parameters: Mapping[str, str] = field(default_factory=dict)
    forbidden_parameters: frozenset[str] = frozenset()
    application_name: str = "{user} via pgward: {application}"
    recording: Recording = "none"
    result_limit: int = 10 << 20
    protect_role: bool = True


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long things may take, in seconds; None is as long as they like."""

    statement: int | None = None
    idle: int | None = None
    idle_in_transaction: int | None = None
    session: int | None = None
    warn_before: int = 300


@dataclass(frozen=True, slots=True)
class ConfigRule:
    """Chooses a configuration by a condition in CEL; None matches any connection."""

    match: Match | None
    config: str


@dataclass(frozen=True, slots=True)
class PostgresService:
    """The block ``postgres`` of a service; ``default`` is for whom no rule matches."""

    default: Config | None
    configs: Mapping[str, Config] = field(default_factory=dict)
    rules: tuple[ConfigRule, ...] = ()
    limits: TimeLimits = TimeLimits()
    login: frozenset[Way] = frozenset({"certificate", "otp", "token"})
    reason_required: bool = False
    audit: str = "full"
    labels: Mapping[str, str] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    # Those that the service names and that do not exist: nobody may connect meanwhile.
    missing_policies: tuple[str, ...] = ()

    def choose(self, variables: Variables) -> Config:
        """Return the configuration for a connection (``cel.bind``); raise RefusedError.

        A condition that cannot be decided is not passed over: what follows may allow more.
        """
        for number, rule in enumerate(self.rules, 1):
            found = True if rule.match is None else rule.match.evaluate(variables)
            if isinstance(found, Failed):
                raise RefusedError(
                    Reason.DENIED,
                    f"rule {number} of the service's configurations cannot be decided: {found.why}",
                    hint="ask whoever runs the service",
                )
            if found:
                return self.configs[rule.config]
        if self.default is None:
            raise RefusedError(
                Reason.DENIED,
                "none of the service's configurations is for you",
                hint="ask whoever runs the service",
            )
        return self.default

    def check_policies(self) -> None:
        """Raise RefusedError where a policy that the service names does not exist."""
        if self.missing_policies:
            raise RefusedError(
                Reason.DENIED,
                f"the service's policy {self.missing_policies[0]} does not exist",
                hint="ask whoever runs the service",
            )

    def every(self) -> Iterator[Config]:
        """Yield all configurations."""
        if self.default is not None:
            yield self.default
        yield from self.configs.values()

    def secrets(self) -> frozenset[SecretRef]:
        """Return all secrets that its connections may need."""
        auths = (each.auth for each in self.every())
        passwords = (auth.secret for auth in auths if isinstance(auth, PasswordAuth))
        keys = (each.jump.key for each in self.every() if each.jump is not None)
        return frozenset((*passwords, *keys))


def read_postgres(fields: Mapping[str, Any]) -> PostgresService:
    """Read a snapshot's block; raise KeyError, TypeError, ValueError or PgwardError."""
    own = fields["default"]
    configs = {str(name): _config(name, each) for name, each in fields["configs"].items()}
    rules = tuple(_rule(each) for each in fields["rules"])
    strays = sorted({rule.config for rule in rules} - set(configs))
    if strays:
        raise ValueError(f"there is no config {strays[0]!r}")
    return PostgresService(
        default=None if own is None else _config(None, own),
        configs=configs,
        rules=rules,
        limits=_limits(fields["limits"]),
        login=frozenset(_WAYS[each] for each in fields["login"]),
        reason_required=fields["reason_required"] is True,
        audit=str(fields["audit"]),
        labels={str(key): str(value) for key, value in fields["labels"].items()},
        policies=tuple(from_snapshot(each) for each in fields["policies"]),
        missing_policies=tuple(map(str, fields["missing_policies"])),
    )


def read_address(fields: Mapping[str, Any]) -> Address:
    """Read a host and a port; raise KeyError, TypeError or ValueError."""
    port = fields["port"]
    if not isinstance(port, int) or not 0 < port <= _LAST_PORT:
        raise ValueError(f"{port!r} is no port")
    return Address(str(fields["host"]), port)


def _rule(fields: Mapping[str, Any]) -> ConfigRule:
    source = _text(fields["match"])
    return ConfigRule(None if source is None else cel.compile(source), str(fields["config"]))


def _config(name: str | None, fields: Mapping[str, Any]) -> Config:
    upstreams = tuple(read_address(each) for each in fields["upstreams"])
    if not upstreams:
        raise ValueError("a config without servers")
    parameters = fields["parameters"]
    return Config(
        name=name,
        upstreams=upstreams,
        user=_user(fields["user"]),
        auth=_auth(fields["auth"]),
        database=_database(fields["database"]),
        target_session_attrs=_ATTRIBUTES[fields["target_session_attrs"]],
        load_balance=fields["load_balance"] is True,
        ssl_mode=_SSL_MODES[fields["ssl_mode"]],
        ssl_root_cert=_text(fields["ssl_root_cert"]),
        server_name=_text(fields["server_name"]),
        demands=_demands(fields),
        jump=_jump(fields["jump"]),
        set_parameters={str(key): str(value) for key, value in parameters["set"].items()},
        forbidden_parameters=frozenset(str(each).lower() for each in parameters["forbid"]),
        application_name=str(fields["application_name"]),
        recording=_RECORDINGS[fields["recording"]],
        result_limit=_number(fields["result_limit"]),
        protect_role=fields.get("protect_role") is not False,  # an older CA does not speak of it
    )


def _user(fields: Mapping[str, Any]) -> UserRule:
    found = UserRule(
        force=_text(fields.get("force")),
        allow=frozenset(map(str, fields.get("allow", ()))),
        default=_text(fields.get("default")),
        from_person=fields.get("from_person") is True,
        strip_domain=_text(fields.get("strip_domain")),
        from_grant=fields.get("from_grant") is True,
    )
    if not (found.force or found.allow or found.from_person or found.from_grant):
        raise ValueError("a config in which nobody is anybody")
    return found


def _database(fields: Mapping[str, Any]) -> DatabaseRule:
    allow = fields.get("allow")
    return DatabaseRule(
        force=_text(fields.get("force")),
        allow=None if allow is None else frozenset(map(str, allow)),
        default=_text(fields.get("default")),
    )


def _auth(fields: Mapping[str, Any]) -> Auth:
    if "password" in fields and "from_grant" in fields["password"]:
        return AccessPasswordAuth()
    if "password" in fields:
        return PasswordAuth(reference.read(fields["password"]))
    if "certificate" in fields:
        return CertificateAuth(_number(fields["certificate"]["minutes"]))
    if fields["none"] is not True:
        raise ValueError("a config that says not how to log in")
    return NoAuth()


def _demands(fields: Mapping[str, Any]) -> Demands:
    """Read what the edge insists on at a login; an older CA does not speak of it."""
    words = fields.get("require_auth")
    binding = _BINDINGS[fields.get("channel_binding", "prefer")]
    return Demands.read(None if words is None else tuple(map(str, words)), binding)


def _jump(fields: Mapping[str, Any] | None) -> SshJump | None:
    if fields is None:
        return None
    ssh = fields["ssh"]
    return SshJump(
        read_address(ssh), str(ssh["user"]), str(ssh["host_key"]), reference.read(ssh["key"])
    )


def _limits(fields: Mapping[str, Any]) -> TimeLimits:
    def seconds(name: str) -> int | None:
        found = fields[name]
        return None if found is None else _number(found)

    return TimeLimits(
        statement=seconds("statement_timeout"),
        idle=seconds("idle_timeout"),
        idle_in_transaction=seconds("idle_in_transaction_timeout"),
        session=seconds("session_timeout"),
        warn_before=_number(fields["warn_before"]),
    )


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
