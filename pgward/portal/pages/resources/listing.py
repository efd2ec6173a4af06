"""``/admin/resources``: which kinds there are; and the resources of one, to search through."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Path, Query, Response

from pgward.ca.resources import kinds
from pgward.ca.service.routes import resources, schemas
from pgward.client.resource import tables
from pgward.portal.pages.resources import kind_words
from pgward.portal.web import route
from pgward.portal.web.frame import Administrator

router = route.router()
Kind = Annotated[str, Path(max_length=63)]
Words = Annotated[str, Query(max_length=200)]
_PAGE = 50
_MOST_NAMED = 4  # of the people, edges and the like in one cell
_PEOPLE = {"User": "/admin/people", "Group": "/admin/groups"}
"""There may be very many of these: pages of their own have them."""


@router.get("/admin/services")
def services(frame: Administrator) -> Response:
    """Go to the services."""
    return frame.go(kind_words.path("Service"))


@router.get("/admin/policies")
def policies(frame: Administrator) -> Response:
    """Go to the policies."""
    return frame.go(kind_words.path("Policy"))


@router.get(kind_words.TOP)
def every_kind(frame: Administrator) -> Response:
    """Show the kinds, and how many there are of each."""
    found: list[tuple[kind_words.Words, str, int | None]] = []
    for kind in schemas.every(frame.me).kinds:
        if kind in _PEOPLE:
            found.append((kind_words.OF[kind], _PEOPLE[kind], None))
        else:
            found.append((kind_words.OF[kind], kind_words.path(kind), len(_every(frame, kind))))
    return frame.show("resources/kinds.html", kinds=found)


@router.get("/admin/resources/{kind}")
def every(frame: Administrator, kind: Kind, q: Words = "", after: Words = "") -> Response:
    """Show the resources of a kind, those with these words."""
    real = kinds.canonical(kind)
    if real in _PEOPLE:
        return frame.go(_PEOPLE[real])
    found = [each for each in _every(frame, real) if _has(each, q.lower().split())]
    behind = [each for each in found if each["metadata"]["name"] > after]
    shown = behind[:_PAGE]
    rows, columns = tables.told(shown, real)
    return frame.show(
        "resources/list.html",
        kind=real,
        words=kind_words.OF[real],
        path=kind_words.path(real),
        columns=_columns(columns, rows),
        rows=[{name: _cell(value) for name, value in row.items()} for row in rows],
        number=len(found),
        q=q,
        first=frame.link(after=None) if after else "",
        next=frame.link(after=shown[-1]["metadata"]["name"]) if len(behind) > _PAGE else "",
    )


def _every(frame: Administrator, kind: str) -> list[dict[str, Any]]:
    found = resources.every(frame.context, frame.me, kind).resources
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))


def _has(resource: Mapping[str, Any], words: Sequence[str]) -> bool:
    """Tell whether each word stands in a resource's name, description, or any value of it."""
    if not words:
        return True
    metadata = resource["metadata"]
    said = f"{metadata['name']} {metadata['description']} {resource['spec']}".lower()
    return all(each in said for each in words)


def _columns(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns that have something in them, with titles as a page has them."""
    return {
        name: title.capitalize()
        for name, title in columns.items()
        if name == "name" or any(row.get(name) for row in rows)
    }


def _cell(value: object) -> str:
    if not isinstance(value, list | tuple):
        return "" if value is None else str(value)
    more = len(value) - _MOST_NAMED
    named = ", ".join(str(each) for each in value[:_MOST_NAMED])
    return f"{named} and {more} more" if more > 0 else named
