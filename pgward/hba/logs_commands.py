"""``pgward hba logs``: who connected to a server, out of its own log."""

import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from pgward.audit.events import AuditEvent
from pgward.core.clock import SystemClock
from pgward.hba.host_options import OpenHost, host_options
from pgward.hba.install.host import Host
from pgward.hba.logs import places
from pgward.hba.logs.events import EventMaker
from pgward.hba.logs.following import CHUNK, Follower, place_of
from pgward.hba.logs.joining import Attempt, Joiner
from pgward.hba.logs.places import Format, Place
from pgward.hba.logs.position import Position, new_key
from pgward.system import process, terminal
from pgward.system.files import atomic_write, storage_errors

_POLL_SECONDS = 1.0
_STDIN = Path("-")
_PATH = click.Path(path_type=Path, readable=False)


@click.command()
@host_options
@click.option(
    "--log-file",
    type=_PATH,
    metavar="FILE",
    help="What the server's stderr goes to, where it does not collect its log; - is standard"
    " input.",
)
@click.option(
    "--log-format",
    type=click.Choice([each.value for each in Format]),
    help="Which of the logs, or what is in FILE (default: the best that there is).",
)
@click.option("--follow", is_flag=True, help="Go on with what comes, also in the next file.")
@click.option(
    "--position",
    "position_file",
    type=_PATH,
    metavar="FILE",
    help="Begin where the run before stopped that had this FILE, and keep it.",
)
@click.option("--host", metavar="NAME", help="What this host is called in the events.")
@click.option("--table", is_flag=True, help="Print lines for people instead of JSON.")
def logs(
    *,
    open_host: OpenHost,
    log_file: Path | None,
    log_format: str | None,
    follow: bool,
    position_file: Path | None,
    host: str | None,
    table: bool,
) -> None:
    """Print who connected, from where, by which certificate, and who was refused and why.

    An audit event for each attempt, and for each end of a session, as JSON a line. Statements are
    not read.
    """
    found = open_host()
    place = places.find(found.data_dir, log_file, Format(log_format) if log_format else None)
    for remark in places.remarks(found.data_dir, place):
        terminal.note(f"warning: {remark}")
    name = host or platform.node()
    if log_file == _STDIN:
        for events in _of_stdin(place, name):
            _print(events, table=table)
        return
    _run(found, place, name, position_file, follow=follow, table=table)


def _run(
    host: Host, place: Place, name: str, kept: Path | None, *, follow: bool, table: bool
) -> None:
    start = None if kept is None else _load(kept)
    follower = Follower(place_of(host.data_dir, place), host.data_dir.owner, name, start=start)
    clock = SystemClock()
    try:
        with process.unwound_by_sigterm():
            while True:
                batch = follower.read(clock.now())
                _print(batch.events, table=table)
                if kept is not None and batch.position is not None:
                    atomic_write(kept, batch.position.to_bytes())
                if not batch.more and not follow:
                    break
                if not batch.more:
                    time.sleep(_POLL_SECONDS)  # a file that grows tells nobody
            if kept is None:
                _print(follower.finish(clock.now()), table=table)
    finally:
        follower.close()
    if follower.lost:
        terminal.note("warning: the log that was read last is gone; what came after is missing")


def _of_stdin(place: Place, name: str) -> Iterator[list[AuditEvent]]:
    reader, joiner, maker = place.reader(0), Joiner(), EventMaker(name, new_key())
    clock = SystemClock()
    while data := os.read(sys.stdin.fileno(), CHUNK):
        attempts = [each for record in reader.feed(data) for each in joiner.feed(record)]
        yield _made(maker, attempts)
    attempts = [each for record in reader.flush() for each in joiner.feed(record)]
    yield _made(maker, [*attempts, *joiner.end()])
    summary = maker.summary(reader.position, clock.now())
    yield [] if summary is None else [summary]


def _made(maker: EventMaker, attempts: Iterable[Attempt]) -> list[AuditEvent]:
    found = (maker.make(each, SystemClock().now()) for each in attempts)
    return [each for each in found if each is not None]


def _print(events: Iterable[AuditEvent], *, table: bool) -> None:
    for event in events:
        fields = event.to_json()
        terminal.echo(_line(fields) if table else json.dumps(fields))


def _line(fields: dict[str, object]) -> str:
    words = [fields["time"], fields["outcome"], fields["action"], fields["actor"]]
    words += [fields["client"] or "-", fields["target"] or "-", fields["reason"] or ""]
    return "  ".join(str(each) for each in words).rstrip()


def _load(path: Path) -> Position | None:
    with storage_errors(path, "read"):
        data = path.read_bytes() if path.exists() else None
    found = Position.read(data)
    if data is not None and found is None:
        terminal.note(f"warning: {path} is damaged, so the log is read from its beginning")
    return found
