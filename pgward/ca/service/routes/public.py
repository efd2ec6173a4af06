"""What anyone may read: health, and the roots to trust."""

from pydantic import BaseModel

from pgward.ca.service import strict
from pgward.ca.service.context import Current
from pgward.ca.service.errors import ErrorBody
from pgward.pki import pem

router = strict.router("public")


class Health(BaseModel):
    """The authority answers, and its store does."""

    status: str


class TrustReply(BaseModel):
    """The CA's name, and the roots of both hierarchies in PEM."""

    name: str
    server_roots: list[str]
    user_roots: list[str]


@router.get(
    "/health",
    summary="Tell whether the authority works",
    responses={503: {"model": ErrorBody, "description": "the store or a key is away"}},
)
def health(context: Current) -> Health:
    """Read the store, so that a broken one shows here (503); so does a key that is missing."""
    context.store.version()
    context.authority.check_ready()
    return Health(status="ok")


@router.get("/trust", summary="Get the roots to trust")
def trust(context: Current) -> TrustReply:
    """Return both hierarchies' roots; compare the fingerprint before you trust them."""
    context.authority.catch_up()  # whoever was asked to trust a new root finds it here
    found = context.authority.trust
    return TrustReply(
        name=found.name,
        server_roots=[pem.text(each) for each in found.server_roots],
        user_roots=[pem.text(each) for each in found.user_roots],
    )
