"""``pgward request`` and ``pgward extend``: asking for access, and for more time."""

from datetime import timedelta
from typing import Any

import click

from pgward.access.rights import ObjectRights
from pgward.client import options
from pgward.client.access import calls, objects, offers, recent, showing, words
from pgward.client.access.offers import Offer, Wish
from pgward.client.access.waiting import Waiter
from pgward.client.api import ApiClient
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError
from pgward.system import terminal
from pgward.system.durations import Duration

_OFFERS = {
    "service": "SERVICE",
    "flow": "FLOW",
    "what": "WHAT",
    "longest": "FOR AT MOST",
    "approvals": "APPROVALS",
}
_OFFER = {
    "flow": "flow",
    "description": "service",
    "what": "what",
    "longest": "for at most",
    "glass": "--break-glass",
    "approvals": "approvals",
    "automatic": "approved by rules",
    "reason": "reason",
    "matches": "which matches",
}


class ObjectsOption(click.ParamType[ObjectRights]):
    """Privileges on objects: ``table shop.public.orders:SELECT``."""

    name = "privileges"

    def convert(
        self,
        value: str | ObjectRights,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002 - as above
    ) -> ObjectRights:
        """Read it; raise InvalidInputError."""
        return value if isinstance(value, ObjectRights) else objects.read(value)


_wait = click.option("--wait", is_flag=True, help="Wait until it is decided, and there.")
_timeout = click.option(
    "--timeout",
    type=Duration(),
    default=timedelta(hours=1),
    show_default="1h",
    metavar="DURATION",
    help="How long to wait.",
)


@click.command(short_help="Ask for access to SERVICE for a time.")
@click.argument("service", required=False, shell_complete=recent.complete_service)
@click.option(
    "--bundle",
    "bundles",
    multiple=True,
    metavar="NAME",
    help="A role bundle.",
    shell_complete=recent.completer("bundles"),
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="NAME",
    help="A role of the server.",
    shell_complete=recent.completer("roles"),
)
@click.option(
    "--on",
    "privileges",
    type=ObjectsOption(),
    multiple=True,
    metavar="WHAT",
    help=f"Privileges on objects: '{objects.EXAMPLE}'.",
)
@click.option("--for", "span", type=Duration(), metavar="DURATION", help="How long: 30m, 2h.")
@click.option("--reason", default="", metavar="TEXT", help="Why; others read it.")
@click.option("--flow", metavar="NAME", help="The access flow, if several fit.")
@click.option("--break-glass", is_flag=True, help="At once, in an emergency; it raises an alarm.")
@_wait
@_timeout
@options.output
def request(
    *,
    service: str | None,
    span: timedelta | None,
    wait: bool,
    timeout: timedelta,
    output: str,
    **wanted: Any,
) -> None:
    """Ask for access to SERVICE for a time; with nothing but SERVICE, show what there is.

    \b
    pgward request shop --bundle shop-reading --for 2h --reason 'TICKET-7: wrong totals'
    pgward request shop --on 'table shop.public.orders:SELECT,UPDATE' --for 30m

    Who approves is told. Exit status 3 when it is denied while --wait waits, 1 when nobody
    decided in that time; the request stays then.
    """  # noqa: D301 - \b is click's mark for lines to keep
    with options.api() as api:
        found = calls.offers(api, service)
        if service is None or not (span or any(wanted.values())):
            _show_offers(found, service, output)
            return
        seconds = None if span is None else int(span.total_seconds())
        asked = calls.ask(api, _wish(Wish(service, seconds=seconds, **wanted), found))
        _finish(api, asked, timeout if wait else None, output)


@click.command(short_help="Ask for more time.")
@click.argument("request_id", metavar="ID", shell_complete=recent.complete_id)
@click.option(
    "--for",
    "span",
    type=Duration(),
    required=True,
    metavar="DURATION",
    help="How much longer: 30m, 2h.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; others read it.")
@_wait
@_timeout
@options.output
def extend(
    *,
    request_id: str,
    span: timedelta,
    reason: str,
    wait: bool,
    timeout: timedelta,
    output: str,
) -> None:
    """Ask that what the request ID gave ends later.

    It is a new request for the same, and decided anew. Until then the end stays as it is.
    """
    with options.api() as api:
        before = calls.find(api, request_id)
        seconds = int(span.total_seconds())
        asked = calls.act(api, before, "extend", seconds=seconds, reason=reason)
        _finish(api, asked, timeout if wait else None, output)


