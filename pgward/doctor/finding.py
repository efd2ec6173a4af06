"""What a check found: pure values, and what follows from several."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pgward.core.errors import DeniedError, LoginNeededError, PgwardError


class Status(StrEnum):
    """How a link is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One link: ``what`` was seen, ``why`` that is so or matters, ``hint`` what to do.

    ``exit_code`` is the command's when this is the first failure. Never holds a secret.
    """

    check: str
    status: Status
    what: str
    why: str = ""
    hint: str = ""
    exit_code: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return it as data; the keys are stable."""
        return {
            "check": self.check,
            "status": self.status.value,
            "what": self.what,
            "why": self.why,
            "hint": self.hint,
        }


def ok(check: str, what: str) -> Finding:
    """Return that a link holds."""
    return Finding(check, Status.OK, what)


def warn(check: str, what: str, why: str = "", hint: str = "") -> Finding:
    """Return that a link holds, and something about it will surprise."""
    return Finding(check, Status.WARN, what, why, hint)


def fail(check: str, what: str, why: str = "", hint: str = "", exit_code: int = 1) -> Finding:
    """Return that a link is broken."""
    return Finding(check, Status.FAIL, what, why, hint, exit_code)


def skip(check: str, what: str) -> Finding:
    """Return that a link was not looked at, and why not."""
    return Finding(check, Status.SKIP, what)


def of_error(check: str, error: PgwardError, why: str = "") -> Finding:
    """Return the failure that one of our errors stands for."""
    known = (LoginNeededError.exit_code, DeniedError.exit_code)
    code = error.exit_code if error.exit_code in known else 1
    return fail(check, error.message.replace("\n", "; "), why, error.hint or "", code)


def broken(findings: Sequence[Finding]) -> Finding | None:
    """Return the first failure: the link that breaks."""
    return next((each for each in findings if each.status is Status.FAIL), None)


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0, or what the first failure says: 1 failed, 3 denied, 4 login needed."""
    first = broken(findings)
    return 0 if first is None else first.exit_code
