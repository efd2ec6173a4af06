"""The options of ``host_options``, and those that reach a host by SSH."""

import functools
from pathlib import Path
from typing import Any

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.host_options import NAMES, OPTIONS, Decorated, host_at
from pgward.hba.install.host import Host
from pgward.hba.server.local import LOCAL
from pgward.hba.server.ssh.access import SshAccess
from pgward.hba.server.ssh.connection import Connection
from pgward.hba.server.ssh.target import Target

_FILE = click.Path(path_type=Path)
_SSH_OPTIONS = (
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
_SSH_NAMES = ("ssh", "ssh_key", "known_hosts")


def reachable_host_options(command: Decorated) -> Decorated:
    """Add the options, and give ``open_host()``; a connection ends with the command."""

    @functools.wraps(command)
    def with_host(*args: Any, **kwargs: Any) -> Any:
        chosen = {name: kwargs.pop(name) for name in NAMES + _SSH_NAMES}
        return command(*args, open_host=functools.partial(_open, chosen), **kwargs)

    decorated: Any = with_host
    for option in reversed((*OPTIONS, *_SSH_OPTIONS)):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # click's options keep the type


def _open(chosen: dict[str, Any]) -> Host:
    if chosen["ssh"] is None:
        if chosen["ssh_key"] is not None or chosen["known_hosts"] is not None:
            raise InvalidInputError("--ssh-key and --known-hosts go with --ssh")
        return host_at(chosen, LOCAL)
    for name in ("data_dir", "state_dir", "config_file"):
        path: Path | None = chosen[name]
        if path is not None and not path.is_absolute():
            raise InvalidInputError(
                f"{path} is no absolute path", hint="with --ssh, it is one of that machine"
            )
    target = Target.parse(chosen["ssh"])
    connection = Connection(target, key=chosen["ssh_key"], known_hosts=chosen["known_hosts"])
    click.get_current_context().with_resource(connection)
    return host_at(chosen, SshAccess(connection))
