"""Step-ups: a service asks for a second factor that is fresh, and the person gives it."""

from pgward.client.api import ApiClient
from pgward.client.login import conversation
from pgward.client.login.conversation import Answerer
from pgward.client.services import StepUp

_PATH = "/v1/me/step-up"
_MORE_SECONDS = 15.0  # that an answer may take besides the time it was to wait


def ask(api: ApiClient, service: str, *, wait: float = 0.0) -> StepUp:
    """Return how it stands, as soon as there is a proof or after ``wait`` seconds."""
    params = {"service": service, "wait": wait}
    return StepUp.read(api.call("GET", _PATH, params=params, timeout=wait + _MORE_SECONDS))


def check_possible(api: ApiClient, service: str) -> None:
    """See that the person has a factor for it; raise what the CA says of how to get one."""
    api.post(_PATH, {"service": service})


def prove(api: ApiClient, service: str, answerer: Answerer) -> StepUp:
    """Give a fresh second factor, whether or not an older one counts still.

    Raises what the CA's errors name, and what the answerer raises.
    """
    begun = api.post(_PATH, {"service": service})
    reply = conversation.proceed(api, begun, answerer, path=f"{_PATH}/continue")
    return StepUp.read(reply)
