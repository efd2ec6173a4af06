"""The auditor's process: rounds of work, threads that deliver, and an end in order."""

import gc
import logging
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

from pgward.audit.sinks.schemes import open_sink
from pgward.audit.tape.answers import Opener, run_of
from pgward.client.machine import Machine
from pgward.core.clock import Clock, SystemClock
from pgward.core.errors import PgwardError, UnavailableError
from pgward.system import log_lines
from pgward.system.files import FileLock, private_dir
from pgward.system.secrecy import hide_memory, keep_secrets
from pgward.tunnel.edge.auditor import ca, recordings
from pgward.tunnel.edge.auditor.delivery import Deliverer, SinkTarget, Target, tidy_cursors
from pgward.tunnel.edge.auditor.life_line import LifeLine
from pgward.tunnel.edge.auditor.priority import stand_back
from pgward.tunnel.edge.auditor.settings import AuditorSettings
from pgward.tunnel.edge.auditor.shelf import Shelf
from pgward.tunnel.edge.auditor.source import TapeFiles
from pgward.tunnel.edge.auditor.status import Status, StatusFile, Waiting
from pgward.tunnel.edge.auditor.work import Work

log = logging.getLogger("pgward.auditor")

# Nobody tells when a worker wrote, as it makes no system call for that: it is looked for. A look
# costs as much as a hundred records; a chunk takes a second to fill anyway.
LOOK_SECONDS: Final = 0.25
LAST_LOOK_SECONDS: Final = 0.02  # when the edge ends, and waits for it
_TIDY_SECONDS: Final = 0.25
_STATUS_SECONDS: Final = 5.0
_TELL_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 0.5
_LAG_BYTES: Final = 32 * 1024 * 1024  # two segments of a tape
_LAST_SECONDS: Final = 3.0  # for what is on its way to targets when the edge ends
# Of pipelined statements there are tens of thousands at once: to look through them again and again
# was a quarter of the time.
_COLLECTIONS: Final = (50_000, 20, 20)
_PATIENT_SECONDS: Final = 0.5  # with targets that just had a problem


class StoppedError(PgwardError):
    """There is no more time; what was not committed is still on tape."""


