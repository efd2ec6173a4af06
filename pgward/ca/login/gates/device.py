"""The device: new ones come in as the rules say, and one that was revoked lets nobody in.

A device that waits for approval is stored, as its owner looks for it elsewhere; all who come here
have proved who they are.
"""

from collections.abc import Mapping
from typing import Any, Literal

from anyio.to_thread import run_sync
from pydantic import Field

from pgward.ca import caller
from pgward.ca.identity import device_tokens, devices
from pgward.ca.identity.devices import Device, DeviceState
from pgward.ca.login import answers, grounds
from pgward.ca.login.attempt import Ask, Attempt, DeviceFacts, RefusedLoginError
from pgward.ca.login.desk import Desk
from pgward.ca.login.gates.gate import View
from pgward.ca.login.rules import Admission
from pgward.ca.store import Transaction

APPROVAL, TOKEN = "approval", "device_token"
_POLL_SECONDS = 2


class Poll(answers.Answer):
    """Whoever waits asks how it stands."""

    poll: Literal[True]


class Token(answers.Answer):
    """A one-time token for this device."""

    token: str = Field(min_length=1, max_length=200)


class DeviceGate:
    """Asks ``approval`` (poll until it is given) or ``device_token`` of a new device."""

    kind = "device"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Look the device key up; raise RefusedLoginError for a revoked one and a bad token."""
        found = devices.find(view.connection, view.user.name, attempt.thumbprint)
        if found is not None and found.state is DeviceState.REVOKED:
            raise _revoked(found)
        if found is not None and found.state is DeviceState.APPROVED:
            return None
        if view.rules.devices is Admission.OPEN:
            return None
        if attempt.device.token is not None:
            _judge(attempt.device.token, view)
            return None
        if view.rules.devices is Admission.TOKEN:
            return Ask(TOKEN, {"hint": "pgward devices token, on a device that is known"})
        return _approval(attempt, view)

    async def prepare(self, attempt: Attempt, ask: Ask) -> None:
        """Store a device that is about to wait; DeniedError when too many do."""
        if ask.kind == APPROVAL:
            await run_sync(self._wait, attempt)

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> None:
        """Take a token, or hear that somebody waits on: ``check`` finds out how it stands."""
        if attempt.memory.get("ask") == APPROVAL:
            answers.read(Poll, answer)
            return
        token = answers.read(Token, answer).token
        attempt.device = DeviceFacts(attempt.device.name, token, attempt.device.posture)

    def _wait(self, attempt: Attempt) -> None:
        user, now = attempt.actor, self._desk.now()
        with self._desk.store.read() as connection:
            found = devices.find(connection, user, attempt.thumbprint)
        if found is not None and (found.state is not DeviceState.PENDING or found.waits(now)):
            return
        with self._desk.acts.act(user, "device.request") as act:
            grounds.check(act.transaction.connection, user, attempt.grounds)
            device = devices.see(
                act.transaction,
                user,
                attempt.thumbprint,
                name=attempt.device.name,
                client=caller.client.get(),
                now=now,
                state=DeviceState.PENDING,
                posture=attempt.device.posture,
            )
            act.target = device.id
            act.details |= {"device": device.thumbprint, "name": device.name}


def admit(transaction: Transaction, attempt: Attempt, view: View) -> Device:
    """Take note of the device when its session starts; a new one's token is used up here."""
    user = view.user.name
    known = devices.find(transaction.connection, user, attempt.thumbprint)
    token, by = attempt.device.token, None
    is_new = known is None or known.state is DeviceState.PENDING
    if is_new and token is not None and view.rules.devices is not Admission.OPEN:
        by = device_tokens.use(transaction, user, token, view.now)
    return devices.see(
        transaction,
        user,
        attempt.thumbprint,
        name=attempt.device.name,
        client=caller.client.get(),
        now=view.now,
        by=by,
        posture=attempt.device.posture,
    )


def _approval(attempt: Attempt, view: View) -> Ask:
    code = devices.code_of(view.user.name, attempt.thumbprint)
    facts = {
        "code": code,
        "interval": _POLL_SECONDS,
        "hint": f"pgward devices approve {code}, on a device where you are logged in;"
        f" an administrator adds --user {view.user.name}",
    }
    return Ask(APPROVAL, facts, {"ask": APPROVAL})


def _judge(token: str, view: View) -> None:
    if not device_tokens.is_good(view.connection, view.user.name, token, view.now):
        raise RefusedLoginError(
            "the device token is not valid: unknown, expired or used already",
            why="the device token is not valid",
            actor=view.user.name,
            hint="make a new one: pgward devices token",
        )


def _revoked(device: Device) -> RefusedLoginError:
    return RefusedLoginError(
        "this device was revoked",
        why="the device is revoked",
        actor=device.user,
        hint="remove device.key from the pgward directory to make this a new device",
    )
