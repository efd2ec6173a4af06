"""What an ID token says of how somebody logged in: when, and with a second factor or not. Pure.

Only claims that the provider signed count, never those of its userinfo, and only values that the
provider's spec names (RFC 8176 lists usual ones for ``amr``; ``acr`` is each provider's own).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pgward.ca.login.oidc.errors import NotFreshError, UntrustedError
from pgward.ca.login.oidc.id_token import LEEWAY_SECONDS, time_of
from pgward.ca.resources.oidc_provider import SecondFactor


def second_factor(claims: Mapping[str, Any], wanted: SecondFactor | None) -> str | None:
    """Return what says that there was a second factor, as ``amr=otp``; None when nothing does.

    An ``amr`` that is no list of texts (Core section 2) says nothing.
    """
    if wanted is None:
        return None
    methods, context = claims.get("amr"), claims.get("acr")
    if isinstance(methods, list) and all(isinstance(each, str) for each in methods):
        found = next((each for each in wanted.amr if each in methods), None)
        if found is not None:
            return f"amr={found}"
    return f"acr={context}" if isinstance(context, str) and context in wanted.acr else None


def check_fresh(
    claims: Mapping[str, Any], *, since: datetime, now: datetime, acr: Collection[str] = ()
) -> None:
    """Raise NotFreshError unless the login was after ``since``, and of one of the ``acr``.

    Clocks may differ by a minute (Core sections 3.1.2.1 and 3.1.3.7).
    """
    when = time_of(claims, "auth_time", what="ID token")
    if when is None:
        raise NotFreshError("it does not say when you logged in (auth_time)")
    if when < since.timestamp() - LEEWAY_SECONDS:
        ago = now.timestamp() - when
        raise NotFreshError(f"you logged in there {ago:.0f} s ago, and not for this")
    if when > now.timestamp() + LEEWAY_SECONDS:
        ahead = when - now.timestamp()
        raise UntrustedError(f"you log in there only in {ahead:.0f} s: one of the clocks is wrong")
    if acr and claims.get("acr") not in acr:
        raise NotFreshError(f"not in a way that was asked for (acr: {', '.join(acr)})")
