"""``pgward requests …``: who asked for what, and how it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.access import calls, planning, recent, showing, words
from pgward.client.phrases import counted, when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.system import terminal

STATES = ("pending", "approved", "denied", "cancelled", "lapsed")
_REQUESTS = {
    "short": "ID",
    "user": "USER",
    "service": "SERVICE",
    "what": "WHAT",
    "for": "FOR",
    "standing": "STATE",
    "asked": "ASKED",
    "reason": "REASON",
}
_MOST_TOLD = 100

to_decide = click.option("--to-decide", is_flag=True, help="Those that you may decide about.")
everybody = click.option("--all", "everybody", is_flag=True, help="All that you may see.")
unacknowledged = click.option(
    "--unacknowledged", is_flag=True, help="Broken glass that nobody has looked at."
)
state = click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
user = click.option("--user", metavar="NAME", help="Only this person's.")
service = click.option(
    "--service",
    metavar="NAME",
    help="Only for this service.",
    shell_complete=recent.complete_service,
)
limit = click.option("--limit", type=click.IntRange(1), default=100, show_default=True)


@click.group("requests", invoke_without_command=True)
@to_decide
@everybody
@unacknowledged
@state
@user
@service
@limit
@options.output
@click.pass_context
def requests(context: click.Context, /, output: str, **wanted: Any) -> None:
    """List your requests for access, those to decide about, or all."""
    if context.invoked_subcommand is None:
        _list(output=output, **wanted)


@requests.command("list")
@to_decide
@everybody
@unacknowledged
@state
@user
@service
@limit
@options.output
def list_requests(output: str, **wanted: Any) -> None:
    """List requests, those that were made last first."""
    _list(output=output, **wanted)


@requests.command("show", short_help="Show a request and what happened to it.")
@click.argument("request_id", metavar="ID", shell_complete=recent.complete_id)
@options.output
def show(request_id: str, output: str) -> None:
    """Show the request ID, the beginning of an id: who asked, who decided, what came of it."""
    with options.api() as api:
        found = calls.find(api, request_id)
    if output == "table":
        showing.show(found, SystemClock().now(), timeline=True)
    else:
        terminal.structured(found, output)


requests.add_command(planning.plan)


@requests.command("acknowledge", short_help="Take note of a broken glass.")
@click.argument("request_id", metavar="ID", shell_complete=recent.complete_id)
@click.option("--reason", default="", metavar="TEXT", help="What you found; others read it.")
def acknowledge(request_id: str, reason: str) -> None:
    """Say that you looked at why somebody came in by breaking the glass."""
    with options.api() as api:
        done = calls.act(api, calls.find(api, request_id), "acknowledge", reason=reason)
    terminal.report(request=done)
    terminal.note(f"you took note of {done['id'][: words.LEAST_ID]} of {done['user']}")


def _list(
    *,
    to_decide: bool,
    everybody: bool,
    unacknowledged: bool,
    state: str | None,
    user: str | None,
    service: str | None,
    limit: int,
    output: str,
) -> None:
    if to_decide + everybody + unacknowledged > 1:
        raise click.UsageError("--to-decide, --all and --unacknowledged exclude each other")
    mine = not (to_decide or everybody or unacknowledged or user)
    flags = {"mine": mine, "to_decide": to_decide, "unacknowledged": unacknowledged}
    wanted = {"state": state, "user": user, "service": service}
    wanted |= {name: "true" for name, is_set in flags.items() if is_set}
    with options.api() as api:
        found, more = calls.requests(api, limit, **wanted)
        if output != "table":
            terminal.structured(found, output)
            return
        waiting, many = calls.requests(api, _MOST_TOLD, to_decide="true") if mine else ([], False)
    _show(found, mine=mine, empty=_empty(**flags))
    if more:
        terminal.note(f"only the newest {limit} are shown; --limit shows more")
    if waiting:
        count = f"more than {_MOST_TOLD} requests" if many else counted(len(waiting), "request")
        terminal.note(f"{count} of others to decide about: pgward requests --to-decide")


def _show(found: Sequence[dict[str, Any]], *, mine: bool, empty: str) -> None:
    shorts = words.short_ids([each["id"] for each in found])
    now = SystemClock().now()
    rows = [_row(each, shorts[each["id"]], now) for each in found]
    columns = {name: title for name, title in _REQUESTS.items() if name != "user" or not mine}
    terminal.table(rows, columns, empty=empty)


def _empty(*, mine: bool, to_decide: bool, unacknowledged: bool) -> str:
    if to_decide:
        return "there is nothing to decide about"
    if unacknowledged:
        return "there is no broken glass to look at"
    if mine:
        return "you asked for nothing; pgward request shows what you may ask for"
    return "nobody asked for anything"


def _row(request: dict[str, Any], short: str, now: datetime) -> dict[str, Any]:
    return {
        "short": short,
        "user": request["user"],
        "service": request["service"],
        "what": words.brief(request),
        "for": words.seconds(request["seconds"]),
        "standing": words.state(request, now),
        "asked": when(parse_rfc3339(request["created_at"]), now),
        "reason": request["reason"],
    }
