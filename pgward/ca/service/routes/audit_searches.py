"""Searches that auditors keep for themselves."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Storable, Time
from pgward.ca.store import saved_searches
from pgward.ca.store.saved_searches import Search

router = strict.router("audit")
SearchName = Annotated[str, Path(min_length=1, max_length=100), Storable]
PageName = Literal["events", "statements", "map"]


class SearchBody(Body):
    """Of which page of the portal, and the query of its address."""

    page: PageName
    query: Annotated[str, Field(max_length=2000, pattern=r"^[!-~]*$")] = ""


class SearchModel(BaseModel):
    """A search that one keeps."""

    name: str
    page: str
    query: str
    saved_at: Time


class SearchesReply(BaseModel):
    """One's searches, by name."""

    searches: list[SearchModel]


@router.get("/audit/searches", summary="List the searches that one keeps")
def every(context: Current, me: Auditor) -> SearchesReply:
    """Return one's own."""
    return _every(context, me.user.name)


@router.put("/audit/searches/{name}", summary="Keep a search")
def save(context: Current, me: Auditor, name: SearchName, body: SearchBody) -> SearchesReply:
    """Keep a search, in the place of one with its name; this is no event."""
    with context.store.write() as transaction:
        search = Search(name, body.page, body.query, context.now())
        saved_searches.save(transaction, me.user.name, search)
    return _every(context, me.user.name)


@router.delete("/audit/searches/{name}", summary="Forget a search")
def forget(context: Current, me: Auditor, name: SearchName) -> SearchesReply:
    """Forget one's own."""
    with context.store.write() as transaction:
        saved_searches.forget(transaction, me.user.name, name)
    return _every(context, me.user.name)


def _every(context: Context, user: str) -> SearchesReply:
    with context.store.read() as connection:
        found = saved_searches.every(connection, user)
    return SearchesReply(
        searches=[
            SearchModel(name=each.name, page=each.page, query=each.query, saved_at=each.saved_at)
            for each in found
        ]
    )
