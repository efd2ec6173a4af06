"""The questions of a login, as forms: what each shows, and the answer that is made of what is sent.

What a question shows (its facts) comes back with the form, so that it can be asked again after a
wrong answer; it is shown as text and decides nothing.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr

from pgward.ca.login.engine import Asked
from pgward.ca.login.flows import MAX_LENGTH
from pgward.ca.login.passkeys.visits import MAX_LENGTH as MAX_VISIT
from pgward.core.errors import InvalidInputError
from pgward.portal.web.forms import Form

MOST_FACTS = 16 * 1024
_TOTP = re.compile(r"[0-9]{3} ?[0-9]{3}")
_Text = Annotated[str, Field(max_length=500)]
_Secret = Annotated[SecretStr, Field(max_length=4096)]


class Answer(Form):
    """An answer to a question; which fields it has depends on ``kind``.

    ``voucher`` and ``state`` are what a passkey's use has brought.
    """

    flow: Annotated[str, Field(max_length=MAX_LENGTH)]
    kind: Annotated[str, Field(max_length=32)]
    facts: Annotated[str, Field(max_length=MOST_FACTS)] = "{}"
    next: Annotated[str, Field(max_length=2000)] = ""
    code: _Text = ""
    reason: _Text = ""
    token: _Text = ""
    password: _Secret = SecretStr("")
    again: _Secret = SecretStr("")
    voucher: Annotated[str, Field(max_length=MAX_VISIT)] = ""
    state: _Text = ""

    @property
    def question(self) -> "Question":
        """What was asked, as the page before showed it; raise InvalidInputError for what was not.

        Strangers send forms, too: every fact that the page shows is there, and of its type.
        """
        try:
            facts = json.loads(self.facts)
        except (ValueError, RecursionError):
            facts = {}
        found = facts if isinstance(facts, dict) else {}
        shown = _SHOWN.get(self.kind)
        if shown is None or not _has(found, shown):
            raise InvalidInputError("this is no form of ours", hint="begin to sign in again")
        return Question(self.flow, self.kind, found)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the sealed flow that goes back with the answer."""

    flow: str
    kind: str
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Return what the engine asks."""
        return cls(asked.flow, asked.ask.kind, asked.ask.facts)

    @property
    def visit(self) -> str | None:
        """The sealed visit of a passkey that is asked for; None when none is."""
        if not self.facts.get("code") or not isinstance(self.facts.get("url"), str):
            return None
        found = parse_qs(urlsplit(self.facts["url"]).query).get("visit", [])
        return found[0] if found else None


_SHOWN: Mapping[str, Mapping[str, type]] = {
    "browser": {},
    "second_factor": {"factors": list},
    "totp_enroll": {"uri": str, "secret": str},
    "new_password": {"why": str, "rules": str},
    "reason": {},
    "approval": {"code": str, "interval": int},
    "device_token": {"hint": str},
}
"""What is shown of each question's facts, and of which type it is."""


def _has(facts: Mapping[str, Any], shown: Mapping[str, type]) -> bool:
    return all(isinstance(facts.get(name), kind) for name, kind in shown.items())


def answer_of(form: Answer) -> Mapping[str, Any]:
    """Return what the engine takes; raise InvalidInputError."""
    make = _ANSWERS.get(form.kind)
    if make is None:
        raise InvalidInputError("there is no such question")
    return make(form)


def _passkey(form: Answer) -> Mapping[str, Any]:
    return {"code": form.voucher, "state": form.state}


def _second_factor(form: Answer) -> Mapping[str, Any]:
    if form.voucher:
        return {"factor": "webauthn", **_passkey(form)}
    return code_of(form.code)


def code_of(typed: str) -> dict[str, str]:
    """Return the code of an app, or else a recovery code, as the API takes it."""
    typed = typed.strip()
    if _TOTP.fullmatch(typed):
        return {"factor": "totp", "code": typed.replace(" ", "")}
    return {"factor": "recovery", "code": typed}


def _new_password(form: Answer) -> Mapping[str, Any]:
    password = form.password.get_secret_value()
    if password != form.again.get_secret_value():
        raise InvalidInputError("the two passwords are not the same")
    return {"password": password}


_ANSWERS: Mapping[str, Callable[[Answer], Mapping[str, Any]]] = {
    "browser": _passkey,
    "second_factor": _second_factor,
    "totp_enroll": lambda form: {"code": form.code.replace(" ", "")},
    "new_password": _new_password,
    "reason": lambda form: {"reason": form.reason},
    "approval": lambda _form: {"poll": True},
    "device_token": lambda form: {"token": form.token.strip()},
}
