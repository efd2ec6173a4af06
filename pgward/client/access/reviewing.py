"""``pgward access review …``: owners confirm each right, or end it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from pgward.client import options
from pgward.client.access import numbers, reporting
from pgward.client.api import ApiClient
from pgward.client.phrases import counted, when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.system import spreadsheets, terminal
from pgward.system.durations import Duration

STATES = ("open", "confirmed", "ended", "noted", "gone")
FIELDS = (
    *("number", "state", "path", "user", "group", "members", "service", "integration", "hosts"),
    *("role", "by", "since", "until", "last_used", "unused", "blocked", "flagged"),
    *("decided_at", "decided_by", "reason", "obstacle", "reviewers"),
)
_PAGE = 1000
_MOST_SHOWN = 20
_REVIEWS = {
    "name": "NAME",
    "state": "STATE",
    "due": "DUE",
    "open": "OPEN",
    "confirmed": "CONFIRMED",
    "ended": "ENDED",
    "noted": "NOTED",
    "gone": "GONE",
    "yours": "FOR YOU",
}
_COLUMNS = {
    "number": "NO",
    "who": "WHO",
    "what": "WHAT",
    "path": "BY",
    "role": "ROLE",
    "used": "LAST USED",
    "state": "STATE",
    "decided": "DECIDED",
}
_MORE = {"obstacle": "TO DO", "flagged": "BEWARE"}

_name = click.argument("name", metavar="NAME")
_numbers = click.argument("rights", metavar="NUMBER...", nargs=-1, required=True)
_reason = click.option("--reason", default="", metavar="TEXT", help="Why; it is kept.")


class NotEndedError(PgwardError):
    """A person looked at rights and did not say yes to ending them."""


@click.group("review", short_help="Have owners confirm or end each right.")
def review() -> None:
    """Have the owners of services and servers confirm each right, or end it.

    Who reviews a right: its integration's owner and whom the tag owner names, of a service without
    an integration whom its label owner names; administrators all. Nobody reviews their own.
    """


@review.command("start", short_help="Begin a review of the rights of now.")
@_name
@click.option("--service", metavar="SERVICE", help="Only rights at this service.")
@click.option("--group", metavar="GROUP", help="Only what is given to this group.")
@click.option("--user", metavar="NAME", help="Only what this person reaches, also by groups.")
@click.option("--owner", metavar="NAME", help="Only what this person or group reviews.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Choice(reporting.PATHS),
    help="Only rights of this kind; may be repeated.",
)
@click.option("--people", is_flag=True, help="Each member of a group is a right of its own.")
@click.option(
    "--unused",
    "unused_days",
    type=click.IntRange(1, 3650),
    metavar="DAYS",
    help="Only standing rights that nobody used for so many days.",
)
@click.option(
    "--due", type=Duration(), default="14d", show_default=True, help="Until when, in days."
)
def start(name: str, due: timedelta, **filters: Any) -> None:
    """Begin the review NAME of all rights there are now, or of some.

    Those who review them are told, and reminded as the time ends.
    """
    if due % timedelta(days=1):
        raise InvalidInputError("a review lasts whole days", hint="--due 14d")
    chosen = {field: value for field, value in filters.items() if value}
    body = {"name": name, "days": due.days, **chosen}
    with options.api() as api:
        reply = api.post(options.path("access", "reviews"), body)
    found = reply["review"]
    terminal.report(**reply)
    count = counted(found["counts"]["open"], "right")
    terminal.note(f"the review {name} has {count}, and is due {found['due_at']}")
    if reply["unreviewable"]:
        count = counted(reply["unreviewable"], "right")
        terminal.note(f"{count} can be reviewed by nobody: all who could are those who have it")


@review.command("list", short_help="List reviews.")
@options.output
def every(output: str) -> None:
    """List reviews: those with something for you, for administrators and auditors all."""
    with options.api() as api:
        found = api.get(options.path("access", "reviews"))["reviews"]
    now = SystemClock().now()
    rows = found if output != "table" else [_review_row(each, now) for each in found]
    terminal.table(rows, _REVIEWS, output, empty="there is no review for you")


@review.command("show", short_help="Show the rights of a review.")
@_name
@click.option("--mine", is_flag=True, help="Only those that you review.")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--csv", is_flag=True, help="Write CSV, for spreadsheets.")
@options.output
def show(*, name: str, mine: bool, state: str | None, csv: bool, output: str) -> None:
    """Show the rights of the review NAME, and what became of each.

    A right is noted when it was ended and pgward could not take it away, gone when it went without
    anybody's word.
    """
    if csv and output != "table":
        raise InvalidInputError("--csv and --output exclude each other")
    with options.api() as api:
        head = api.get(options.path("access", "reviews", name))
        found = _items(api, name, mine="true" if mine else None, state=state)
        if csv:
            terminal.echo(spreadsheets.line(FIELDS))
            for each in found:
                terminal.echo(spreadsheets.line(cell(each[field]) for field in FIELDS))
            return
        rights = list(found)
    if output != "table":
        terminal.structured({**head, "items": rights}, output)
        return
    now = SystemClock().now()
    _show_rights(rights, now)
    terminal.note(_summary(head["review"], now))


@review.command("confirm", short_help="Say that rights shall stay.")
@_name
@_numbers
@_reason
def confirm(name: str, rights: tuple[str, ...], reason: str) -> None:
    """Say that the rights NUMBER... (3, or 5-9) of the review NAME shall stay."""
    with options.api() as api:
        _decide(api, name, "confirm", numbers.read(rights), reason)


@review.command("end", short_help="Take rights away.")
@_name
@_numbers
@_reason
@click.option("--yes", is_flag=True, help="Do not ask.")
def end(name: str, rights: tuple[str, ...], reason: str, *, yes: bool) -> None:
    """Take the rights NUMBER... (3, or 5-9) of the review NAME away, at once.

    Grants are revoked, services, flows, role maps and groups changed: pgward history shows how, and
    pgward rollback brings it back. What pgward cannot take away is noted, with what to do.
    """
    chosen = numbers.read(rights)
    with options.api() as api:
        if not yes:
            _look(api, name, chosen)
        _decide(api, name, "end", chosen, reason)


@review.command("close", short_help="End a review.")
@_name
def close(name: str) -> None:
    """Close the review NAME: nobody decides any more. Rights that are open stay."""
    with options.api() as api:
        reply = api.post(options.path("access", "reviews", name, "close"), {})
    terminal.report(**reply)
    terminal.note(f"closed {_summary(reply['review'], SystemClock().now())}")


def _decide(api: ApiClient, name: str, verb: str, chosen: Sequence[int], reason: str) -> None:
    body = {"items": list(chosen), "reason": reason}
    done = api.post(options.path("access", "reviews", name, verb), body)["items"]
    for each in done:
        terminal.add("rights", each)
        said = {"noted": "is noted, not ended", "gone": "is gone already"}
        text = f"{each['number']}: {_called(each)} {said.get(each['state'], each['state'])}"
        terminal.note(f"{text}: {each['obstacle']}" if each["obstacle"] else text)


def _look(api: ApiClient, name: str, chosen: Sequence[int]) -> None:
    """Show what is taken away, and ask; raise NotEndedError."""
    if not terminal.interactive():
        raise InvalidInputError(
            "there is no terminal to ask on", hint=f"pgward access review show {name}, then --yes"
        )
    wanted = [each for each in _items(api, name) if each["number"] in set(chosen)]
    if not wanted:
        raise NotFoundError(
            "the review has no such right", hint=f"pgward access review show {name}"
        )
    for each in wanted[:_MOST_SHOWN]:
        terminal.prompt(f"{each['number']}: {_called(each)}")
    if len(wanted) > _MOST_SHOWN:
        terminal.prompt(f"and {len(wanted) - _MOST_SHOWN} more")
    if not terminal.confirm(f"take away {counted(len(wanted), 'right')}?"):
        raise NotEndedError("nothing was taken away")


def _items(api: ApiClient, name: str, **wanted: str | None) -> Iterator[dict[str, Any]]:
    """Yield the rights of a review, page by page."""
    after: int | None = 0
    while after is not None:
        path = options.path("access", "reviews", name, "items")
        params = {field: value for field, value in wanted.items() if value is not None}
        reply = api.call("GET", path, params={**params, "limit": _PAGE, "after": after})
        yield from reply["items"]
        after = reply["after"]


def _called(right: dict[str, Any]) -> str:
    """Return a right as a message names it."""
    who = reporting.who(right) or right["role"] or "somebody"
    return f"{who} at {what(right)}, by {right['path']} ({right['by']})"


def what(right: dict[str, Any]) -> str:
    """Return what a right of a review is about, in words."""
    hosts = right["hosts"]
    return f"host {', '.join(hosts)}" if hosts else reporting.what({**right, "host": None})


def cell(value: Any) -> Any:
    """Return a field of a right as a table has it."""
    return ", ".join(value) if isinstance(value, list) else value


def _show_rights(rights: Sequence[dict[str, Any]], now: datetime) -> None:
    more = {field: title for field, title in _MORE.items() if any(each[field] for each in rights)}
    rows = [_row(each, now) for each in rights]
    terminal.table(rows, _COLUMNS | more, empty="there is no such right")


def _row(right: dict[str, Any], now: datetime) -> dict[str, Any]:
    used = right["last_used"] and when(parse_rfc3339(right["last_used"]), now)
    return {
        "number": right["number"],
        "who": reporting.who(right),
        "what": what(right),
        "path": f"{right['path']} ({right['by']})",
        "role": right["role"],
        "used": f"{used or 'never'}: unused" if right["unused"] else used,
        "state": "for you" if right["mine"] and right["state"] == "open" else right["state"],
        "decided": right["decided_by"],
        "obstacle": right["obstacle"],
        "flagged": right["flagged"],
    }


def _review_row(found: dict[str, Any], now: datetime) -> dict[str, Any]:
    due = when(parse_rfc3339(found["due_at"]), now)
    return {
        **found["counts"],
        "name": found["name"],
        "state": "overdue" if found["overdue"] else found["state"],
        "due": due if found["state"] == "open" else None,
        "yours": found["yours"],
    }


def _summary(found: dict[str, Any], now: datetime) -> str:
    counts = ", ".join(f"{found['counts'][each]} {each}" for each in STATES)
    if found["state"] == "closed":
        return f"{found['name']}: {counts}"
    due = when(parse_rfc3339(found["due_at"]), now)
    late = "was due" if found["overdue"] else "due"
    return f"{found['name']}: {counts}; {late} {due}; {found['yours']} for you"
