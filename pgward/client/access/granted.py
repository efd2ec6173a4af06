"""``pgward access``: what access people have for a time, one's own and others'."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.access import calls, listing, reporting, reviewing, words
from pgward.core.clock import SystemClock
from pgward.system import terminal

STATES = ("live", "pending", "active", "ending", "ended")
_GRANTS = {
    "short": "ID",
    "user": "USER",
    "service": "SERVICE",
    "what": "WHAT",
    "role": "ROLE",
    "standing": "STATE",
    "until": "UNTIL",
    "problem": "PROBLEM",
}

state = click.option(
    "--state",
    type=click.Choice(STATES),
    default="live",
    show_default=True,
    help="Only what is in this state; live is all that has not ended.",
)


@click.group("access", invoke_without_command=True)
@listing.everybody
@state
@listing.user
@listing.service
@listing.limit
@options.output
@click.pass_context
def access(context: click.Context, /, output: str, **wanted: Any) -> None:
    """List the access that you have for a time, or that others have."""
    if context.invoked_subcommand is None:
        _list(output=output, **wanted)


@access.command("list")
@listing.everybody
@state
@listing.user
@listing.service
@listing.limit
@options.output
def list_grants(output: str, **wanted: Any) -> None:
    """List access that was granted, what ends last first; ID is that of the request."""
    _list(output=output, **wanted)


def _list(
    *,
    everybody: bool,
    state: str,
    user: str | None,
    service: str | None,
    limit: int,
    output: str,
) -> None:
    mine = not (everybody or user)
    wanted = {"state": state, "user": user, "service": service, "mine": "true" if mine else None}
    with options.api() as api:
        found, more = calls.grants(api, limit, **wanted)
    if output != "table":
        terminal.structured(found, output)
        return
    now = SystemClock().now()
    shorts = words.short_ids([each["request"] for each in found])
    rows = [_row(each, shorts[each["request"]], now) for each in found]
    shown = {"user"} if not mine else set()
    shown |= {"problem"} if any(each["problem"] for each in rows) else set()
    left_out = {"user", "problem"} - shown
    columns = {name: title for name, title in _GRANTS.items() if name not in left_out}
    terminal.table(
        rows, columns, empty="you have no such access" if mine else "there is no such access"
    )
    if more:
        terminal.note(f"only {limit} are shown; --limit shows more")


def _row(grant: dict[str, Any], short: str, now: datetime) -> dict[str, Any]:
    return {
        "short": short,
        "user": grant["user"],
        "service": grant["service"],
        "what": words.brief(grant),
        "role": grant["role"],
        "standing": words.grant_state(grant, now),
        "until": grant["until"],
        "problem": grant["problem"] or grant.get("trouble"),
    }


access.add_command(reporting.report)
access.add_command(reviewing.review)
