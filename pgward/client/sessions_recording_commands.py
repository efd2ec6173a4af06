"""``pgward sessions play | export | end | rotate-key``: what was said in a session, and its end."""

import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import click

from pgward.audit.recording.script import Reader, Script, Shown
from pgward.client import audit_archive, options, recording_file, recordings
from pgward.client.api import ApiClient
from pgward.client.phrases import counted, when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import terminal

_SECOND = 1_000_000
_SILENT = timedelta(seconds=75)  # an edge asks every 30 s, and that is noted every 20 s
_EDGE = click.option("--edge", metavar="NAME", help="Whose session, if several edges have one.")
MINE = click.option("--mine", is_flag=True, help="Your own, for which nobody need be an auditor.")


def place(mine: bool, *parts: str) -> str:
    """Return the API's path of sessions, or of one's own."""
    return options.path(*(("me",) if mine else ()), "database-sessions", *parts)


class NotAsRecordedError(PgwardError):
    """A recording is not what its edge recorded."""


@click.command("play", short_help="Show what was said in a recorded session, as it was.")
@click.argument("session", metavar="[ID]", required=False)
@_EDGE
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Play what was exported to FILE; the CA is not asked.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    help="How many times as fast as it was, 1 unless said; 0 shows all at once.",
)
@click.option(
    "--idle", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than this."
)
@click.option("-f", "--follow", is_flag=True, help="Watch a session that runs, until it ends.")
def play(
    *,
    session: str | None,
    edge: str | None,
    file: Path | None,
    speed: float | None,
    idle: float | None,
    follow: bool,
) -> None:
    """Show what was said in a recorded session, with the times that it took then.

    That you looked is put on record. Where the service records results, rows are shown as well.
    """
    if follow and (speed is not None or idle is not None):
        raise InvalidInputError("--follow shows what happens as it happens: --speed and --idle not")
    player = _Player(0.0 if follow else 1.0 if speed is None else speed, idle)
    if file is not None:
        if session is not None or follow:
            raise InvalidInputError("--file plays a file: an ID and --follow are for the CA's")
        _play(recording_file.session_in(file), recording_file.pages(file), player)
        return
    if session is None:
        raise InvalidInputError("which session?", hint="pgward sessions ls --recorded")
    with options.api() as api:
        purpose: recordings.Purpose = "watch" if follow else "play"
        _play(session, recordings.pages(api, session, edge, purpose, follow=follow), player)


def _play(session: str, pages: Iterable[recordings.Page], player: "_Player") -> None:
    reader, script, ended = Reader(session), Script(), True
    for page in pages:
        if ended and not (page.lines or page.ended):  # the first page
            terminal.note("nothing is recorded of this session yet")
        player.play(script.show(list(reader.feed(page.lines))))
        ended = page.ended
    reader.end()
    _complain(reader.problems)
    if not ended:
        terminal.note("the session runs; --follow shows what comes")


@click.command("export", short_help="Write a recording to a file.")
@click.argument("session", metavar="ID")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@_EDGE
def export(session: str, path: Path, edge: str | None) -> None:
    """Write a recording to FILE: a line of JSON for each event, decrypted; - is standard output.

    Each piece begins with a line that names the hash of the piece before. The hashes are compared
    with what the edge's audit chain says of them, which `pgward audit verify` verifies.
    Exit status 1 when anything is wrong or missing.
    """
    recording_file.check(path)
    reader, events = Reader(session), 0
    with options.api() as api, recording_file.written(path) as file:
        for page in recordings.pages(api, session, edge, "export"):
            events += len(list(reader.feed(page.lines)))
            file.write(b"".join(line + b"\n" for line in page.lines))
        reader.end()
        _vouched(api, session, edge, reader)
    terminal.report(file=str(path), pieces=len(reader.hashes), events=events)
    terminal.note(
        f"{path}: {counted(events, 'event')} in {counted(len(reader.hashes), 'piece')},"
        " as the audit has them" if not reader.problems else f"{path} is written"
    )  # fmt: skip
    _complain(reader.problems)


@click.command("end", short_help="End a session that runs.")
@click.argument("session", metavar="ID")
@_EDGE
@click.option("--reason", metavar="TEXT", help="What the person is told.")
@click.option("--force", is_flag=True, help="At once, also within a statement or a transaction.")
@MINE
def end(session: str, edge: str | None, reason: str | None, *, force: bool, mine: bool) -> None:
    """End a session that runs, when no statement and no transaction is under way.

    The client gets FATAL 57P01 with the reason. That you asked for it is put on record.
    """
    asked = {"reason": reason, "edge": edge}
    body = {"force": force, **{name: value for name, value in asked.items() if value is not None}}
    with options.api() as api:
        told = api.post(place(mine, session, "end"), body)
    terminal.report(**told)
    moment = "at once" if force else "once no statement and no transaction is under way"
    terminal.note(f"edge {told['edge']} is told to end the session {moment}")
    _tell_silence(told["edge"], told.get("edge_seen_at"))


@click.command("rotate-key", short_help="Have recordings encrypted for a new key.")
def rotate_key() -> None:
    """Have edges encrypt recordings for a new key; what is recorded stays readable.

    It happens by itself every 90 days.
    """
    with options.api() as api:
        done = api.post("/v1/recording-key/rotate")
    terminal.report(**done)
    terminal.note(f"recordings are encrypted for {done['recipient']} now")


class _Player:
    """Shows lines when it is time."""

    def __init__(self, speed: float, idle: float | None) -> None:
        self._speed = speed
        self._idle = idle
        self._last: int | None = None
        self._never = threading.Event()

    def play(self, script: Iterable[Shown]) -> None:
        for shown in script:
            self._wait(shown.time)
            for text in shown.lines:
                for line in text.split("\n"):
                    terminal.echo(terminal.clean(line))

    def _wait(self, time: int) -> None:
        last, self._last = self._last, max(time, self._last or time)
        if last is None or not self._speed:
            return
        seconds = max(0, time - last) / _SECOND / self._speed
        self._never.wait(seconds if self._idle is None else min(seconds, self._idle))


def _tell_silence(edge: str, seen_at: str | None) -> None:
    """Say that an edge cannot know yet what it is to do."""
    if seen_at is None:
        return
    now, seen = SystemClock().now(), parse_rfc3339(seen_at)
    if now - seen > _SILENT:
        terminal.note(f"edge {edge} was last heard of {when(seen, now)}, and hears of it later")


def _vouched(api: ApiClient, session: str, edge: str | None, reader: Reader) -> None:
    """Compare hashes with the records of the edge's chain."""
    wanted = {"session": session, "type": "RECORDING", "edge": edge, "order": "oldest"}
    said: dict[int, str] = {}
    for page in audit_archive.search(api, wanted, None):
        said |= {record["piece"]: record["sha256"] for record in page.records}
    for number, digest in reader.hashes.items():
        if number not in said:
            reader.problems.append(f"piece {number}: the audit does not tell of it")
        elif said[number] != digest:
            reader.problems.append(f"piece {number} is not the one that the audit tells of")
    gone = sorted(said.keys() - reader.hashes.keys())
    if gone:
        reader.problems.append(f"{counted(len(gone), 'piece')} missing, of which the audit tells")


def _complain(problems: list[str]) -> None:
    for problem in problems:
        terminal.note(problem)
    if problems:
        raise NotAsRecordedError(
            f"{counted(len(problems), 'problem')} in the recording",
            hint="pgward audit verify looks whether the audit itself is whole",
        )
