"""People as administrators look for them: a page at a time, with how each may sign in."""

from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel

from pgward.ca.identity import people
from pgward.ca.identity.people import Person, Standing, Wanted
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Storable, Time, UserDetail

router = strict.router("people: administration")
Text = Annotated[str, Query(max_length=200, description="in a name or an e-mail address"), Storable]
Word = Annotated[str, Query(max_length=63), Storable]


class PersonInfo(UserDetail):
    """A person; ``factors`` are second ones, ``invited_until`` says that there is a link."""

    factors: list[str]
    last_seen_at: Time | None
    invited_until: Time | None

    @classmethod
    def of_person(cls, person: Person) -> Self:
        """Show somebody."""
        return cls(
            **dict(UserDetail.of(person.user)),
            factors=list(person.factors),
            last_seen_at=person.last_seen_at,
            invited_until=person.invited_until,
        )


class People(BaseModel):
    """Some people by name, of ``total``; ``after`` leads to the next page."""

    people: list[PersonInfo]
    total: int
    after: str | None


@router.get("/people", summary="Search people")
def page(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    _by: Administrator,
    text: Text = "",
    standing: Standing | None = None,
    group: Word | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Word | None = None,
) -> People:
    """Return people who match all that is given."""
    now, wanted = context.now(), Wanted(text, standing, group)
    with context.store.read() as connection:
        found = people.page(connection, wanted, now, limit=limit, after=after)
        total = people.count(connection, wanted, now)
    shown = [PersonInfo.of_person(each) for each in found.people]
    return People(people=shown, total=total, after=found.after)
