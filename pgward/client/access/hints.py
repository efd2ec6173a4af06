"""What somebody hears who names a service that is theirs on request only."""

from collections.abc import Callable, Sequence

from pgward.client.access import offers
from pgward.client.access.offers import Offer
from pgward.core.errors import NotFoundError, PgwardError


def refusal(
    name: str, otherwise: NotFoundError, look: Callable[[], Sequence[Offer]]
) -> NotFoundError:
    """Return the error that says how to ask for a service, or ``otherwise``.

    That a service is there is told to who may ask for it, and to nobody else. ``look`` asks the
    CA; one that does not answer that is no other failure than the first.
    """
    try:
        found = [each for each in look() if each["service"] == name]
    except PgwardError:
        return otherwise
    if not found:
        return otherwise
    hint = f"pgward request {name} shows what you may ask for"
    if len({word for each in found for word in offers.choices(each)}) <= 1:
        hint = offers.command(name, found)
    return NotFoundError(f"you have no access to {name} now, and may ask for it", hint=hint)
