"""Answers on a terminal, with a browser where one is asked for."""

import re
import time
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pgward.client import authenticator
from pgward.client.login.loopback import Loopback
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.system import terminal

_LEAST_POLL, _MOST_POLL = 1.0, 60.0
_TOTP = re.compile(r"[0-9]{3} ?[0-9]{3}")


class TerminalAnswers:
    """Asks the person; ``loopback`` is where a browser comes back to."""

    def __init__(
        self,
        *,
        loopback: Loopback | None = None,
        browser: bool = True,
        device_token: Callable[[], str] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._loopback = loopback
        self._browser = browser
        self._device_token = device_token
        self._pause = pause
        self._told: set[str] = set()
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
            terminal.note(problem)
            return True
        return False

    def _by_browser(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        url = _url(facts, "url")
        if self._loopback is None:
            raise UnavailableError("a browser is asked for, and nothing listens for it")
        if facts.get("code"):
            terminal.note(f"the page must show this code: {facts['code']}")
        self._open(url)
        state = parse_qs(urlsplit(url).query).get("state", [None])[0]
        return self._loopback.wait(state)

    def _open(self, url: str) -> None:
        opened = False
        if self._browser:
            with suppress(webbrowser.Error):
                opened = webbrowser.open(url)
        if opened:
            terminal.note(f"log in with the browser that opens; if none does, open\n{url}")
        else:
            terminal.note(f"open this page in a browser on this machine:\n{url}")

    def _device_code(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        code, page = str(facts["user_code"]), _url(facts, "verification_uri")
        if self._first(code):
            terminal.note(f"on any device, open {page}\nand enter the code {code}")
            whole = facts.get("verification_uri_complete")
            if isinstance(whole, str):
                terminal.note(f"or open {_url(facts, 'verification_uri_complete')}")
        self._wait(facts)
        return {"poll": True}

    def _approval(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        code = str(facts.get("code", ""))
        if self._first(code):
            hint = facts.get("hint") or f"pgward devices approve {code}"
            terminal.note(f"this device is new and waits for approval, code {code}: {hint}")
        self._wait(facts)
        return {"poll": True}

    def _second_factor(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        factors = [str(each) for each in facts.get("factors", ())]
        if factors == ["webauthn"]:
            return {"factor": "webauthn", **self._by_browser(facts)}
        hint = " (Enter for the security key)" if "webauthn" in factors else ""
        typed = terminal.ask(f"Code of your authenticator app, or a recovery code{hint}").strip()
        if not typed and "webauthn" in factors:
            return {"factor": "webauthn", **self._by_browser(facts)}
        kind = "totp" if _TOTP.fullmatch(typed) else "recovery"
        return {"factor": kind, "code": typed.replace(" ", "") if kind == "totp" else typed}

    def _totp_enroll(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        secret = str(facts.get("secret", ""))
        if self._first(secret):
            terminal.note("your account needs a second factor, and has none yet")
            authenticator.show(str(facts.get("uri", "")), secret)
        return {"code": terminal.ask(authenticator.ASK)}

    def _new_password(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        terminal.note(str(facts.get("why") or "your password must be changed now"))
        if facts.get("rules"):
            terminal.note(f"it needs {facts['rules']}")
        return {"password": terminal.ask_password("New password", confirm=True)}

    def _reason(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - as all
        return {"reason": terminal.ask("Reason for this login")}

    def _token(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - as all
        if self._device_token is not None:
            return {"token": self._device_token()}
        return {"token": terminal.ask_password("Token that enrolls this device")}

    def _first(self, what: str) -> bool:
        first = what not in self._told
        self._told.add(what)
        return first

    def _wait(self, facts: Mapping[str, Any]) -> None:
        interval = facts.get("interval", 5)
        seconds = float(interval) if isinstance(interval, int | float) else 5.0
        self._pause(min(max(seconds, _LEAST_POLL), _MOST_POLL))


def _url(facts: Mapping[str, Any], name: str) -> str:
    """Return an address that a browser may be sent to: a lying CA must not start programs."""
    url = facts.get(name)
    if not isinstance(url, str) or not url.isascii() or not url.isprintable():
        raise UnavailableError("the CA's question cannot be read", hint="look at the CA's version")
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not (parts.scheme == "https" or local) or not parts.hostname:
        raise UnavailableError(f"the CA sends the browser to no web page: {url[:100]}")
    return url
