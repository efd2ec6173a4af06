"""``pgward.connect`` and its kin: connections to a service, by its name.

One connector serves all calls of the process for a service, so that a pool's connections share
its tunnel. Each new connection brings the certificate that is there then.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from pgward.core.errors import PgwardError
from pgward.programs import drivers
from pgward.programs.connector import Connector
from pgward.system.paths import pgward_home

_lock = threading.Lock()
_connectors: dict[tuple[str, Path], Connector] = {}


@contextlib.contextmanager
def _hinted() -> Iterator[None]:
    """Have a traceback say what to do, as the commands do."""
    try:
        yield
    except PgwardError as error:
        if error.hint:
            error.add_note(f"hint: {error.hint}")
        raise


@_hinted()
def connect(service: str, **options: Any) -> Any:
    """Connect to a service with psycopg; return a ``psycopg.Connection``.

    ``options`` are psycopg's own (``autocommit``, ``row_factory``, ``dbname``, …). Raises
    LoginNeededError when nobody is logged in, NotFoundError, DeniedError or UnavailableError for
    what lies before PostgreSQL, and psycopg's errors for PostgreSQL itself.
    """
    way = connector(service)
    facts = way.facts()
    try:
        return drivers.connect(facts, options)
    except Exception:  # whatever the driver calls it: the tunnel may just have ended
        if not way.lost(facts):
            raise
    return drivers.connect(way.facts(), options)


async def connect_async(service: str, *, driver: str = "psycopg", **options: Any) -> Any:
    """Connect to a service; return a ``psycopg.AsyncConnection``, or asyncpg's connection.

    Renewing, asking the CA and opening the tunnel happen in a thread; the loop goes on.
    """
    with _hinted():
        way = connector(service)
        facts = await asyncio.to_thread(way.facts)
        try:
            return await drivers.connect_async(driver, facts, options)
        except Exception:  # as above
            if not await asyncio.to_thread(way.lost, facts):
                raise
        return await drivers.connect_async(driver, await asyncio.to_thread(way.facts), options)


def creator(service: str, **options: Any) -> Callable[[], Any]:
    """Return the ``creator`` of SQLAlchemy's ``create_engine("postgresql+psycopg://", …)``."""

    def create() -> Any:
        return connect(service, **options)

    return create


def async_creator(
    service: str, *, driver: str = "asyncpg", **options: Any
) -> Callable[..., Awaitable[Any]]:
    """Return the ``async_creator`` of SQLAlchemy's ``create_async_engine``.

    ``driver`` is that of the engine's URL: ``postgresql+asyncpg://`` or ``postgresql+psycopg://``.
    """

    async def create(*_arguments: Any, **_options: Any) -> Any:
        return await connect_async(service, driver=driver, **options)

    return create


def connector(service: str) -> Connector:
    """Return the connector that this process has for a service of ``PGWARD_HOME``."""
    home = pgward_home()
    with _lock:
        return _connectors.setdefault((service, home), Connector(service, home=home))


def _forget() -> None:
    """Begin anew in a forked child: another thread of the parent may have held the lock."""
    global _lock  # noqa: PLW0603 - a lock cannot be put right, only replaced
    _lock = threading.Lock()


with contextlib.suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=_forget)


def close() -> None:
    """End the tunnels that this process opened; the next connection opens one again.

    They end with the process by themselves.
    """
    with _lock:
        there = list(_connectors.values())
        _connectors.clear()
    for each in there:
        each.close()
