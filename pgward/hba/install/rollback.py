"""``hba rollback`` and ``hba remove``: go back, as one more change that can be taken back itself.

What goes back is the configuration. Material stays as it is now, unless asked otherwise: that of
then has older revocation lists, and once these have expired PostgreSQL refuses everyone. The lines
of role maps stay as well, as they say who may be whom now.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pgward.core.errors import ConflictError, NotFoundError
from pgward.hba.install.apply import exclusive
from pgward.hba.install.change import Change, Edit
from pgward.hba.install.contents import bridged, check_by_hand, check_ours, diff_of
from pgward.hba.install.history import History
from pgward.hba.install.host import NO_CHECKS, Host
from pgward.hba.install.journal import About, Journal, Replaced, digest, own_digest
from pgward.hba.plan import block, role_lines
from pgward.hba.server.access import FileAccess

_LOOK = "look at the diff of --dry-run; --force gives up what was written since, but for a backup"


@dataclass(frozen=True, slots=True)
class Back:
    """Where to go back to: the edits, in their order, and a generation of material.

    ``edited`` are files that someone else changed since.
    """

    what: str
    edits: tuple[Edit, ...]
    generation: str | None
    edited: tuple[Path, ...] = ()

    def diff(self) -> str:
        """Return what would change, as a unified diff."""
        return "".join(diff_of(edit) for edit in self.edits if edit.needed)


@dataclass(frozen=True, slots=True)
class Gone:
    """What a run did; ``took`` is None when there was no way to tell."""

    back: Back
    changed: bool
    running: bool
    took: bool | None
    recovered: bool


def history(host: Host) -> History:
    """Return the changes of a host that took."""
    return History(host.state_dir, host.data_dir.disk)


def rollback(
    host: Host, stamp: str | None, *, now: datetime, force: bool = False, material: bool = False
) -> Gone:
    """Put the files back to what they were before the change ``stamp`` (None: the last one).

    With ``material`` also what the server presents and trusts. Raises NotFoundError for what is
    not there any more, ConflictError for what someone else changed since unless ``force``, and
    PgwardError, with everything as it was, when the server does not take it.
    """
    with exclusive(host) as recovered:
        back = find_back(host, stamp, now=now, material=material)
        if not force:
            check_edited(back)
        return _go(host, back, now, recovered=recovered)


def remove(host: Host, *, now: datetime, overwrite_edits: bool = False) -> Gone:
    """Take our blocks out of the files; raises as ``rollback`` does."""
    with exclusive(host) as recovered:
        back = find_removal(host)
        if not overwrite_edits:
            check_by_hand(back.edits)
        return _go(host, back, now, recovered=recovered)


def find_back(host: Host, stamp: str | None, *, now: datetime, material: bool) -> Back:
    """Return what was before a change, from its backups and those of all later ones."""
    disk = host.data_dir.disk
    chosen = history(host).since(stamp)
    states: dict[Path, str] = {}
    wanted: dict[Path, bytes] = {}
    edited: list[Path] = []
    for about, each in ((about, f) for about, journal in reversed(chosen) for f in journal.files):
        path = Path(each.path)
        state = states.get(path) or own_digest(disk.read(path), path)
        if state != (each.own_after or each.after) and path not in edited:
            edited.append(path)
        wanted[path] = _kept(disk, each, about)
        states[path] = each.own_before or each.before
    about, first = chosen[0]
    generation = host.generations.current()
    if material:
        generation = _usable(host, first, now)
    edits = _in_order(host, [_back_to(path, data, disk) for path, data in wanted.items()])
    what = f"rollback to before {about.stamp} ({about.what})"
    return Back(what, edits, generation, tuple(edited))


def find_removal(host: Host) -> Back:
    """Return the files without our blocks; raise InvalidInputError where marks do not pair."""
    data_dir = host.data_dir
    edits = []
    for path in (data_dir.config_file, data_dir.ident_file, data_dir.hba_file):
        before = data_dir.disk.read(path)
        if before is not None:
            edits.append(Edit(path, before, block.without(before, str(path))))
    return Back("remove", _in_order(host, edits), host.generations.current())


def check_edited(back: Back) -> None:
    """Raise ConflictError, with a diff, when someone else changed a file since."""
    if back.edited:
        names = ", ".join(map(str, back.edited))
        raise ConflictError(
            f"{names} was changed by someone else since, which would be lost:\n"
            + back.diff().rstrip("\n"),
            hint=f"{_LOOK}; nothing was changed",
        )


def _back_to(path: Path, data: bytes, disk: FileAccess) -> Edit:
    present = disk.read(path)
    return Edit(path, present, role_lines.carried_over(data, present or b"", str(path)))


def _in_order(host: Host, edits: list[Edit]) -> tuple[Edit, ...]:
    """Order edits so that the server works after each: settings go last where TLS may go."""
    data_dir = host.data_dir
    found = {edit.path: edit for edit in edits}
    config, ident = found.get(data_dir.config_file), found.get(data_dir.ident_file)
    hba = found.get(data_dir.hba_file)
    if ident is not None and hba is not None and hba.needed:
        ident = bridged(ident)
    stays = config is not None and block.find(config.after, str(config.path)) is not None
    order = (config, ident, hba) if stays else (ident, hba, config)
    return tuple(edit for edit in order if edit is not None)


def _kept(disk: FileAccess, each: Replaced, about: About) -> bytes:
    """Return what a file held before a change; nothing where there was no file."""
    if each.backup is None:
        return b""
    data = disk.read(Path(each.backup))
    if digest(data) != each.before:
        raise NotFoundError(
            f"the backup {each.backup} of {about.stamp} is gone, or was changed",
            hint="take another change: pgward hba rollback --list",
        )
    return data or b""


def _usable(host: Host, journal: Journal, now: datetime) -> str | None:
    """Return the generation of before a change; raise where it would lock everyone out."""
    if journal.generation is None:
        return None
    found = host.generations.read(journal.generation)
    if found is None:
        raise NotFoundError(
            f"the material {journal.generation} is not there any more",
            hint="leave --with-material out: the present material serves every configuration",
        )
    found.check(now)
    return journal.generation


def _go(host: Host, back: Back, now: datetime, *, recovered: bool) -> Gone:
    data_dir = host.data_dir
    check_ours(data_dir)
    change = Change(
        host.state_dir,
        host.generations,
        data_dir.disk,
        generation=back.generation,
        edits=back.edits,
        now=now,
        what=back.what,
    )
    took: bool | None = True
    if change.needed:
        material = None if back.generation is None else host.generations.read(back.generation)
        took = host.carry_out(change, material, NO_CHECKS)
    running = data_dir.running() is not None
    return Gone(back, change.needed, running, took if running else None, recovered)
