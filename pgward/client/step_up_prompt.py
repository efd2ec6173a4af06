"""Asking the person at the terminal for a fresh second factor."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Self

from pgward.client import step_up
from pgward.client.api import ApiClient
from pgward.client.login import page
from pgward.client.login.conversation import Answerer
from pgward.client.login.loopback import Loopback
from pgward.client.login.terminal_answers import TerminalAnswers
from pgward.client.services import StepUp
from pgward.core.errors import DeniedError
from pgward.system import terminal


class StepUpAnswers:
    """Asks as a login does, and says for which service; ``code`` was given beforehand.

    Used as a context, it closes the port that a browser came back to.
    """

    def __init__(
        self,
        service: str,
        others: Answerer,
        code: str | None = None,
        *,
        browser: bool = True,
        listen: Callable[..., Loopback] = Loopback,
    ) -> None:
        self._service = service
        self._others = others
        self._code = code
        self._browser = browser
        self._listen = listen
        self._loopback: Loopback | None = None
        self._provider = "the identity provider"
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def answer(self, kind: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the person's answer."""
        if kind == "redirect":
            return {"redirect_uri": self._way_back(facts)}
        if kind == "browser" and self._loopback is not None:
            verb = f"for {self._service}, log in once more at {self._provider}"
            return page.visit(page.url_in(facts), self._loopback, browser=self._browser, verb=verb)
        factors = facts.get("factors")
        if kind == "password":
            return {"password": terminal.ask_password(f"Your password, for {self._service}")}
        if kind == "second_factor" and self._code is not None:
            return {"factor": "totp", "code": self._code}
        if kind == "second_factor" and factors == ["totp"]:
            label = f"Code of your authenticator app, for {self._service}"
            return {"factor": "totp", "code": terminal.ask(label).replace(" ", "")}
        return self._others.answer(kind, facts)

    def told_wrong(self, kind: str, problem: str) -> bool:
        """Show what was wrong; ask again what a person typed."""
        if self._code is not None:
            return False
        if kind == "password" and terminal.interactive():
            terminal.prompt(problem)
            return True
        return self._others.told_wrong(kind, problem)

    def _way_back(self, facts: Mapping[str, Any]) -> str:
        """Listen where the identity provider sends browsers to; return the address."""
        self._provider = str(facts.get("provider") or self._provider)
        if self._loopback is None:
            ports = [port for port in facts.get("redirect_ports", ()) if isinstance(port, int)]
            self._loopback = self._open.enter_context(
                self._listen(ports, again=f"pgward step-up {self._service}")
            )
        return self._loopback.redirect_uri


def prove(api: ApiClient, service: str, *, code: str | None = None, browser: bool = True) -> StepUp:
    """Ask for a second factor and prove it; raises as ``step_up.prove``."""
    others = TerminalAnswers(browser=browser)
    with StepUpAnswers(service, others, code, browser=browser) as answers:
        return step_up.prove(api, service, answers)


def ensure(api: ApiClient, service: str) -> None:
    """Ask the person unless there is a proof; raise DeniedError where nobody can be asked."""
    if step_up.ask(api, service).proved_until is not None:
        return
    if not terminal.interactive():
        step_up.check_possible(api, service)
        raise DeniedError(
            f"{service} asks for a fresh second factor, and there is no terminal to ask on",
            hint=f"pgward step-up {service}, on a terminal",
        )
    prove(api, service)
