"""The conversation of a login: one request begins it, and answers continue it."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pgward.client.api import ApiClient
from pgward.core.errors import DeniedError, InvalidInputError, UnavailableError

_MOST_ASKED = 500  # polls of a device code included: far more than ten minutes hold
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """How somebody logs in; ``fields`` are what the method needs besides."""

    method: str
    provider: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    reason: str | None = None
    device_token: str | None = field(default=None, repr=False)
    posture: Mapping[str, Any] | None = None

    @classmethod
    def password(cls, user: str, password: str) -> "Request":
        """Return the request that has all: a name and a password."""
        return cls("password", fields={"user": user, "password": password})

    def body(self) -> dict[str, Any]:
        """Return it as the CA reads it, without what is not there."""
        device = {
            "name": platform.node()[:100],
            "token": self.device_token,
            "posture": self.posture,
        }
        found = {
            "method": self.method,
            "provider": self.provider,
            "reason": self.reason,
            "device": {key: value for key, value in device.items() if value},
        }
        return {key: value for key, value in found.items() if value} | dict(self.fields)


class Answerer(Protocol):
    """Answers what the CA asks; raises PgwardError when it cannot."""

    def answer(self, kind: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer; it may wait for a person, a browser or the time to ask again."""
        ...

    def told_wrong(self, kind: str, problem: str) -> bool:
        """Hear that the answer was wrong; tell whether to try again."""
        ...


class Silent:
    """Answers nothing: for logins that must get along with what they have."""

    def answer(self, kind: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Raise InvalidInputError."""
        raise InvalidInputError(
            f"the authority asks for more ({kind}), and nobody can answer here",
            hint="pgward login, on a terminal",
        )

    def told_wrong(self, kind: str, problem: str) -> bool:  # noqa: ARG002 - Answerer's signature
        """Give up."""
        return False


def hold(client: ApiClient, request: Request, answerer: Answerer) -> dict[str, Any]:
    """Return the reply that ends the conversation, with the token.

    Raises what the CA's errors name, and what the answerer raises.
    """
    return proceed(client, client.post("/v1/login", request.body()), answerer)


def proceed(
    client: ApiClient,
    reply: dict[str, Any],
    answerer: Answerer,
    *,
    path: str = "/v1/login/continue",
) -> dict[str, Any]:
    """Answer until nothing is asked any more, and return the last reply."""
    for _ in range(_MOST_ASKED):
        if reply.get("status") != "continue":
            return reply
        kind, facts, flow = _asked(reply)
        reply = _answered(client, answerer, kind, facts, {"flow": flow, "path": path})
    raise UnavailableError("the login comes to no end", hint="look at the CA's version")


def _answered(
    client: ApiClient,
    answerer: Answerer,
    kind: str,
    facts: Mapping[str, Any],
    going: Mapping[str, str],
) -> dict[str, Any]:
    """Send an answer; after a wrong one the same question stands, and may be answered again."""
    for left in reversed(range(_TRIES)):
        answer = dict(answerer.answer(kind, facts))
        try:
            return client.post(going["path"], {"flow": going["flow"], "answer": answer})
        except (DeniedError, InvalidInputError) as error:
            if not left or not answerer.told_wrong(kind, error.message):
                raise
    raise AssertionError("unreachable")  # pragma: no cover - the last try raises or returns


def _asked(reply: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], str]:
    ask = reply.get("ask")
    flow = reply.get("flow")
    if not isinstance(ask, dict) or not isinstance(flow, str):
        raise UnavailableError("the CA's question cannot be read", hint="look at the CA's version")
    kind, facts = ask.get("kind"), ask.get("facts")
    if not isinstance(kind, str) or not isinstance(facts, dict):
        raise UnavailableError("the CA's question cannot be read", hint="look at the CA's version")
    return kind, facts, flow
