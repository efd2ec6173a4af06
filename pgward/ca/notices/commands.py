"""``pgward ca notices list | retry | test``: on the CA's machine, with its directory."""

import secrets
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.notices import listing
from pgward.ca.notices.channel import Channel, ChannelError, Parcel
from pgward.ca.notices.message import Message
from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.notices.settings import mailbox
from pgward.ca.notices.upkeep import open_channels
from pgward.ca.settings import Settings
from pgward.ca.store import open_store
from pgward.ca.store.inspecting import open_read_only
from pgward.client import options
from pgward.client.phrases import counted, when
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError
from pgward.system import terminal

_PATH = click.Path(path_type=Path)
_directory = click.argument("directory", metavar="DIR", type=_PATH)
_TITLES = {
    "when": "WHEN",
    "kind": "NOTICE",
    "request": "REQUEST",
    "channel": "CHANNEL",
    "to": "TO",
    "state": "STATE",
    "attempts": "TRIES",
    "problem": "PROBLEM",
}


@click.command("list")
@_directory
@click.option("--all", "everything", is_flag=True, help="Also what was sent, and what was dropped.")
@options.output
def list_notices(directory: Path, *, everything: bool, output: str) -> None:
    """List the messages about access requests that wait, or were given up.

    DIR is the CA's directory. It reads only, and may run while the CA serves.
    """
    store = open_read_only(Settings.load(directory).store_url(directory))
    with closing(store), store.read() as connection:
        rows = listing.deliveries(connection, () if everything else listing.UNSENT)
    if output == "table":
        now = SystemClock().now()
        rows = [_shown(each, when(each["time"], now)) for each in rows]
    terminal.table(rows, _TITLES, output, empty="no message waits, and none was given up")


@click.command()
@_directory
def retry(directory: Path) -> None:
    """Have the messages sent again that were given up, when what was in the way is mended."""
    now = SystemClock().now()
    store = open_store(Settings.load(directory).store_url(directory))
    with closing(store), store.write() as transaction:
        count = listing.retry(transaction, now)
        if count:
            event = AuditEvent.make(
                time=now, actor=caller.SYSTEM, action="notice.retry", details={"count": count}
            )
            transaction.record(event)
    terminal.report(messages=count)
    terminal.note(f"{counted(count, 'message')} will be sent again by `pgward ca serve`")


@click.command()
@_directory
@click.option("--to", "address", metavar="ADDRESS", help="Where to, for e-mail.")
def test(directory: Path, *, address: str | None) -> None:
    """Send a message through each channel that pgward.toml has, to see whether it arrives.

    It speaks of a request that is none. Nothing is written to the store.
    """
    if address is not None and mailbox(address) is None:
        raise InvalidInputError(f"{address!r} is no e-mail address")
    channels = open_channels(Settings.load(directory), directory, SystemClock())
    if not channels:
        raise NotFoundError(
            "pgward.toml has no channel",
            hint="set server in [notify.smtp], url in [notify.webhook] or url_file in"
            " [notify.slack]",
        )
    failed = [each.name for each in channels if not _try(each, address)]
    if failed:
        raise UnavailableError(f"no message went out by {', '.join(failed)}")


def _try(channel: Channel, address: str | None) -> bool:
    """Send one message, and say whether it went; True for a channel that has nobody to write to."""
    if channel.is_personal and address is None:
        terminal.note(f"{channel.name}: not tried: give --to ADDRESS")
        return True
    facts = Facts(
        person="test",
        service="test",
        seconds=int(timedelta(hours=1).total_seconds()),
        reason="this is a test: there is no such request",
    )
    now = SystemClock().now()
    message = Message(secrets.token_hex(16), Kind.ENDED, "none", "", facts, now)
    try:
        (error,) = channel.send([Parcel(message, address or "")])
    except ChannelError as away:
        error = away
    terminal.note(f"{channel.name}: {'taken' if error is None else error.message}")
    return error is None


def _shown(row: dict[str, Any], ago: str) -> dict[str, Any]:
    return {
        **row,
        "when": ago,
        "to": row["recipient"] or "everyone",
        "problem": row["problem"] or "",
    }
