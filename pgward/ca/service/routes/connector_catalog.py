"""What connectors deliver of a server: a list of the pieces of its catalog, then the new ones."""

from typing import Annotated, Final

from anyio.to_thread import run_sync
from fastapi import Depends, Path, Request
from pydantic import BaseModel, Field

from pgward.access.catalog import MOST_PIECE, Piece
from pgward.ca.catalog import intake
from pgward.ca.catalog.intake import MOST_PIECES, DatabaseScan, Scan
from pgward.ca.catalog.standing import check_serves
from pgward.ca.service import strict
from pgward.ca.service.auth import AnyMachine, Asking
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Moment, Name, Storable
from pgward.core.errors import InvalidInputError

router = strict.router("machines")
PATHS: Final = ("/v1/connector/catalog", "/v1/connector/catalog/")
MOST_BODY: Final = MOST_PIECE + 64 * 1024  # what hardly shrinks may grow a little
_MOST_DATABASES = 10_000
_DIGEST = "^[0-9a-f]{64}$"
Digest = Annotated[str, Field(pattern=_DIGEST)]
Database = Annotated[str, Field(max_length=252), Storable]
Why = Annotated[str, Field(max_length=1000), Storable]


class DatabaseOffer(Body):
    """The pieces of a database, and what hindered its reading; with no pieces, it stays."""

    pieces: Annotated[list[Digest], Field(max_length=MOST_PIECES)] = Field(default_factory=list)
    problem: Why | None = None


class Offer(Body):
    """What a look at a server found; the server's own things, as roles, are under ``""``."""

    integration: Name
    taken_at: Moment
    seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    server_version: Annotated[int, Field(ge=0, le=1000)]
    databases: Annotated[dict[Database, DatabaseOffer], Field(max_length=_MOST_DATABASES)]

    def read(self) -> Scan:
        """Return it."""
        databases = {
            name: DatabaseScan(tuple(each.pieces), each.problem)
            for name, each in self.databases.items()
        }
        return Scan(self.integration, self.taken_at, self.seconds, self.server_version, databases)


class Failure(Body):
    """Why a server could not be looked at."""

    integration: Name
    failure: Why


class Missing(BaseModel):
    """Which pieces are not here; with none, the catalog is the newest one now."""

    missing: list[str]


class Taken(BaseModel):
    """Whether a piece was new."""

    new: bool


async def _content(request: Request, _asking: AnyMachine) -> bytes:
    """Read the piece once it is known that a machine sends it."""
    return await request.body()


@router.post("/connector/catalog", summary="Tell what a server holds")
def offer(context: Current, asking: AnyMachine, body: Offer) -> Missing:
    """Make a catalog the newest one; or tell which of its pieces have to be delivered before."""
    with context.store.write() as transaction:
        check_serves(transaction.connection, asking.machine, body.integration)
        missing = intake.offer(transaction, body.read(), context.now())
    return Missing(missing=missing)


@router.post("/connector/catalog-failure", summary="Tell that a server could not be looked at")
def failed(context: Current, asking: AnyMachine, body: Failure) -> Missing:
    """Take note; what is known of the server stays."""
    with context.store.write() as transaction:
        check_serves(transaction.connection, asking.machine, body.integration)
        intake.failed(transaction, body.integration, body.failure, context.now())
    return Missing(missing=[])


@router.put(
    "/connector/catalog/{integration}/{sha256}",
    summary="Deliver a piece of a catalog",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def deliver(
    *,
    context: Current,
    asking: AnyMachine,
    integration: Annotated[str, Path(max_length=63)],
    sha256: Annotated[str, Path(pattern=_DIGEST)],
    data: Annotated[bytes, Depends(_content)],
) -> Taken:
    """Keep a piece: lines of JSON, compressed; ``sha256`` is of what they are before that."""
    return Taken(new=await run_sync(_taken, context, asking, integration, sha256, data))


def _taken(context: Context, asking: Asking, integration: str, sha256: str, data: bytes) -> bool:
    with context.store.read() as connection:
        check_serves(connection, asking.machine, integration)
    piece = Piece.read(data)
    if piece.digest != sha256:
        raise InvalidInputError("that piece has another digest")
    piece.things()  # refused before the one writer is kept waiting
    with context.store.write() as transaction:
        check_serves(transaction.connection, asking.machine, integration)
        return intake.take(transaction, integration, piece, context.now())
