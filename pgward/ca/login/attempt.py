"""One login that is under way: what was asked, what was proven, what goes into a flow."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NoReturn, Self

from pgward.ca import caller
from pgward.ca.acts import RefusedError
from pgward.ca.login.grounds import Ground
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import DeniedError, InvalidInputError

METHOD = "method"  # who asked last, when it was no gate


@dataclass(frozen=True, slots=True)
class Given:
    """What the first request says besides the method; never part of a flow."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a method or a gate wants to know: ``facts`` are for the client, ``memory`` for itself.

    ``kind`` is one of those in ``service.login_models``.
    """

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """Who it is, by the directory, and how that was proved.

    ``grounds`` are what the proof rests on, as it was found where it was made. ``subject``, ``sid``
    and ``refresh`` are an identity provider's.
    """

    user: str
    factors: tuple[str, ...]
    grounds: tuple[Ground, ...] = ()
    subject: str | None = None
    sid: str | None = None
    refresh: str | None = field(default=None, repr=False)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the device says of itself; ``token`` enrolls it, once."""

    name: str = ""
    token: str | None = field(default=None, repr=False)
    posture: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Attempt:
    """One login; ``method`` is its kind, and ``provider`` the name of an identity provider.

    A step-up is an attempt, too: for one ``service``, inside a login ``session`` that lives.
    """

    id: str
    method: str
    provider: str | None
    thumbprint: str
    began_at: datetime
    device: DeviceFacts = field(default_factory=DeviceFacts)
    reason: str | None = None
    given: Given = field(default_factory=Given)
    proven: Proven | None = None
    factors: list[str] = field(default_factory=list)
    grounds: list[Ground] = field(default_factory=list)
    asked_by: str = METHOD
    memory: Mapping[str, Any] = field(default_factory=dict, repr=False)
    resumed: bool = False
    service: str | None = None
    session: str | None = None

    @property
    def actor(self) -> str:
        """Whose name stands in the audit log: nobody's that was only typed."""
        return caller.UNKNOWN if self.proven is None else self.proven.user

    def check_no_provider(self) -> None:
        """Raise InvalidInputError when a provider was named for a method that has none.

        What a client says would else stand at the session, and in the audit log, as if it were so.
        """
        if self.provider is not None:
            raise InvalidInputError(
                f"the method {self.method} has no provider", hint="leave provider out"
            )

    def prove(self, proven: Proven) -> None:
        """Take what the method proved."""
        self.proven = proven
        self.factors = [*proven.factors]
        self.grounds = [*proven.grounds]

    def prove_factor(self, ground: Ground) -> None:
        """Take one factor more, by what proved it."""
        self.factors.append(ground.kind)
        self.grounds.append(ground)

    def ask(self, asker: str, ask: Ask) -> None:
        """Remember who waits for an answer, and what it needs for that."""
        self.asked_by, self.memory = asker, ask.memory

    def dump(self) -> bytes:
        """Return what a flow carries."""
        state = {
            "id": self.id,
            "method": self.method,
            "provider": self.provider,
            "thumbprint": self.thumbprint,
            "began_at": rfc3339(self.began_at),
            "device": asdict(self.device),
            "reason": self.reason,
            "proven": None if self.proven is None else asdict(self.proven),
            "factors": self.factors,
            "grounds": [asdict(each) for each in self.grounds],
            "asked_by": self.asked_by,
            "memory": dict(self.memory),
            "service": self.service,
            "session": self.session,
        }
        return json.dumps(state, separators=(",", ":")).encode()

    @classmethod
    def load(cls, data: bytes) -> Self:
        """Read what ``dump`` wrote."""
        state = json.loads(data)
        proven = state.pop("proven")
        if proven is not None:
            grounds = tuple(Ground(**each) for each in proven["grounds"])
            proven = Proven(**proven | {"factors": tuple(proven["factors"]), "grounds": grounds})
        return cls(
            **state
            | {
                "began_at": parse_rfc3339(state["began_at"]),
                "device": DeviceFacts(**state["device"]),
                "proven": proven,
                "grounds": [Ground(**each) for each in state["grounds"]],
                "resumed": True,
            }
        )


class RefusedLoginError(RefusedError):
    """A login is refused; ``actor`` is who it was, when that is known.

    Only people of the directory are named, for what somebody typed may be a password.
    """

    def __init__(self, told: str, *, why: str, actor: str | None = None, hint: str | None) -> None:
        super().__init__(told, why=why, hint=hint)
        self.actor = actor


def wrong_credentials(why: str, actor: str | None) -> RefusedLoginError:
    """Return the one answer to a wrong name, a wrong password and an account that is closed."""
    return RefusedLoginError(
        "wrong user name or password",
        why=why,
        actor=actor,
        hint="an administrator sees why in the audit log, and can set a new password",
    )


class NeverAsks:
    """What methods and gates share that ask for nothing."""

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002
        """Refuse: no flow of ours leads here, unless another version of the CA sealed it."""
        raise DeniedError("nothing was asked for", hint="pgward login")
