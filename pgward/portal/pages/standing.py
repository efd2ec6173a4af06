"""How a database stands for who looks: open, closed by a rule, or not to be reached."""

from dataclasses import dataclass

from pgward.ca.service.routes import me_policies
from pgward.ca.service.routes.me import ServiceInfo
from pgward.ca.service.routes.me_policies import Decided, Method
from pgward.portal.web.frame import Frame

_SOME_REASON = "a reason"


@dataclass(frozen=True, slots=True)
class State:
    """How a database stands, in a word.

    ``blocked`` is the rule that keeps somebody out, ``silent`` that no edge was heard of lately.
    """

    word: str
    kind: str
    blocked: Decided | None = None
    silent: bool = False


def of(frame: Frame, service: ServiceInfo) -> State:
    """Return how the database stands for who looks."""
    if not service.edges:
        return State("no edge leads there", "bad")
    blocked = _blocked(frame, service)
    if blocked is not None:
        return State("blocked", "bad", blocked)
    if service.health == "away":
        return State("does not answer", "bad")
    if not any(each.online for each in service.edges):
        return State("may be away", "warn", silent=True)
    return State("on request" if service.access else "open to you", "good")


def _blocked(frame: Frame, service: ServiceInfo) -> Decided | None:
    """Return why rules let somebody in by no way that there is; None where one is open."""
    if service.mode == "tcp":
        return None
    ways: dict[Method, bool] = {
        "tunnel": service.ways.certificate,
        "otp": service.ways.otp,
        "token": service.ways.token,
    }
    found = None
    for method in (each for each, offered in ways.items() if offered):
        asked = me_policies.Question(
            service=service.name,
            method=method,
            # Whoever connects will say why; rules about what they say are for then.
            reason=_SOME_REASON if service.ways.reason_required else "",
        )
        answer = me_policies.explain(frame.context, frame.me, asked)
        if answer.connection.allowed:
            return None
        found = answer.connection
    return found
