"""The options that say which machine a server runs on: this one, or one reached by SSH."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.server.access import Access
from pgward.hba.server.local import LOCAL
from pgward.hba.server.ssh.access import SshAccess
from pgward.hba.server.ssh.connection import Connection
from pgward.hba.server.ssh.target import Target

_FILE = click.Path(path_type=Path)
MACHINE_OPTIONS = (
    click.option(
        "--ssh", metavar="USER@HOST[:PORT]", help="The server's machine; pgward need not be there."
    ),
    click.option(
        "--ssh-key", type=_FILE, metavar="FILE", help="Private key.  [default: agent, ~/.ssh]"
    ),
    click.option(
        "--known-hosts",
        type=_FILE,
        metavar="FILE",
        help="Host keys.  [default: ~/.ssh/known_hosts]",
    ),
)
MACHINE_NAMES = ("ssh", "ssh_key", "known_hosts")


def machine(chosen: Mapping[str, Any], *paths: str) -> Access:
    """Return the machine that the options name; a connection ends with the command.

    ``paths`` are the names of options that mean paths there, which must be absolute.
    """
    if chosen["ssh"] is None:
        if chosen["ssh_key"] is not None or chosen["known_hosts"] is not None:
            raise InvalidInputError("--ssh-key and --known-hosts go with --ssh")
        return LOCAL
    for name in paths:
        path: Path | None = chosen[name]
        if path is not None and not path.is_absolute():
            raise InvalidInputError(
                f"{path} is no absolute path", hint="with --ssh, it is one of that machine"
            )
    target = Target.parse(chosen["ssh"])
    connection = Connection(target, key=chosen["ssh_key"], known_hosts=chosen["known_hosts"])
    click.get_current_context().with_resource(connection)
    return SshAccess(connection)
