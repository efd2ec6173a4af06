"""``/admin/integrations/NAME/objects``, ``/roles`` and ``/grants``: what a server holds."""

from collections.abc import Callable
from typing import Any

from fastapi import Response

from pgward.ca.service import errors
from pgward.ca.service.routes import catalog
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.portal.pages.machines.common import REFUSALS, Name
from pgward.portal.web import route
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_LIMIT = 50
_LONGEST = 252
_LONGEST_CURSOR = 8000
_KINDS = ("database", "schema", "table", "sequence", "function")
_PLACE = "/admin/integrations/{name}"


@router.get(f"{_PLACE}/objects")
def objects(frame: Administrator, name: Name) -> Response:
    """Search databases, schemas, tables, sequences and functions."""

    def find(given: dict[str, Any]) -> tuple[list[Any], str | None]:
        kind = given.get("kind")
        if kind is not None and kind not in _KINDS:
            raise InvalidInputError("there is no such kind of object")
        found = catalog.objects(
            context=frame.context, _by=frame.me, integration=name, limit=_LIMIT, tag=None, **given
        )
        return found.objects, found.cursor

    fields = ("search", "database", "schema", "kind", "owner")
    return _show(frame, name, "objects", fields, find)


@router.get(f"{_PLACE}/roles")
def roles(frame: Administrator, name: Name) -> Response:
    """Search roles, and see what each is a member of."""

    def find(given: dict[str, Any]) -> tuple[list[Any], str | None]:
        found = catalog.roles(
            context=frame.context, _by=frame.me, integration=name, limit=_LIMIT, **given
        )
        return found.roles, found.cursor

    return _show(frame, name, "roles", ("search",), find)


@router.get(f"{_PLACE}/grants")
def grants(frame: Administrator, name: Name) -> Response:
    """Search who was granted what, and through which memberships."""

    def find(given: dict[str, Any]) -> tuple[list[Any], str | None]:
        found = catalog.grants(
            context=frame.context, _by=frame.me, integration=name, limit=_LIMIT, **given
        )
        return found.grants, found.cursor

    return _show(frame, name, "grants", ("to", "database", "schema", "name", "privilege"), find)


def _show(
    frame: Frame,
    name: str,
    view: str,
    fields: tuple[str, ...],
    find: Callable[[dict[str, Any]], tuple[list[Any], str | None]],
) -> Response:
    known = catalog.one(frame.context, frame.me, name)
    given = dict.fromkeys((*fields, "cursor"))
    query = frame.request.query_params
    given |= {each: query.get(each, "").strip() or None for each in given}
    rows: list[Any] = []
    problem: PgwardError | None = None
    cursor = None
    try:
        _check(given)
        rows, cursor = find(given)
    except REFUSALS as error:
        problem = error
    return frame.show(
        "machines/contents.html",
        status=200 if problem is None else errors.status(problem),
        integration=name,
        view=view,
        known=known,
        rows=rows,
        given=given,
        fields=fields,
        kinds=_KINDS,
        first=frame.link(cursor=None) if given["cursor"] else None,
        next=frame.link(cursor=cursor) if cursor else None,
        now=frame.context.now(),
        problem=problem,
    )


def _check(given: dict[str, str | None]) -> None:
    for name, value in given.items():
        most = _LONGEST_CURSOR if name == "cursor" else _LONGEST
        if value is not None and (len(value) > most or "\0" in value):
            raise InvalidInputError(f"{name} is no word to look for")
