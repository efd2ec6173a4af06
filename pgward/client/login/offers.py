"""Which of the ways to log in that the CA offers is taken."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pgward.client.api import ApiClient
from pgward.core.errors import InvalidInputError, NotFoundError

DEVICE_CODE = "oidc-device"
_BROWSER = "redirect_uri"


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to log in; ``needs`` are the fields of the first request."""

    method: str
    provider: str | None
    title: str
    needs: tuple[str, ...]
    redirect_ports: tuple[int, ...] = ()

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Read the API's method."""
        return cls(
            method=str(value["method"]),
            provider=value.get("provider"),
            title=str(value.get("title") or value["method"]),
            needs=tuple(value.get("needs") or ()),
            redirect_ports=tuple(value.get("redirect_ports") or ()),
        )

    @property
    def by_browser(self) -> bool:
        """Whether a browser on this machine is needed."""
        return _BROWSER in self.needs

    @property
    def name(self) -> str:
        """How a person writes it."""
        return self.method if self.provider is None else f"{self.method} --provider {self.provider}"


_PASSWORD = Offer("password", None, "Password", ("user", "password"))


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person said; ``password`` and ``user`` when one was given by an option."""

    method: str | None = None
    provider: str | None = None
    password: bool = False
    user: bool = False
    browser: bool = True


def fetch(client: ApiClient) -> list[Offer]:
    """Ask the CA what it offers; an older CA knows passwords only."""
    try:
        return [Offer.read(each) for each in client.get("/v1/login")["methods"]]
    except NotFoundError:
        return [_PASSWORD]


def choose(
    offers: Sequence[Offer],
    wish: Wish,
    last: tuple[str | None, str | None],
    *,
    can_browse: Callable[[], bool] | None = None,
) -> Offer:
    """Return the way that is taken: what was wished, else the last one, else the first.

    Who gave a user's name wants a way that takes one, if there is any. Where no browser can be
    seen, a device code takes the place of one. NotFoundError names what there is.
    """
    found = [each for each in offers if _fits(each, wish)]
    if not found:
        known = "; ".join(f"--method {each.name}" for each in offers)
        raise NotFoundError("the authority has no such way to log in", hint=f"there is: {known}")
    if wish.user and wish.method is None:
        found = [each for each in found if "user" in each.needs] or found
    chosen = next((each for each in found if (each.method, each.provider) == last), found[0])
    if wish.method is None and chosen.by_browser:
        seen = wish.browser and (can_browse or browser_here)()
        by_code = [
            each
            for each in offers
            if each.method == DEVICE_CODE and each.provider == chosen.provider
        ]
        if not seen and by_code:
            return by_code[0]
    return chosen


def _fits(offer: Offer, wish: Wish) -> bool:
    return (
        wish.method in (None, offer.method)
        and wish.provider in (None, offer.provider)
        and (not wish.password or "password" in offer.needs)
    )


def browser_here() -> bool:
    """Tell whether a browser that is opened here would be seen by the person."""
    if "SSH_CONNECTION" in os.environ:
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    shown = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return any(os.environ.get(name) for name in shown)


def wanted_fields(offer: Offer, known: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Return the fields that an offer needs; raise InvalidInputError for one we do not know."""
    strange = set(offer.needs) - set(known)
    if strange:
        raise InvalidInputError(
            f"this pgward cannot log in by {offer.title}: it needs {', '.join(sorted(strange))}",
            hint="upgrade pgward, or choose another --method",
        )
    return {name: known[name]() for name in offer.needs}
