"""Runs the checks in order: each under a limit of time, and none behind a broken link."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pgward.core.errors import PgwardError
from pgward.doctor.finding import Finding, Status, fail, of_error, skip
from pgward.doctor.patient import Patient


@dataclass(frozen=True, slots=True)
class Check:
    """One link: its name, those it hangs on, and how to look at it.

    ``look`` returns None when there is nothing to look at. ``seconds`` is the hard limit.
    """

    name: str
    look: Callable[[Patient], Finding | None]
    needs: tuple[str, ...] = ()
    seconds: float = 12.0


def run(checks: Sequence[Check], patient: Patient) -> Iterator[Finding]:
    """Yield what each check finds, as it finds it."""
    unusable: dict[str, str] = {}
    for check in checks:
        missing = [unusable[name] for name in check.needs if name in unusable]
        if missing:
            unusable[check.name] = missing[0]
            yield skip(check.name, f"not looked at, as {missing[0]} does not hold")
            continue
        finding = _bounded(check, patient)
        if finding is None:
            continue
        if finding.status is Status.FAIL or finding.status is Status.SKIP:
            unusable[check.name] = check.name
        yield finding


def _bounded(check: Check, patient: Patient) -> Finding | None:
    """Run a check; one that hangs (a resolver, a keyring) is left behind in its thread."""
    outcome: list[Finding | None] = []

    def look() -> None:
        outcome.append(_look(check, patient))

    worker = threading.Thread(target=look, name=f"doctor-{check.name}", daemon=True)
    worker.start()
    worker.join(check.seconds)
    if not outcome:
        return fail(
            check.name,
            f"no result in {check.seconds:g} seconds",
            "something that this machine asks does not answer: a resolver, a disk, a keyring",
            "look at the network and the disks of this machine",
        )
    return outcome[0]


def _look(check: Check, patient: Patient) -> Finding | None:
    try:
        return check.look(patient)
    except PgwardError as error:
        return of_error(check.name, error)
    except Exception as error:  # noqa: BLE001 - a check that breaks must not end the others
        # Only the kind: the text of what was not foreseen may quote anything.
        return fail(
            check.name,
            f"this check broke ({type(error).__name__})",
            "that is a mistake in pgward",
            "report it, with what PGWARD_DEBUG=1 shows",
        )
