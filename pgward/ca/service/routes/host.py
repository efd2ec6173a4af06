"""What PostgreSQL hosts do: hear what changed, ask who may go on, deliver their audit events."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from pgward.audit.events import HOST_ACTIONS
from pgward.ca.identity import machines, standings
from pgward.ca.identity.machines import Machine
from pgward.ca.identity.standings import Began
from pgward.ca.service import strict
from pgward.ca.service.auth import Host
from pgward.ca.service.context import Context, Current
from pgward.ca.service.events import EventsReply, EventsRequest, keep
from pgward.ca.service.models import Body, Moment, Storable
from pgward.ca.service.standings import MOST_ASKED, CertificateInfo, Serials, listed

router = strict.router("machines")
LONGEST_WAIT = 30.0
_TAG = "^[0-9a-f]{16}$"
PersonName = Annotated[str, Field(min_length=1, max_length=128), Storable]


class NewsReply(BaseModel):
    """The version of each part that hosts follow; ``version`` and ``tag`` are for the next time."""

    version: int
    tag: str
    parts: dict[str, str]


class SessionStart(Body):
    """A database session of which the server tells no serial number."""

    person: PersonName
    began: Moment


class StandingsRequest(Body):
    """Whose database sessions run: by serial number, and where there is none by the person."""

    serials: Serials
    sessions: Annotated[list[SessionStart], Field(default_factory=list, max_length=MOST_ASKED)]


class StandingsReply(BaseModel):
    """Those certificates that are known here; the others are another CA's, and nobody's business.

    ``sessions`` says of each that was asked, in that order, why it must end.
    """

    certificates: list[CertificateInfo]
    sessions: list[str | None]


@router.get(
    "/host/news",
    summary="Wait for what a PostgreSQL host must look at again",
    response_model=NewsReply,
    responses={204: {"description": "nothing changed in time"}},
)
async def news(
    context: Current,
    host: Host,
    after: Annotated[int, Query(ge=0, le=2**62, description="the version at hand")] = 0,
    tag: Annotated[str, Query(pattern=_TAG, description="the tag at hand")] = "0" * 16,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="seconds")] = 0,
) -> Any:
    """Return the versions of the parts as soon as one differs from what is known (long poll).

    What does not concern hosts wakes none.
    """
    await run_sync(_seen, context, host)
    found = await context.host_polls.newer(host.name, after, tag, wait)
    if found is None:
        return Response(status_code=204)
    return NewsReply(version=found.version, tag=found.tag, parts=dict(found.parts))


@router.post("/host/standings", summary="Ask whose database sessions may go on")
def standing(context: Current, _host: Host, body: StandingsRequest) -> StandingsReply:
    """Return how certificates stand, also after they expired, and sessions without a number."""
    now = context.now()
    asked = [Began(each.person, each.began) for each in body.sessions]
    with context.store.read() as connection:
        found = standings.of_certificates(connection, body.serials, now)
        sessions = standings.of_sessions(connection, asked, now)
    return StandingsReply(
        certificates=listed(found),
        sessions=sessions,
    )


async def _batch(request: Request, _host: Host) -> EventsRequest:
    """Read a batch, which may be long, once it is known that a host sends it."""
    return strict.read(await request.body(), EventsRequest)


@router.post(
    "/host/events",
    summary="Deliver a PostgreSQL host's audit events",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": EventsRequest.model_json_schema()}},
        }
    },
)
def events(
    context: Current, host: Host, body: Annotated[EventsRequest, Depends(_batch)]
) -> EventsReply:
    """Store events; one that is there already (by its id) counts as accepted."""
    return keep(context, host, body, HOST_ACTIONS)


def _seen(context: Context, host: Machine) -> None:
    now = context.now()
    if machines.seen_needs_writing(host, None, now):
        with context.store.write() as transaction:
            machines.seen(transaction, host, None, now)
