"""The bodies of the login conversation, as they stand in the API's description."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from pgward.ca.identity.posture import PostureReport
from pgward.ca.login.engine import Asked, Started
from pgward.ca.login.flows import MAX_LENGTH
from pgward.ca.login.method import Offer
from pgward.ca.service.models import Body, Name, Password, Storable, Text, Time, UserSummary

_Token = Annotated[str, Field(max_length=200), Storable]


class DeviceInfo(Body):
    """What the device says of itself: nothing of it is verified."""

    name: Annotated[str, Field(max_length=100), Storable] = ""
    token: Annotated[_Token | None, Field(description="enrolls a new device, once")] = None
    posture: PostureReport | None = None


class LoginRequest(Body):
    """How somebody logs in; each method needs some of the fields (`GET /v1/login` tells which)."""

    method: Annotated[str, Field(max_length=32), Storable] = "password"
    provider: Name | None = None
    user: Name | None = None
    password: Password | None = None
    redirect_uri: Text | None = None
    reason: Text | None = None
    device: DeviceInfo = DeviceInfo()


class Continuation(Body):
    """The flow of an answer before, and what was asked for."""

    flow: Annotated[str, Field(max_length=MAX_LENGTH)]
    answer: Annotated[dict[str, Any], Field(max_length=50)]


class Done(BaseModel):
    """A new login session; the token works only with the key of the request's proof."""

    status: Literal["done"] = "done"
    token: str
    expires_at: Time
    user: UserSummary
    notices: Annotated[list[str], Field(description="what the person should know")] = []

    @classmethod
    def of(cls, started: Started, notices: list[str]) -> "Done":
        """Show a session to its owner."""
        session = started.session
        who = UserSummary.of(session.user)
        return cls(token=started.token, expires_at=session.expires_at, user=who, notices=notices)


class Question(BaseModel):
    """What is asked: `kind`, and what is to be known for the answer."""

    kind: str
    facts: dict[str, Any]


class More(BaseModel):
    """Something is asked; send the answer with the flow, within ten minutes, from this device."""

    status: Literal["continue"] = "continue"
    flow: str
    ask: Question

    @classmethod
    def of(cls, asked: Asked) -> "More":
        """Show what is asked."""
        question = Question(kind=asked.ask.kind, facts=dict(asked.ask.facts))
        return cls(flow=asked.flow, ask=question)


class MethodInfo(BaseModel):
    """A way to log in; `needs` names the fields that the first request must have."""

    method: str
    provider: str | None
    title: str
    needs: list[str]
    redirect_ports: list[int]

    @classmethod
    def of(cls, offer: Offer) -> "MethodInfo":
        """Show an offer."""
        return cls(
            method=offer.method,
            provider=offer.provider,
            title=offer.title,
            needs=list(offer.needs),
            redirect_ports=list(offer.redirect_ports),
        )


class MethodList(BaseModel):
    """Every way to log in, the preferred one first."""

    methods: list[MethodInfo]
