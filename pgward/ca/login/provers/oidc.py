"""A fresh login at the identity provider that knows this person, in the browser.

It counts as ``oidc``, which is worth a password typed again; and as ``mfa`` where the provider
says, as its spec wants it said, that it asked for a second factor.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from anyio.to_thread import run_sync
from pydantic import Field

from pgward.ca.acts import RefusedError
from pgward.ca.identity import external
from pgward.ca.identity.external import Link
from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.ca.login import answers, grounds
from pgward.ca.login.attempt import Ask, Attempt
from pgward.ca.login.desk import Desk
from pgward.ca.login.oidc.authorization import Begun
from pgward.ca.login.oidc.methods import FACTOR, SECOND
from pgward.ca.login.oidc.providers import Known, Providers
from pgward.ca.resources.kinds import BY_PROVIDER
from pgward.core.errors import DeniedError, TooManyRequestsError

# Each wrong answer is a question to the provider.
_WRONG = Rate(per_second=0.1, burst=20)
_ACCEPTED, _BEGUN = "accepted", "begun"
_MAX_URI = 200


class WayBack(answers.Answer):
    """Where the browser is to come back to."""

    redirect_uri: str = Field(max_length=_MAX_URI)


class OidcProver:
    """Asks ``redirect`` (where does somebody listen?), then ``browser``.

    Only at the second is a port open, and that at one which the provider accepts.
    """

    kind = "oidc"

    def __init__(self, desk: Desk, providers: Providers) -> None:
        self._desk = desk
        self._providers = providers
        self._wrong = Buckets(_WRONG)

    async def begin(self, attempt: Attempt, accepted: frozenset[str]) -> Ask | None:
        """Ask whoever is known at a provider, first at that of the login session."""
        wanted = accepted & BY_PROVIDER
        known = await run_sync(self._provider_of, attempt, wanted) if wanted else None
        if known is None:
            return None
        attempt.provider = known.name
        facts = {"provider": known.name, "redirect_ports": known.spec.redirect_ports}
        return Ask("redirect", facts, {_ACCEPTED: sorted(wanted)})

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> str | Ask:
        """Send the browser to the provider, and judge what it brings back."""
        known = await run_sync(self._providers.get, attempt.provider)
        memory = attempt.memory
        if _BEGUN not in memory:
            uri = answers.read(WayBack, answer).redirect_uri
            url, begun = await known.party.begin_anew(uri)
            return Ask("browser", {"url": url}, {**memory, _BEGUN: begun.to_state()})
        now = self._desk.monotonic()
        wait = self._wrong.wait(attempt.actor, now)
        if wait:
            raise TooManyRequestsError("too many failed step-ups", retry_after=ceil(wait))
        try:
            return await self._judge(known, attempt, answer)
        except DeniedError:
            self._wrong.charge(attempt.actor, now)
            raise

    async def _judge(self, known: Known, attempt: Attempt, answer: Mapping[str, Any]) -> str:
        begun, accepted = Begun.from_state(attempt.memory[_BEGUN]), attempt.memory[_ACCEPTED]
        anew = await known.party.finish_anew(begun, answer, since=attempt.began_at)
        link = await run_sync(self._link, known.name, anew.subject)
        if link is None or link.user != attempt.actor:
            owner = "nobody here" if link is None else link.user
            raise RefusedError(
                f"that was somebody else's login at {known.name}",
                why=f"subject {anew.subject!r} of {known.name} is {owner}",
                hint="log in there as yourself; another account may have to be logged out first",
            )
        attempt.grounds.append(grounds.link(link))
        if anew.second_factor is not None and SECOND in accepted:
            return SECOND
        if FACTOR in accepted:
            return FACTOR
        raise RefusedError(
            f"{known.name} did not say that it asked you for a second factor",
            why=f"neither amr nor acr of {known.name} tells of a second factor",
            hint="an administrator can look at secondFactor and stepUpAcr of the identity provider",
        )

    def _provider_of(self, attempt: Attempt, wanted: frozenset[str]) -> Known | None:
        user = attempt.actor
        with self._desk.store.read() as connection:
            linked = [
                each.name
                for each in self._providers.every(connection)
                if external.links(connection, each.name, user=user)
            ]
        linked.sort(key=lambda name: name != attempt.provider)
        for name in linked:
            known = self._providers.get(name)
            if FACTOR in wanted or known.spec.second_factor is not None:
                return known
        return None

    def _link(self, provider: str, subject: str) -> Link | None:
        with self._desk.store.read() as connection:
            return external.find(connection, provider, subject)
