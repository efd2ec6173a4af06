"""The kind LoginRule: what the logins of some people must fulfil, and their devices."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pgward.ca.identity import passwords, posture
from pgward.ca.identity.password_rules import CLASSES, PasswordRules
from pgward.ca.identity.posture import PostureRules
from pgward.ca.login.rules import Admission, LoginRules
from pgward.ca.resources.model import Metadata, Model, People, checked
from pgward.core.errors import InvalidInputError

METHODS = ("password", "ldap", "oidc", "oidc-device", "passkey")
_MAX_HOURS = 24 * 7  # as `session_hours` in pgward.toml
_Required = Literal["required"]


def _version(text: str) -> str:
    if text != posture.ANY_VERSION and not posture.is_version(text):
        raise InvalidInputError(f"{text!r} is no version", hint='for example "14.4", or any')
    return text


def _system(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise InvalidInputError("it is no name of an operating system")
    return text


Version = Annotated[str, Field(max_length=60), checked(_version)]
System = Annotated[str, Field(min_length=1, max_length=60), checked(_system)]


class Whom(People):
    """Whose logins: people by name or group, or everyone's."""

    everyone: bool = False

    def is_person(self, user: str, groups: tuple[str, ...]) -> bool:
        """Tell whether it names this person."""
        return self.everyone or self.names(user, groups)


class Passwords(Model):
    """What passwords must be like, beyond what every password must."""

    min_length: Annotated[int, Field(ge=passwords.MIN_LENGTH, le=64)] = passwords.MIN_LENGTH
    classes: Annotated[int, Field(ge=1, le=len(CLASSES))] = 1
    max_age_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    breach_list: bool = False
    # Each is verified at a change, which takes a while.
    history: Annotated[int, Field(ge=0, le=24)] = 0

    def rules(self) -> PasswordRules:
        """Return it as passwords are checked by it."""
        days = self.max_age_days
        return PasswordRules(
            min_length=self.min_length,
            classes=self.classes,
            max_age=None if days is None else timedelta(days=days),
            breach_list=self.breach_list,
            history=self.history,
        )


class Posture(Model):
    """What a device must say of itself."""

    disk_encryption: _Required | None = None
    screen_lock: _Required | None = None
    firewall: _Required | None = None
    updates_within_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    os_versions: Annotated[dict[System, Version], Field(min_length=1, max_length=50)] | None = None
    allow_unknown: bool = False

    @model_validator(mode="after")
    def _wants_something(self) -> Self:
        if self.rules() in (PostureRules(), PostureRules(allow_unknown=True)):
            raise ValueError("requires nothing: leave it out, or say what is required")
        return self

    def rules(self) -> PostureRules:
        """Return it as devices are checked by it."""
        required = {
            "disk_encrypted": self.disk_encryption,
            "screen_lock": self.screen_lock,
            "firewall": self.firewall,
        }
        return PostureRules(
            required=tuple(name for name, wanted in required.items() if wanted),
            updates_within_days=self.updates_within_days,
            os_versions=tuple((self.os_versions or {}).items()),
            allow_unknown=self.allow_unknown,
        )


class LoginRuleSpec(Model):
    """What logins must fulfil; what is left out is as it is without a rule."""

    applies_to: Whom
    methods: (
        Annotated[list[Literal[METHODS]], Field(min_length=1, max_length=len(METHODS))] | None  # type: ignore[valid-type]
    ) = None
    second_factor: _Required | None = None
    session_hours: Annotated[int, Field(ge=1, le=_MAX_HOURS)] | None = None
    reason: _Required | None = None
    password: Passwords | None = None
    devices: Literal["open", "approval", "token"] | None = None
    posture: Posture | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        whom = self.applies_to
        if not (whom.everyone or whom.users or whom.groups):
            raise ValueError("appliesTo names nobody: give users, groups or everyone: true")
        return self

    def rules(self, name: str) -> LoginRules:
        """Return it as logins are checked by it."""
        hours = self.session_hours
        return LoginRules(
            session=timedelta.max if hours is None else timedelta(hours=hours),
            methods=None if self.methods is None else frozenset(self.methods),
            second_factor=self.second_factor is not None,
            reason=self.reason is not None,
            password=(self.password or Passwords()).rules(),
            devices=Admission(self.devices or Admission.OPEN),
            posture=() if self.posture is None else (self.posture.rules(),),
            names=(name,),
        )


class LoginRule(Model):
    """A resource of kind LoginRule."""

    kind: Literal["LoginRule"]
    metadata: Metadata
    spec: LoginRuleSpec
