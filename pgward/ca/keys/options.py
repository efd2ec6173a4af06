"""The options of commands that need the CA's keys."""

from collections.abc import Callable
from typing import Any

import click


def opening(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--passphrase-file`` and ``--pin-file``, which come before what settings name."""
    pin = click.option(
        "--pin-file",
        metavar="SOURCE",
        help="The PIN of the token that has the keys, from the same sources.",
    )
    passphrase = click.option(
        "--passphrase-file",
        metavar="SOURCE",
        help="Instead of what pgward.toml says: FILE, fd:N, credential:NAME (systemd),"
        " keyring:NAME, or - for standard input.",
    )
    return passphrase(pin(function))
