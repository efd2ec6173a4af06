"""What somebody may ask for, and whether what they want to ask for is among it. Pure.

The CA decides; this only finds out what a person meant, or forgot, before it is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from pgward.access.rights import ObjectRights
from pgward.client.access import objects, words
from pgward.core.errors import InvalidInputError, NotFoundError

Offer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to ask for; without ``seconds`` the flow's own duration counts."""

    service: str
    bundles: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    privileges: tuple[ObjectRights, ...] = ()
    seconds: int | None = None
    reason: str = ""
    flow: str | None = None
    break_glass: bool = False

    @property
    def is_named(self) -> bool:
        """Whether it says what it is for."""
        return bool(self.bundles or self.roles or self.privileges)

    def to_json(self) -> dict[str, Any]:
        """Return it as the CA takes it."""
        return {
            "service": self.service,
            "flow": self.flow,
            "bundles": list(self.bundles),
            "roles": list(self.roles),
            "privileges": [each.to_json() for each in self.privileges],
            "seconds": self.seconds,
            "reason": self.reason,
            "break_glass": self.break_glass,
        }


def fitting(wish: Wish, offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers under which a wish may be asked for.

    Raises NotFoundError when nothing is offered, InvalidInputError for a flow, bundle or role that
    is not, with the nearest that is.
    """
    found = [each for each in offers if each["service"] == wish.service]
    if not found:
        raise NotFoundError(
            f"there is nothing at {wish.service!r} that you may ask for",
            hint="pgward request shows all that you may ask for",
        )
    if wish.flow is not None:
        found = _having("flow", (wish.flow,), found, lambda each: {each["flow"]})
    found = _having("bundle", wish.bundles, found, bundles)
    found = _having("role", wish.roles, found, lambda each: set(each["roles"]))
    usable = [each for each in found if _is_for(each, wish)]
    if not usable and wish.break_glass:
        raise InvalidInputError(
            f"nobody lets you break the glass at {wish.service}",
            hint=f"pgward request {wish.service} shows what you may ask for",
        )
    if not usable:
        raise InvalidInputError(
            f"you may break the glass for that at {wish.service}, and not ask for it",
            hint="--break-glass, in an emergency",
        )
    return usable


def _is_for(offer: Offer, wish: Wish) -> bool:
    """Tell whether an offer is for those who break the glass, or for those who do not."""
    return bool(offer["break_glass_seconds"]) if wish.break_glass else not is_emergency(offer)


def is_emergency(offer: Offer) -> bool:
    """Tell whether it is there for breaking the glass only; an older CA does not say."""
    return bool(offer.get("only_break_glass"))


def completed(wish: Wish, offers: Sequence[Offer]) -> Wish:
    """Return a wish that says what it is for: where there is but one thing, it is that.

    Raises InvalidInputError, which lists what there is.
    """
    if wish.is_named or any(is_entry(each) for each in offers):
        return wish
    every = sorted({choice for each in offers for choice in choices(each)})
    only = {name for each in offers for name in bundles(each)}
    if len(every) == 1 and len(only) == 1:
        return replace(wish, bundles=tuple(only))
    raise InvalidInputError(
        f"say what you need at {wish.service}", hint="\n".join(["one or several of", *every])
    )


def wants_reason(wish: Wish, offers: Sequence[Offer]) -> bool:
    """Tell whether no reason is given, and each offer asks for one."""
    return not wish.reason and (wish.break_glass or all(asks_reason(each) for each in offers))


def with_reason(wish: Wish, reason: str) -> Wish:
    """Return the wish with a reason; raise InvalidInputError for an empty one."""
    if not reason.strip():
        raise InvalidInputError("a reason is needed", hint="--reason 'TEXT'")
    return replace(wish, reason=reason.strip())


def asks_reason(offer: Offer) -> bool:
    """Tell whether an offer asks for a reason."""
    return offer["reason"] == "required" or bool(offer.get("reason_matches"))


def is_entry(offer: Offer) -> bool:
    """Tell whether it is for coming into a service at all, and nothing is chosen."""
    return not (offer["bundles"] or offer["roles"] or offer["privileges"])


def bundles(offer: Offer) -> set[str]:
    """Return the names of the bundles of an offer."""
    return {each["name"] for each in offer["bundles"]}


def choices(offer: Offer, *, whole: bool = False) -> list[str]:
    """Return what may be asked for, as the options of `pgward request` say it.

    ``whole`` is with what is in the bundles.
    """
    return [
        *(
            f"--bundle {each['name']}{words.inside(each) if whole else ''}"
            for each in offer["bundles"]
        ),
        *(f"--role {name}" for name in sorted(offer["roles"])),
        *(f"--on '{objects.told(each)}'" for each in offer["privileges"]),
    ]


def span(seconds: int) -> str:
    """Return a number of seconds as ``--for`` takes it: ``90s``, ``30m``, ``2h`` or ``7d``."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def command(service: str, offers: Sequence[Offer]) -> str:
    """Return a command that asks for something that is offered at a service."""
    asked = [each for each in offers if not is_emergency(each)]
    shown = asked or offers
    named = [] if any(is_entry(each) for each in shown) else choices(shown[0])[:1]
    seconds = min(int(each["default_seconds"]) for each in shown)
    why = ["--reason 'TEXT'"] if all(map(asks_reason, shown)) or not asked else []
    glass = [] if asked else ["--break-glass"]
    return " ".join(["pgward request", service, *named, "--for", span(seconds), *why, *glass])


def _having(what: str, names: Sequence[str], offers: list[Offer], of: Any) -> list[Offer]:
    """Return the offers with all of these names; raise InvalidInputError."""
    known = sorted({name for each in offers for name in of(each)})
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            lists = f"there are {', '.join(known)}" if known else "there is none at all"
            raise InvalidInputError(
                f"there is no {what} {name!r} that you may ask for",
                hint=f"did you mean {near[0]}?" if near else lists,
            )
    found = [each for each in offers if of(each).issuperset(names)]
    if not found:
        raise InvalidInputError(
            f"no flow has all of {', '.join(names)}", hint="make several requests"
        )
    return found
