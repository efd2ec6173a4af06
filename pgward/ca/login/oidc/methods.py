"""The login methods of OpenID providers: with a browser, and with a code typed elsewhere."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.http import networks
from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.ca.login import grounds
from pgward.ca.login.attempt import Ask, Attempt, Proven
from pgward.ca.login.desk import Desk
from pgward.ca.login.flows import LIFETIME
from pgward.ca.login.method import Offer
from pgward.ca.login.oidc import arrival
from pgward.ca.login.oidc.authorization import Begun
from pgward.ca.login.oidc.device_code import Waiting
from pgward.ca.login.oidc.providers import Known, Providers
from pgward.ca.login.oidc.relying_party import Identity
from pgward.core.errors import DeniedError, TooManyRequestsError

FACTOR = "oidc"
SECOND = "mfa"
"""A second factor that the provider vouches for."""
_MOST = 10_000  # devices that wait at the same time
# Each code costs the provider something, and anybody may ask for one.
_CODES = Rate(per_second=10 / 60, burst=10)
# Each wrong answer is a question to the provider, which may well shut out who asks too often: us.
_WRONG = Rate(per_second=1.0, burst=60)
_EARLY = 0.9  # clocks, and networks, are not exact


METHODS = frozenset({"oidc", "oidc-device"})


class _Oidc:
    """What both methods do once the provider has said who it is."""

    def __init__(self, desk: Desk, providers: Providers) -> None:
        self._desk = desk
        self._providers = providers

    async def _known(self, attempt: Attempt) -> Known:
        known = await run_sync(self._providers.get, attempt.provider)
        attempt.provider = known.name
        return known

    async def _proven(self, known: Known, identity: Identity) -> Proven:
        return await run_sync(self._arrived, known, identity)

    def _arrived(self, known: Known, identity: Identity) -> Proven:
        with self._desk.store.write() as transaction:
            user, details = arrival.arrive(
                transaction, known.name, known.spec, identity, now=self._desk.now()
            )
            rests_on = grounds.of_arrival(
                transaction.connection, user, known.name, identity.subject
            )
        refresh, second = identity.refresh_token, identity.second_factor
        if second is not None:
            details["second_factor"] = second
        return Proven(
            user.name,
            (FACTOR,) if second is None else (FACTOR, SECOND),
            tuple(rests_on),
            subject=identity.subject,
            sid=identity.sid,
            refresh=None if refresh is None else json.dumps({"token": refresh}),
            details={"subject": identity.subject, **details},
        )


class OidcMethod(_Oidc):
    """The authorization code flow: the person's browser goes to the provider and comes back."""

    kind = "oidc"

    def __init__(self, desk: Desk, providers: Providers) -> None:
        super().__init__(desk, providers)
        self._wrong = Buckets(_WRONG)

    def offers(self, connection: Connection) -> Iterable[Offer]:
        """Return an offer for each provider."""
        for each in self._providers.every(connection):
            ports = tuple(each.spec.get("redirectPorts", ()))
            title = each.description or each.name
            yield Offer(self.kind, each.name, title, ("redirect_uri",), ports)

    async def begin(self, attempt: Attempt) -> Proven | Ask:
        """Ask for a visit to the provider."""
        known = await self._known(attempt)
        url, begun = await known.party.begin(attempt.given.redirect_uri)
        return Ask("browser", {"url": url}, begun.to_state())

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> Proven | Ask:
        """Take what the browser brought back; members that we do not know are the provider's.

        An address with many wrong answers has to wait; right ones do not count.
        """
        known, address = await self._known(attempt), networks.key(caller.client.get())
        wait = self._wrong.wait(address, self._desk.monotonic())
        if wait:
            raise TooManyRequestsError(
                "too many failed logins from your address", retry_after=ceil(wait)
            )
        try:
            identity = await known.party.finish(Begun.from_state(attempt.memory), answer)
        except DeniedError:
            self._wrong.charge(address, self._desk.monotonic())
            raise
        return await self._proven(known, identity)


class OidcDeviceMethod(_Oidc):
    """Device codes: each poll of the client's is one of ours at the provider, never more."""

    kind = "oidc-device"

    def __init__(self, desk: Desk, providers: Providers) -> None:
        super().__init__(desk, providers)
        self._polled: OrderedDict[bytes, float] = OrderedDict()
        self._codes = Buckets(_CODES)

    def offers(self, connection: Connection) -> Iterable[Offer]:
        """Return an offer for each provider that does device codes."""
        for each in self._providers.every(connection):
            if each.spec.get("deviceCode", True):
                title = f"{each.description or each.name}, with a code"
                yield Offer(self.kind, each.name, title, ())

    async def _known(self, attempt: Attempt) -> Known:
        """Refuse codes where they are turned off: who phishes with them reads no list of offers."""
        known = await super()._known(attempt)
        if not known.spec.device_code:
            raise DeniedError(
                f"{known.name} lets nobody in with a code",
                hint="log in with a browser: pgward login",
            )
        return known

    async def begin(self, attempt: Attempt) -> Proven | Ask:
        """Ask for a code to be typed elsewhere."""
        self._count()
        known = await self._known(attempt)
        waiting = await known.party.begin_device()
        self._may_poll(waiting)  # the first interval begins now
        return self._ask(attempt, waiting)

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> Proven | Ask:
        """Ask the provider once, unless the client came too early."""
        del answer  # there is nothing to say: it asks whether the person has said yes
        waiting = Waiting.from_state(attempt.memory)
        if not self._may_poll(waiting):
            return self._ask(attempt, waiting)
        known = await self._known(attempt)
        found = await known.party.poll_device(waiting)
        if isinstance(found, Waiting):
            return self._ask(attempt, found)
        self._polled.pop(_name(waiting), None)
        return await self._proven(known, found)

    def _count(self) -> None:
        """Raise TooManyRequestsError for an address that asks for code after code."""
        wait = self._codes.take(networks.key(caller.client.get()), self._desk.monotonic())
        if wait:
            raise TooManyRequestsError(
                "too many codes were asked for from your address", retry_after=ceil(wait)
            )

    def _ask(self, attempt: Attempt, waiting: Waiting) -> Ask:
        facts = waiting.public(self._desk.now())
        left = (attempt.began_at + LIFETIME - self._desk.now()).total_seconds()
        facts["expires_in"] = max(0, min(facts["expires_in"], round(left)))
        if not facts["expires_in"]:
            raise DeniedError("the code has expired", hint="pgward login")
        return Ask("device_code", facts, waiting.to_state())

    def _may_poll(self, waiting: Waiting) -> bool:
        """Tell whether the interval has passed since the last time; remember this one."""
        name, now = _name(waiting), self._desk.monotonic()
        last = self._polled.get(name)
        if last is not None and now - last < waiting.interval * _EARLY:
            return False
        self._polled[name] = now
        self._polled.move_to_end(name)
        while len(self._polled) > _MOST:
            self._polled.popitem(last=False)
        return True


def _name(waiting: Waiting) -> bytes:
    return hashlib.sha256(waiting.device_code.encode()).digest()