class Auditor:
    """One run, from the settings to the end of the life line."""

    def __init__(self, settings: AuditorSettings, life: LifeLine, clock: Clock) -> None:
        self._settings = settings
        self._life = life
        self._shelf = Shelf(private_dir(settings.place))
        self._deliverers = self._make_deliverers()
        self._told: dict[str, float] = {}
        self._tidied_at = self._status_at = 0.0
        self._status = StatusFile(settings.place, clock)
        self._tapes = TapeFiles(settings.directory, self._edge, run_of(settings.tape_key))
        self._work = Work(
            settings.place,
            self._edge,
            self._tapes,
            self._shelf,
            least_number=self._highest + 1,
            wait=self._disk_refuses,
            opened=Opener(settings.tape_key),
        )

    def run(self) -> None:
        """Work until the edge ends, then finish what can be finished."""
        for deliverer in self._deliverers:
            deliverer.start()
        try:
            while self._life.ends_at is None:
                found = self._round()
                self._life.wait(0 if found and self._work.pressing else LOOK_SECONDS)
            self._finish()
        except StoppedError as error:
            log.warning("%s: it is read again from the tapes at the next start", error)
        finally:
            self._shelf.close()
            for deliverer in self._deliverers:
                deliverer.stop(_LAST_SECONDS)
            self._write_status()
            self._work.close()

    def _make_deliverers(self) -> list[Deliverer]:
        sinks = dict(map(open_sink, self._settings.sinks))
        self._highest = tidy_cursors(self._settings.place, {ca.NAME, recordings.NAME, *sinks})
        machine = Machine.load(self._settings.directory)
        self._edge = machine.name
        targets: list[Target] = [
            ca.CaTarget(machine, self._shelf),
            recordings.RecordingsTarget(Machine.load(self._settings.directory), self._shelf),
        ]
        targets += [SinkTarget(name, sink) for name, sink in sinks.items()]
        return [Deliverer(each, self._shelf, self._settings.place) for each in targets]

    def _round(self) -> bool:
        """Do some work; tell whether there was any."""
        now = time.monotonic()
        if now - self._tidied_at >= _TIDY_SECONDS:
            self._tidied_at = now
            self._tidy()
            self._life.wait(0)  # however much there is to do
            if now - self._status_at >= _STATUS_SECONDS:
                self._status_at = now
                self._write_status()
        if self._is_full:
            self._work.settle()  # so that what is delivered can be removed
            self._tell("full", "%d MiB of records wait for delivery, and no more are taken: the "
                       "tapes fill, and then sessions of audited services are refused",
                       self._shelf.size >> 20)  # fmt: skip
            return False
        return self._work.round()

    def _finish(self) -> None:
        """Read what is on tape, in order also what sessions that end will put there; deliver."""
        while not self._life.over:
            busy = self._round()
            if self._work.idle or not (busy or self._life.in_order) or self._is_stuck():
                break
            if not busy:
                self._life.wait(LAST_LOOK_SECONDS)
        self._work.settle()
        patient_until = time.monotonic() + _PATIENT_SECONDS
        while not self._life.over and self._waiting(time.monotonic() < patient_until):
            self._life.wait(LAST_LOOK_SECONDS)

    def _is_stuck(self) -> bool:
        """Tell whether nothing more can be read, as nobody takes what was."""
        return self._is_full and not self._waiting()

    @property
    def _is_full(self) -> bool:
        return self._shelf.size >= self._settings.spool_max

    def _waiting(self, patient: bool = False) -> bool:
        """Tell whether a target still gets chunks; also one that had a problem, if patient."""
        highest = max(self._shelf.numbers, default=0)
        return any(
            each.cursor < highest and (patient or each.problem is None) for each in self._deliverers
        )

    def _tidy(self) -> None:
        """Remove what every target has, and what sinks that are long away keep in the way."""
        archive, _recordings, *sinks = self._deliverers
        self._shelf.refused.look()
        if self._shelf.size > self._settings.spool_max // 2:
            for sink in sinks:
                if sink.cursor < archive.cursor:
                    log.error(
                        "%s was away too long: it does not get chunks %d to %d, which the CA has",
                        sink.name, sink.cursor + 1, archive.cursor,
                    )  # fmt: skip
                    sink.give_up(archive.cursor)
        everywhere = min(each.cursor for each in self._deliverers)
        self._shelf.remove(min(everywhere, self._work.checkpoint.number - 1))
        if isinstance(error := archive.error, ca.ForkedError):
            self._leave_chain(error.chain, archive.cursor)
        if (behind := self._work.behind) >= _LAG_BYTES:
            self._tell("lag", "%d MiB on tape are not records yet", behind >> 20)

    def _leave_chain(self, chain: str, after: int) -> None:
        """Begin another chain, unless that has been done and the CA has not been asked since."""
        number = self._shelf.behind(after)
        if number is not None and self._shelf.entry(number).manifest.chain == chain:
            log.error(
                "chain %s is left: its records from chunk %d on begin a new one", chain, number
            )
            self._work.begin_chain(after)

    def _disk_refuses(self, reason: str) -> None:
        if not self._settings.place.is_dir():
            # The next start makes another, begins a chain, and reads what is on tape once more.
            raise PgwardError(f"somebody has removed {self._settings.place}")
        self._tell("disk", "records cannot be kept, and wait on tape: %s", reason)
        self._tidy()
        self._life.wait(_RETRY_SECONDS)
        if self._life.over:
            raise StoppedError(f"the edge ends, and records cannot be kept ({reason})")

    def _tell(self, about: str, text: str, *words: object) -> None:
        """Log a warning that lasts once a minute."""
        now = time.monotonic()
        if now - self._told.get(about, -_TELL_SECONDS) >= _TELL_SECONDS:
            self._told[about] = now
            log.warning(text, *words)

    def _write_status(self) -> None:
        numbers = self._shelf.numbers
        waiting = {
            each.name: Waiting(sum(number > each.cursor for number in numbers), each.problem)
            for each in self._deliverers
        }
        work, shelf = self._work, self._shelf
        unreadable = tuple(work.unreadable)
        self._status.write(
            Status(
                *(work.records, work.behind, len(numbers), shelf.size, unreadable, waiting),
                refused=len(shelf.refused),
                pressing=self._tapes.pressing,
            )
        )


def main(descriptor: int = 0, start: Callable[..., Auditor] = Auditor) -> int:
    """Be the auditor whose life line is a descriptor; return the exit code."""
    keep_secrets()
    hide_memory()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # They reach the whole group or unit, of which the auditor must be the last to end.
        signal.signal(number, signal.SIG_IGN)
    life = LifeLine(descriptor)
    try:
        settings = AuditorSettings.from_line(life.first_line())
        log_lines.set_up(settings.log_level)
        stand_back()
        gc.set_threshold(*_COLLECTIONS)
        with ExitStack() as held:
            _be_the_only(held, settings, life)
            start(settings, life, SystemClock()).run()
    except PgwardError as error:
        log.error("the auditor ends: %s", error)
        return error.exit_code
    return 0


def _be_the_only(held: ExitStack, settings: AuditorSettings, life: LifeLine) -> None:
    """Wait for the auditor of a worker that was killed, which ends soon."""
    lock = partial(FileLock, private_dir(settings.place) / "lock", timeout=1.0)
    while True:
        try:
            held.enter_context(lock())
        except UnavailableError:
            life.wait(0)
            if life.over:
                raise
        else:
            return
