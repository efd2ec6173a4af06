"""``pgward requests plan``: the SQL that a request would run, before anybody says yes."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click

from pgward.client import options
from pgward.client.access import calls, recent, words
from pgward.client.api import ApiClient
from pgward.client.phrases import counted, duration
from pgward.core.errors import PgwardError
from pgward.system import terminal
from pgward.system.durations import Duration

Plan = dict[str, Any]
_LONGEST_POLL = 20.0
_ON_ITS_WAY = 10.0  # seconds that an answer may take beyond what the CA waits
_SOON = timedelta(seconds=3)


class NoPlanError(PgwardError):
    """The connector has not said what a request would run."""

    code = "no_plan"


@click.command("plan", short_help="Show the SQL that a request would run.")
@click.argument("request_id", metavar="ID", shell_complete=recent.complete_id)
@click.option(
    "--wait",
    type=Duration(),
    default=timedelta(seconds=15),
    show_default="15s",
    metavar="DURATION",
    help="How long to wait for the connector.",
)
@options.output
def plan(request_id: str, wait: timedelta, output: str) -> None:
    """Show what the request ID would run at the server now, and what of it cannot be given.

    Its connector looks at the server, and changes nothing there.
    """
    with options.api() as api:
        request = calls.find(api, request_id)
        found = _asked(api, request, wait)
    if found["state"] != "there":
        raise _missing(found, wait)
    if output != "table":
        terminal.structured(found, output)
        return
    for line in lines(found):
        terminal.echo(line)
    for problem in problems(found):
        terminal.note(f"warning: {problem}")


def lines(found: Plan) -> Iterator[str]:
    """Yield a plan as SQL with comments; names in it come from the server, and do nothing here."""
    version = found["server_version"]
    yield terminal.clean(
        f"-- {found['integration']}: PostgreSQL {version}, looked at {found['answered_at']}"
    )
    database = None
    for each in found["statements"]:
        if each["database"] != database:
            database = each["database"]
            yield f"-- database {terminal.cell(database)}"
        yield terminal.clean(each["sql"])
    if found["more"]:
        yield f"-- and {counted(found['more'], 'statement')} more"
    if not found["statements"]:
        yield "-- nothing to run"


def problems(found: Plan) -> list[str]:
    """Return what cannot be given, in words."""
    return [
        f"{'cannot be given' if each['fatal'] else 'not all of it'}: {each['text']}"
        for each in found["problems"]
    ]


def soon(api: ApiClient, request: dict[str, Any]) -> list[str]:
    """Return what of a request cannot be given, if its connector says so in a few seconds."""
    if "plan" not in request["can"]:
        return []
    try:
        found = _asked(api, request, _SOON, quiet=True)
    except PgwardError as error:
        return [f"nobody knows what it would run: {error.message}"]
    if found["state"] == "there":
        return problems(found)
    return [f"nobody knows what it would run: {_why(found, _SOON)}"]


def _asked(api: ApiClient, request: calls.Request, wait: timedelta, *, quiet: bool = False) -> Plan:
    """Ask, and wait for the answer; return the plan as it stands then."""
    path = options.path("access", "requests", request["id"], "plan")
    until = time.monotonic() + wait.total_seconds()
    found: Plan = api.post(path)["plan"]
    if found["trouble"] and found["state"] == "asked" and not quiet:
        terminal.prompt(f"{found['trouble']}; waiting for {duration(wait)}")
    while found["state"] == "asked" and (left := until - time.monotonic()) > 0:
        seconds = min(left, _LONGEST_POLL)
        params = {"wait": f"{seconds:.1f}"}
        found = api.call("GET", path, params=params, timeout=seconds + _ON_ITS_WAY)["plan"]
    return found


def _missing(found: Plan, wait: timedelta) -> NoPlanError:
    short = found["request"][: words.LEAST_ID]
    return NoPlanError(
        f"nobody knows what {short} would run: {_why(found, wait)}",
        hint="whoever runs the connector looks at it: pgward connectors",
    )


def _why(found: Plan, wait: timedelta) -> str:
    if found["failure"]:
        return str(found["failure"])
    silence = f"the connector of {found['integration']} has not answered within {duration(wait)}"
    return str(found["trouble"] or silence)
