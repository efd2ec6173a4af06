"""One round: ask the CA who is who, and make the server's map and roles so.

Roles are made before the map names them. Whoever loses a role can first no longer log in, by the
role or by the map, and then the sessions end; so nobody slips in between. What a run that was cut
off did not do, the next one does: it compares everything anew. While the CA is away nothing
changes, but for what it had told before: a grant ends at its time. So it is where the CA refuses.
"""

import difflib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.install.apply import exclusive
from pgward.hba.install.change import Change, Edit
from pgward.hba.install.host import NO_CHECKS, Host
from pgward.hba.roles import facts as server_facts
from pgward.hba.roles import fuses, planning, section, statements, steps
from pgward.hba.roles.console import Console
from pgward.hba.roles.ending import Ending
from pgward.hba.roles.facts import Facts
from pgward.hba.roles.fuses import Fuses
from pgward.hba.roles.planning import Planned
from pgward.hba.roles.section import Pair, Section
from pgward.hba.roles.wanted import Wanted

ENDING_FILE = "roles-ending.json"
_END_SECONDS = 10.0
_POLL_SECONDS = 0.05

Ask = Callable[[], Wanted]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round did, or would do.

    ``away`` says why the CA told nothing, which was a ``refusal`` where it is there; ``held`` what
    was not done, as it would take too much away; ``notes`` what cannot be as the role maps say;
    ``unended`` how many sessions remain; ``next_end`` when the next grant ends, by the CA's clock.
    """

    changed: bool = False
    planned: Planned = field(default_factory=Planned)
    diff: str = ""
    digest: str = ""
    ended: int = 0
    unended: int = 0
    notes: tuple[str, ...] = ()
    held: str | None = None
    away: str | None = None
    refusal: PgwardError | None = None
    next_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """What the server has now; ``lines`` gives the file with other pairs."""

    edit: Edit
    console: Console | None
    planned: Planned
    notes: tuple[str, ...]
    digest: str
    lines: Callable[[Iterable[Pair]], Edit]
    ends: Mapping[Pair, datetime]


def sync(
    host: Host,
    ask: Ask,
    *,
    map_name: str,
    now: datetime,
    skew: timedelta = timedelta(),
    force: bool = False,
) -> Outcome:
    """Do one round; with the CA away only what it gave for a time ends.

    ``skew`` is how far ``now`` is ahead of the CA's clock.

    Raises InvalidInputError for a pg_ident.conf that is broken already, PgwardError when the
    server does not take it, with everything put back.
    """
    try:
        wanted = ask()
    except PgwardError as error:
        # Also where the CA is there and does not know this host any more, or says what cannot be
        # read: what it had given for a time is over all the same.
        done = _end_what_is_over(host, map_name, now, now - skew)
        refusal = None if isinstance(error, UnavailableError) else error
        return replace(done, away=error.message, refusal=refusal)
    if not wanted.maps and not _has_section(host, map_name):
        return Outcome(digest=wanted.digest)  # no role map has ever been for this host
    with exclusive(host):
        found = _look(host, wanted, map_name, force=force)
        return _carry_out(host, found, now)


def _end_what_is_over(host: Host, map_name: str, now: datetime, ca_now: datetime) -> Outcome:
    """Take away what has an end that the CA told before it was away, and is past."""
    kept = _fuses(host)
    if not kept.over(ca_now):
        return Outcome(next_end=min(kept.load().values(), default=None))
    with exclusive(host):
        ends = kept.load()
        over = kept.over(ca_now)
        left = {pair: until for pair, until in ends.items() if pair not in over}
        found = _look_at(host, map_name, partial(planning.without, over), ends=left)
        return _carry_out(host, found, now)


def look(host: Host, ask: Ask, *, map_name: str, force: bool = False) -> Outcome:
    """Return what a round would do, and change nothing; UnavailableError when the CA is away."""
    found = _look(host, ask(), map_name, force=force)
    planned = found.planned
    changed = found.edit.needed or bool(planned.statements or planned.dropped)
    return Outcome(
        changed, planned, _diff(found.edit), found.digest, notes=found.notes, held=planned.held
    )


def _has_section(host: Host, map_name: str) -> bool:
    path = host.data_dir.ident_file
    data = host.data_dir.disk.read(path) or b""
    return section.read(data, map_name, host.data_dir.able, str(path)) is not None


def _fuses(host: Host) -> Fuses:
    return Fuses(host.state_dir / fuses.FILE, host.data_dir.disk)


def _look(host: Host, wanted: Wanted, map_name: str, *, force: bool) -> _Found:
    plan = partial(planning.plan, wanted, map_name=map_name, force=force)
    found = _look_at(host, map_name, plan, ends=wanted.ends, ours=bool(wanted.maps))
    return replace(found, digest=wanted.digest)


def _look_at(
    host: Host,
    map_name: str,
    plan: Callable[[frozenset[Pair], Facts | None], Planned],
    *,
    ends: Mapping[Pair, datetime],
    ours: bool = False,
) -> _Found:
    """Look at the server, and plan; ``ours`` when there are to be lines of ours, be it none."""
    data_dir = host.data_dir
    path, able = data_dir.ident_file, data_dir.able
    before = data_dir.disk.read(path)
    data, where = before or b"", str(path)
    section.check(data, able, where)
    present = section.read(data, map_name, able, where)
    running = data_dir.running()
    console = None if running is None else Console.open(data_dir, running, host.superuser)
    facts = None
    if console is not None:
        facts = Facts.read(console.run(statements.PREAMBLE + server_facts.QUERY))
    planned = plan((present or Section()).pairs, facts)

    def lines(pairs: Iterable[Pair]) -> Edit:
        is_written = ours or present is not None
        after = section.put(data, pairs, map_name, where) if is_written else data
        return Edit(path, before, after)

    notes = [*planned.notes, *_around(data, present, map_name, host)]
    if console is None:
        notes.append(
            "the server does not run: people and roles only go, and none come"
            if running is None
            else "no superuser gets in by the local socket, so people only go, and none come, and "
            "no role is touched; name one with --psql-user"
        )
    told = tuple(dict.fromkeys(notes))
    return _Found(lines(planned.pairs), console, planned, told, "", lines, ends)


def _around(data: bytes, present: Section | None, map_name: str, host: Host) -> list[str]:
    """Return what to know of the lines in and beside ours."""
    path = host.data_dir.ident_file
    found = []
    if present is not None and present.edited:
        found.append(
            f"{path}: our lines were changed by hand; that is undone, and kept in a backup"
        )
    for other in section.others(data, map_name, host.data_dir.able, str(path)):
        who = "everyone whose name fits" if other.pattern else other.name
        hint = "; `pgward hba apply --map-from-ca` leaves that line out" if other.pattern else ""
        found.append(
            f"{path}:{other.line}: lets {who} in as {other.role} beside the role map{hint}"
        )
    return found


def _carry_out(host: Host, found: _Found, now: datetime) -> Outcome:
    planned, console, edit = found.planned, found.console, found.edit
    ending = Ending(host.state_dir / ENDING_FILE, host.data_dir.disk)
    # First of all, for a role is taken from people also where no file can be written.
    refused = steps.carry_out(console.run, planned.steps) if console is not None else {}
    if refused:
        planned = planned.without(refused)
        edit = found.lines(planned.pairs)
    pairs = (ending.load() | planned.ended) - planned.pairs
    if pairs:
        ending.save(pairs)
    ends = {pair: until for pair, until in found.ends.items() if pair in planned.pairs}
    _fuses(host).save(ends)
    if edit.needed:
        _replace(host, edit, now)
    ended, left = 0, 0
    if console is not None and (pairs or planned.ended_roles):
        version = host.data_dir.able.version
        script = statements.end_sessions(pairs, planned.ended_roles, version)
        ended, left = _end(console, script)
    if pairs and (console is not None or host.data_dir.running() is None) and not left:
        ending.save(())
    kept: dict[str, str] = {}
    if planned.drops and console is not None and not left:
        kept = steps.carry_out(console.run, planned.drops)
    notes = [*found.notes, *planned.notes]
    notes += [f"the role {role!r} is not dropped: {why}" for role, why in kept.items()]
    return Outcome(
        changed=edit.needed or len(refused) < len(planned.steps) or len(kept) < len(planned.drops),
        planned=planned,
        diff=_diff(edit),
        digest=found.digest,
        ended=ended,
        unended=left,
        notes=tuple(dict.fromkeys(notes)),
        held=planned.held,
        next_end=min(ends.values(), default=None),
    )


def _replace(host: Host, edit: Edit, now: datetime) -> None:
    material = host.generations.load()
    if material is None:
        raise PgwardError(
            f"{host.state_dir} holds nothing that `pgward hba apply` installed",
            hint="run pgward hba apply --map-from-ca first",
        )
    change = Change(
        host.state_dir,
        host.generations,
        host.data_dir.disk,
        generation=host.generations.current(),
        edits=(edit,),
        now=now,
        what="roles",
        of_roles=True,
    )
    host.carry_out(change, material, NO_CHECKS)


def _end(console: Console, script: str) -> tuple[int, int]:
    """End sessions, and see that they ended; return how many there were and how many remain."""
    seen: set[str] = set()
    deadline = time.monotonic() + _END_SECONDS
    while rows := console.run(script):
        seen |= {row.partition(" ")[0] for row in rows}
        if time.monotonic() >= deadline:
            return len(seen), len(rows)
        time.sleep(_POLL_SECONDS)  # versions before 14 cannot wait for it themselves
    return len(seen), 0


def _diff(edit: Edit) -> str:
    old, new = (
        data.decode("utf-8", "backslashreplace").splitlines(keepends=True)
        for data in (edit.before or b"", edit.after)
    )
    name = str(edit.path)
    return "".join(f"{line.rstrip()}\n" for line in difflib.unified_diff(old, new, name, name))