def _wish(wish: Wish, found: list[Offer]) -> Wish:
    """Return the wish with what the person left to us: what there is to choose, and the reason."""
    fitting = offers.fitting(wish, found)
    whole = offers.completed(wish, fitting)
    if not offers.wants_reason(whole, fitting):
        return whole
    if not terminal.interactive():
        raise InvalidInputError(f"{wish.service} asks for a reason", hint="--reason 'TEXT'")
    return offers.with_reason(whole, terminal.ask("Reason"))


def _finish(api: ApiClient, asked: dict[str, Any], timeout: timedelta | None, output: str) -> None:
    """Tell how a new request stands, and wait for its end if that is wanted."""
    short = asked["id"][: words.LEAST_ID]
    if timeout is not None:
        if asked["state"] == "pending":
            terminal.prompt(f"{short} waits for {_of_whom(asked)}; Ctrl-C ends the waiting only")
        waiter = Waiter(timeout.total_seconds(), terminal.prompt)
        asked = waiter.until_there(asked, lambda: calls.get(api, asked["id"]))
    if output != "table":
        terminal.structured(asked, output)
        return
    showing.show(asked, SystemClock().now())
    for text in _next(asked, short):
        terminal.note(text)


def _of_whom(asked: dict[str, Any]) -> str:
    return ", ".join(words.waits_for(asked)) or words.approvals(asked)


def _next(asked: dict[str, Any], short: str) -> list[str]:
    """Return what a person may want to know, or do, now."""
    grant = asked["grant"]
    if asked["state"] == "pending":
        return [f"it waits for {_of_whom(asked)}: pgward requests show {short}"]
    told = [f"the rule {asked['automatic']} approved it"] if asked["automatic"] else []
    if asked["break_glass"]:
        told.append("who approves is told, and somebody has to take note of it afterwards")
    if grant is not None and grant["state"] == "active":
        told.append(f"pgward psql {asked['service']}; when you are done: pgward revoke {short}")
    elif grant is not None:
        told.append(f"it is being made: pgward requests show {short}")
    return told


def _show_offers(found: list[Offer], service: str | None, output: str) -> None:
    """Show what may be asked for, at one service with the words that ask for it."""
    rows = [each for each in found if service in (None, each["service"])]
    if output != "table":
        terminal.structured(rows, output)
    elif service is None:
        empty = "there is nothing that you may ask for"
        terminal.table([_row(each) for each in rows], _OFFERS, empty=empty)
        if rows:
            terminal.note("pgward request SERVICE shows how to ask for it")
    elif not rows:
        terminal.note(f"there is nothing at {service} that you may ask for")
    else:
        for number, each in enumerate(rows):
            if number:
                terminal.echo()
            showing.lines(terminal.echo, _whole(each), _OFFER)
        terminal.note(f"for example: {offers.command(service, rows)}")


def _row(offer: Offer) -> dict[str, Any]:
    only = offers.is_emergency(offer)
    return {
        "service": offer["service"],
        "flow": offer["flow"],
        "what": words.first(offers.choices(offer)) or words.ENTRY,
        "longest": words.seconds(offer["break_glass_seconds" if only else "max_seconds"]),
        "approvals": "--break-glass" if only else words.approvals(offer),
    }


def _whole(offer: Offer) -> dict[str, Any]:
    """Return all of an offer, with what is in the bundles."""
    emergency, only = offer["break_glass_seconds"], offers.is_emergency(offer)
    usual = words.seconds(offer["default_seconds"])
    longest = f"{words.seconds(offer['max_seconds'])}, if not said otherwise {usual}"
    shown = {
        "flow": offer["flow"],
        "description": offer["description"],
        "what": offers.choices(offer, whole=True) or words.ENTRY,
        "longest": None if only else longest,
        "glass": f"{words.seconds(emergency)} at once" if emergency else None,
        "approvals": None if only else words.approvals(offer),
        "automatic": None if only else offer["automatic"],
        "reason": offer["reason"],
        "matches": offer.get("reason_matches"),
    }
    return {name: value for name, value in shown.items() if value}
