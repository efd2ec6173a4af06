"""Moving a CA's store to another database: it is never served in two places, nor in none.

The copy is made and compared in one transaction of the target, which is marked as arriving; the
source is then marked as moved; then the settings point to the target, and its mark goes. Each
step may be the last one of a run that is killed: the next run goes on from there.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy.engine import URL, Connection

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.settings import FILE, Settings, StoreSettings
from pgward.ca.store import Store, copying, create, marks, open_store, seats
from pgward.ca.store.database import explained
from pgward.ca.store.engine import begin_writing, parse_url
from pgward.ca.store.postgresql import be_patient, has_password
from pgward.ca.store.rows import Tally
from pgward.core.clock import Clock
from pgward.core.errors import ConflictError, NotFoundError
from pgward.system import files

SQLITE = "sqlite"
_COPYING, _COMPLETE = "copying from ", "a whole copy of "
_URL_LINE = re.compile(r"(?ms)^(\[store\][^\[]*?^url *= *)(\"[^\"\n]*\"|'[^'\n]*')")


def move(directory: Path, to: str, clock: Clock) -> Mapping[str, Tally]:
    """Move the store of the CA in ``directory``; ``to`` is a database URL, or ``sqlite``.

    Returns what every table had. Raises ConflictError when the source is being served or the
    target holds another store, DifferentError, UnavailableError.
    """
    settings = Settings.load(directory)
    wanted = "" if to == SQLITE else to
    target = parse_url(_at(settings, wanted, directory))
    source = parse_url(settings.store_url(directory))
    if source == target:
        return _finish(target, clock)
    with seats.alone(source):
        found = _move(source, target)
        switch(directory, wanted)
    _finish(target, clock)
    return found


def check_free(to: str) -> None:
    """Raise ConflictError unless a store can be moved there, UnavailableError."""
    try:
        open_store(to, marked=True).close()
    except NotFoundError:
        return
    raise ConflictError("the database holds a store already", hint="choose another database")


def described(url: URL) -> str:
    """Name a database without any secret."""
    if url.drivername == "sqlite":
        return f"sqlite:///{url.database}"
    secretless = {key: value for key, value in url.query.items() if key != "password"}
    return url.set(password=None, query=secretless).render_as_string()[:900]


def switch(directory: Path, url: str) -> None:
    """Write another ``[store] url`` into pgward.toml; all else stays, comments too."""
    path = directory / FILE
    wanted = replace(Settings.load(directory), store=StoreSettings(url))
    with files.storage_errors(path, "read"):
        text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777
    dumped = wanted.dump()
    value = _URL_LINE.search(dumped)
    edited = text if value is None else _URL_LINE.sub(lambda at: at[1] + value[2], text, count=1)
    if Settings.parse(edited) != wanted:  # it was written in a way that is not understood here
        edited = dumped
    if url and has_password(parse_url(url)):
        mode = 0o600
    files.atomic_write(path, edited.encode(), mode=mode)


def _at(settings: Settings, url: str, directory: Path) -> str:
    return replace(settings, store=StoreSettings(url)).store_url(directory)


def _move(source: URL, target: URL) -> Mapping[str, Tally]:
    with _opened(source, alone=True) as leaving, _target(target, described(source)) as arriving:
        moved = _mark(leaving, marks.MOVED)
        if moved is not None:
            return _compare(leaving, arriving, moved, target)
        return _copy(leaving, arriving, described(source), described(target))


def _copy(leaving: Store, arriving: Store, source: str, target: str) -> Mapping[str, Tally]:
    """Copy and compare; the source's writers stay out until it is marked as moved."""
    with (
        explained(),
        leaving.engine.connect() as reading,
        arriving.engine.connect() as writing,
    ):
        old, new = _patient(begin_writing(reading)), _patient(begin_writing(writing))
        found = copying.copy(old, new)
        marks.put(new, marks.ARRIVING, f"{_COMPLETE}{source}")
        new.commit()
        marks.put(old, marks.MOVED, target)
        old.commit()
    return found


def _compare(leaving: Store, arriving: Store, moved: str, target: URL) -> Mapping[str, Tally]:
    """Go on after a run that had marked the source already."""
    if moved != described(target):
        raise ConflictError(f"the CA's store was moved to {moved}", hint="name that one")
    with leaving.read() as old, arriving.read() as new:
        found = copying.tallies(_patient(old))
        copying.check(_patient(new), found)
    return found


def _finish(target: URL, clock: Clock) -> Mapping[str, Tally]:
    """Let the target be served: its settings point to it."""
    with _opened(target) as store:
        arriving = _mark(store, marks.ARRIVING)
        if arriving is None:
            raise ConflictError(f"the CA's store is at {described(target)} already")
        if not arriving.startswith(_COMPLETE):
            raise ConflictError(
                f"the store at {described(target)} is not complete",
                hint="set url in [store] of pgward.toml to where the CA's store is, and try again",
            )
        with store.write() as transaction:
            marks.drop(transaction.connection, marks.ARRIVING)
            transaction.record(_event(arriving.removeprefix(_COMPLETE), described(target), clock))
        with store.read() as connection:
            return copying.tallies(_patient(connection))


def _event(source: str, target: str, clock: Clock) -> AuditEvent:
    return AuditEvent.make(
        time=clock.now(),
        actor=caller.SYSTEM,
        action="ca.store.move",
        target=target,
        details={"from": source},
    )


@contextmanager
def _opened(url: URL, *, alone: bool = False) -> Iterator[Store]:
    store = open_store(url.render_as_string(hide_password=False), marked=True, alone=alone)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _target(url: URL, source: str) -> Iterator[Store]:
    """Open a database that may be filled: an empty one, or one that an earlier run began."""
    text = url.render_as_string(hide_password=False)
    try:
        store = open_store(text, marked=True)
    except NotFoundError:
        store = create(text, mark=f"{_COPYING}{source}")
    try:
        _take_over(store, source)
        yield store
    finally:
        store.close()


def _take_over(store: Store, source: str) -> None:
    moved, arriving = _mark(store, marks.MOVED), _mark(store, marks.ARRIVING)
    ours = {None, f"{_COPYING}{source}", f"{_COMPLETE}{source}"}
    if (moved is None and arriving is None) or moved not in (None, source) or arriving not in ours:
        raise ConflictError(
            f"{described(store.engine.url)} holds another store already",
            hint="choose another database, or remove what is there",
        )
    if moved is not None:
        with store.write() as transaction:
            marks.put(transaction.connection, marks.ARRIVING, f"{_COPYING}{source}")
            marks.drop(transaction.connection, marks.MOVED)


def _mark(store: Store, name: str) -> str | None:
    with store.read() as connection:
        return marks.get(connection, name)


def _patient(connection: Connection) -> Connection:
    be_patient(connection)
    return connection
