"""The duty ``alarm``: tells, long before and again at steps, that everyone will be refused."""

import logging
import os
import subprocess
from collections.abc import Callable
from datetime import datetime

from pgward.audit.events import AuditEvent
from pgward.core.clock import rfc3339
from pgward.core.errors import PgwardError
from pgward.hba.agent.deadman import Alarm, watch
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.interfaces import Events
from pgward.hba.install.material import Material

log = logging.getLogger("pgward.hba")

LOOK_SECONDS = 10.0
COMMAND_SECONDS = 30.0
_KEPT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")


class Alarms:
    """Looks at what is installed; ``got`` is when the CA last gave it all.

    ``command`` is a program that is run for each step, and when the danger is over, with the facts
    in ``PGWARD_*`` of its environment.
    """

    name = "alarm"
    follows: frozenset[str] = frozenset()

    def __init__(
        self,
        installed: Callable[[], Material | None],
        got: Callable[[], datetime | None],
        events: Events,
        *,
        name: str,
        command: str | None = None,
    ) -> None:
        self._installed = installed
        self._got = got
        self._events = events
        self._name = name
        self._command = command
        self.last: Alarm | None = None

    def run(self, turn: Turn) -> Done:
        """Tell what is new; as long as there is danger, that is this duty's problem."""
        material = self._installed()
        if material is None:
            return Done(LOOK_SECONDS)
        before = 0 if self.last is None else self.last.step
        alarm = self.last = watch(material, self._got(), turn.now)
        problems = [] if alarm.step == 0 else [alarm.message]
        if alarm.step > before:
            log.error("ALARM: %s", alarm.message)
        if alarm.step > before or (before and not alarm.step):
            self._record(alarm, turn.now)
            problems += self._run_command(alarm)
        return Done(self._pause(alarm, turn.now), tuple(problems))

    def close(self) -> None:
        """Hold nothing."""

    def _pause(self, alarm: Alarm, now: datetime) -> float:
        """Return when to look again: at the next step, or earlier, as clocks are put right."""
        if alarm.due is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.05, (alarm.due - now).total_seconds()))

    def _record(self, alarm: Alarm, now: datetime) -> None:
        event = AuditEvent.make(
            time=now,
            actor=f"host:{self._name}",
            action="host.alarm",
            outcome="failed" if alarm.step else "ok",
            target=self._name,
            reason=alarm.message if alarm.step else "the danger is over",
            details={"step": alarm.step, "ends": rfc3339(alarm.ends)},
        )
        self._events.append(event.to_json())

    def _run_command(self, alarm: Alarm) -> list[str]:
        if self._command is None:
            return []
        facts = {
            "PGWARD_ALARM": "raised" if alarm.step else "over",
            "PGWARD_ALARM_STEP": str(alarm.step),
            "PGWARD_ALARM_MESSAGE": alarm.message if alarm.step else "the danger is over",
            "PGWARD_ALARM_ENDS": rfc3339(alarm.ends),
            "PGWARD_HOST": self._name,
        }
        try:
            run_program(self._command, facts)
        except PgwardError as error:
            log.error("%s", error)
            return [str(error)]
        return []


def run_program(program: str, facts: dict[str, str]) -> None:
    """Run a program without a shell and wait for it; raise PgwardError unless it ends well."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [program],
            env=kept | facts,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PgwardError(
            f"the alarm command {program} did not end in {COMMAND_SECONDS:g} seconds"
        ) from error
    except OSError as error:
        raise PgwardError(
            f"the alarm command {program} cannot be run: {(error.strerror or str(error)).lower()}"
        ) from error
    if done.returncode:
        raise PgwardError(f"the alarm command {program} ended with {done.returncode}")
