"""Answers on a terminal, with a browser where one is asked for."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from pgward.client import authenticator
from pgward.client.login import page
from pgward.client.login.loopback import Loopback
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.system import terminal

_LEAST_POLL, _MOST_POLL = 1.0, 60.0
_TOTP = re.compile(r"[0-9]{3} ?[0-9]{3}")


class TerminalAnswers:
    """Asks the person; ``loopback`` is where a browser comes back to.

    ``set_factor_up`` tells afterwards whether an authenticator app was set up on the way.
    """

    def __init__(
        self,
        *,
        loopback: Loopback | None = None,
        browser: bool = True,
        device_token: Callable[[], str] | None = None,
        pause: Callable[[float], None] = time.sleep,
        listen: Callable[[], Loopback] = Loopback,
    ) -> None:
        self._loopback = loopback
        self._browser = browser
        self._device_token = device_token
        self._pause = pause
        self._listen = listen
        self._told: set[str] = set()
        self.set_factor_up = False
        self._ways: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "browser": self._by_browser,
            "device_code": self._device_code,
            "second_factor": self._second_factor,
            "totp_enroll": self._totp_enroll,
            "new_password": self._new_password,
            "reason": self._reason,
            "approval": self._approval,
            "device_token": self._token,
        }

    def answer(self, kind: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the person's answer."""
        way = self._ways.get(kind)
        if way is None:
            raise InvalidInputError(
                f"the authority asks for something that this pgward does not know: {kind}",
                hint="upgrade pgward",
            )
        return way(facts)

    def told_wrong(self, kind: str, problem: str) -> bool:
        """Show what was wrong; ask again what a person typed, on a terminal only."""
        typed = kind in (
            *("second_factor", "totp_enroll"),
            *("new_password", "reason", "device_token"),
        )
        if typed and terminal.interactive():
            terminal.prompt(problem)
            return True
        return False

    def _by_browser(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        url = page.url_in(facts)
        if self._loopback is None:
            raise UnavailableError("a browser is asked for, and nothing listens for it")
        if facts.get("code"):
            terminal.prompt(f"the page must show this code: {facts['code']}")
        return page.visit(url, self._loopback, browser=self._browser)

    def _device_code(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        code, where = str(facts["user_code"]), page.url_in(facts, "verification_uri")
        if self._first(code):
            terminal.prompt(f"on any device, open {where}\nand enter the code {code}")
            whole = facts.get("verification_uri_complete")
            if isinstance(whole, str):
                terminal.prompt(f"or open {page.url_in(facts, 'verification_uri_complete')}")
        self._wait(facts)
        return {"poll": True}

    def _approval(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        code = str(facts.get("code", ""))
        if self._first(code):
            hint = facts.get("hint") or f"pgward devices approve {code}"
            terminal.prompt(f"this device is new and waits for approval, code {code}: {hint}")
        self._wait(facts)
        return {"poll": True}

    def _second_factor(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        factors = [str(each) for each in facts.get("factors", ())]
        passkey = "webauthn" in factors
        if factors == ["webauthn"] or (passkey and not terminal.interactive()):
            return self._by_passkey(facts)
        hint = " (Enter for the passkey)" if passkey else ""
        typed = terminal.ask(f"Code of your authenticator app, or a recovery code{hint}").strip()
        if not typed and passkey:
            return self._by_passkey(facts)
        kind = "totp" if _TOTP.fullmatch(typed) else "recovery"
        return {"factor": kind, "code": typed.replace(" ", "") if kind == "totp" else typed}

    def _totp_enroll(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        secret = str(facts.get("secret", ""))
        if self._first(secret):
            terminal.prompt("your account needs a second factor, and has none yet")
            authenticator.show(str(facts.get("uri", "")), secret)
        self.set_factor_up = True
        return {"code": terminal.ask(authenticator.ASK)}

    def _by_passkey(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have a passkey confirm; a login by password began without a way back for a browser."""
        url = page.url_in(facts)
        terminal.prompt(f"the page must show this code: {facts.get('code')}")
        with self._listen() as loopback:
            back = page.with_way_back(url, loopback.redirect_uri)
            brought = page.visit(back, loopback, browser=self._browser, verb="confirm")
        return {"factor": "webauthn", **brought}

    def _new_password(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        terminal.prompt(str(facts.get("why") or "your password must be changed now"))
        if facts.get("rules"):
            terminal.prompt(f"it needs {facts['rules']}")
        return {"password": terminal.ask_password("New password", confirm=True)}

    def _reason(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - as all
        if not terminal.interactive():
            raise InvalidInputError(
                "a reason for this login is asked for, and there is no terminal to ask on",
                hint="--reason TEXT says it",
            )
        return {"reason": terminal.ask("Reason for this login")}

    def _token(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - as all
        if self._device_token is not None:
            return {"token": self._device_token()}
        where = "pgward devices token prints one, on a device where you are logged in"
        if not terminal.interactive():
            raise InvalidInputError(
                "new devices come in with a token here",
                hint=f"{where}, as an administrator does; --device-token-file FILE gives it",
            )
        if self._first("device_token"):
            terminal.prompt(f"new devices come in with a token: {where}, as an administrator does")
        return {"token": terminal.ask_password("Token that enrolls this device")}

    def _first(self, what: str) -> bool:
        first = what not in self._told
        self._told.add(what)
        return first

    def _wait(self, facts: Mapping[str, Any]) -> None:
        interval = facts.get("interval", 5)
        seconds = float(interval) if isinstance(interval, int | float) else 5.0
        self._pause(min(max(seconds, _LEAST_POLL), _MOST_POLL))
