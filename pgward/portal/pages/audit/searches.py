"""``/audit/searches``: searches that one keeps."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Response
from pydantic import Field

from pgward.ca.service.models import Storable
from pgward.ca.service.routes import audit_searches
from pgward.ca.service.routes.audit_searches import SearchBody, SearchModel
from pgward.core.errors import InvalidInputError
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Auditor, Frame

router = route.router()
PAGE = "/audit/searches"
_Name = Annotated[str, Field(max_length=100), Storable]


class Act(Form):
    """What is done with a search: it is kept, or with ``act`` forgotten."""

    name: _Name
    page: Annotated[str, Field(max_length=20)] = ""
    query: Annotated[str, Field(max_length=10_000)] = ""
    act: Annotated[str, Field(max_length=20)] = "keep"


@dataclass(frozen=True, slots=True)
class Kept:
    """A search, and the address that it is of."""

    name: str
    page: str
    path: str
    saved: SearchModel


def of(frame: Frame, page: str | None = None) -> list[Kept]:
    """Return one's own searches, of a page or of all."""
    found = audit_searches.every(frame.context, frame.me).searches
    return [
        Kept(each.name, each.page, f"/audit/{each.page}?{each.query}", each)
        for each in found
        if page in {None, each.page}
    ]


@router.get(PAGE)
def every(frame: Auditor) -> Response:
    """Show one's own searches."""
    return frame.show("audit/searches.html", kept=of(frame))


@router.post(PAGE)
def change(frame: Auditor) -> Response:
    """Keep a search, or forget it."""
    form = frame.form(Act)
    context, me, name = frame.context, frame.me, form.name.strip()
    if not name:
        raise InvalidInputError("a search needs a name", hint="go back, and give it one")
    if form.act == "forget":
        audit_searches.forget(context, me, name)
        return frame.go(PAGE, f"The search {name} is forgotten.")
    body = forms.checked(SearchBody, {"page": form.page, "query": form.query})
    audit_searches.save(context, me, name, body)
    return frame.go(f"/audit/{body.page}?{body.query}", f"The search {name} is kept.")
