"""Options of commands that work on one PostgreSQL host which `pgward hba apply` has set up."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pgward.hba.install.host import STATE_DIR, Host
from pgward.hba.server.access import Access
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.local import LOCAL

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
OpenHost = Callable[[], Host]
_PATH = click.Path(path_type=Path, readable=False)
OPTIONS = (
    click.option(
        "--data-dir", type=_PATH, required=True, metavar="D", help="PostgreSQL's data directory."
    ),
    click.option(
        "--state-dir",
        type=_PATH,
        metavar="DIR",
        help=f"Where identity, keys and journal lie (default: D/{STATE_DIR}).",
    ),
    click.option(
        "--config-file",
        type=_PATH,
        metavar="FILE",
        help="postgresql.conf, where it is not in the data directory.",
    ),
    click.option(
        "--psql-user",
        metavar="NAME",
        help="Superuser for looking into the server, by local socket.",
    ),
)
NAMES = ("data_dir", "state_dir", "config_file", "psql_user")


def host_options(command: Decorated) -> Decorated:
    """Add the options, and give ``open_host()`` to the command instead of them."""

    @functools.wraps(command)
    def with_host(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in NAMES}
        return command(*args, open_host=functools.partial(_open, chosen), **kwargs)

    decorated: Any = with_host
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


def _open(chosen: dict[str, Any]) -> Host:
    return host_at(chosen, LOCAL)


def host_at(chosen: dict[str, Any], access: Access) -> Host:
    """Return the host that the options name, on that machine."""
    found = DataDir.open(chosen["data_dir"], chosen["config_file"], access)
    state_dir = chosen["state_dir"] or found.path / STATE_DIR
    return Host(found, state_dir.absolute(), chosen["psql_user"])
