"""Who asks: the signature, address and nonce of a request (RFC 8555 sections 6.2 to 6.5).

A nonce is used up last, so that nobody without a key makes the store write.
"""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pgward.ca import caller
from pgward.ca.acme import accounts, jws, nonces
from pgward.ca.acme.accounts import Account
from pgward.ca.acme.documents import PREFIX
from pgward.ca.acme.exchange import Request
from pgward.ca.acme.jwk import AccountKey
from pgward.ca.acme.jws import SignedMessage
from pgward.ca.acme.master import Master
from pgward.ca.acme.problems import AcmeError, malformed, rate_limited, unauthorized
from pgward.ca.acme.states import Account as State
from pgward.ca.limiting import limits
from pgward.ca.limiting.buckets import Buckets
from pgward.ca.limiting.throttle import LoginThrottle
from pgward.ca.store import Store
from pgward.core.clock import Clock
from pgward.core.errors import DeniedError

_ACCOUNT = re.compile(rf"{PREFIX}/account/([0-9a-f]{{32}})")
_KNOWN_KEY = "acme key"  # what strangers' attempts count for, beside their address
_RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Verified:
    """A request that was signed by ``key``, which is that of ``account`` if there is one."""

    message: SignedMessage
    key: AccountKey
    account: Account | None

    @property
    def owner(self) -> Account:
        """The account; raise AcmeError when a bare key asks."""
        if self.account is None:
            raise malformed("this needs kid, the address of an account")
        return self.account

    def payload(self) -> dict[str, Any]:
        """Return the payload as an object."""
        return self.message.json()

    def require_empty(self) -> None:
        """See that it is a POST-as-GET."""
        if not self.message.is_empty:
            raise malformed("this is only read: the payload must be empty (POST-as-GET)")


class Authenticator:
    """Verifies requests."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        master: Master,
        *,
        per_second: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``per_second`` is how often an account may ask; 0 is without limit."""
        self._store = store
        self._clock = clock
        self._nonce_key = master.nonce_key
        self._throttle = LoginThrottle()
        self._accounts = Buckets(limits.per_second(per_second))
        self._monotonic = monotonic

    def new_nonce(self) -> str:
        """Return a nonce."""
        return nonces.make(self._nonce_key, self._clock.now())

    def verify(self, request: Request) -> Verified:
        """Return who asks; raise AcmeError."""
        if request.content_type.partition(";")[0].strip().lower() != "application/jose+json":
            raise malformed("the content type is not application/jose+json", status=415)
        message = jws.parse(request.body)
        if message.url != request.url:
            raise unauthorized("the request was signed for another url")
        nonce = message.nonce or ""
        ends = nonces.check(self._nonce_key, nonce, self._clock.now())
        account = None if message.kid is None else self._account(message.kid)
        key = account.key if account else message.key
        if key is None:
            raise malformed("there is no key")
        if account is None:
            self._slow_down()
        key.verify(message.algorithm, message.signed, message.signature)
        if account is not None:
            self._count(account)
        nonces.use(self._store, nonce, ends)
        return Verified(message, key, account)

    def welcome(self) -> None:
        """Say that a bare key was right to ask: its attempt was none."""
        self._throttle.succeeded(caller.client.get(), _KNOWN_KEY)

    def _account(self, kid: str) -> Account:
        try:
            parts = urlsplit(kid)
        except ValueError as error:
            raise malformed("kid is not an address") from error
        match = _ACCOUNT.fullmatch(parts.path)
        if match is None or parts.scheme != "https" or parts.query or parts.fragment:
            raise malformed("kid is not the address of an account")
        with self._store.read() as connection:
            found = accounts.find(connection, match[1])
        if found is None:
            raise AcmeError("accountDoesNotExist", "there is no such account")
        if found.status is not State.VALID:
            raise unauthorized(f"the account is {found.status}")
        return found

    def _count(self, account: Account) -> None:
        """Count a request of an account; raise AcmeError: each writes, if only its nonce."""
        wait = self._accounts.take(account.id, self._monotonic())
        if wait > 0:
            raise rate_limited("too many requests of this account", math.ceil(wait))

    def _slow_down(self) -> None:
        """Count a stranger's attempt; raise AcmeError when it comes too soon."""
        try:
            self._throttle.begin(caller.client.get(), _KNOWN_KEY, self._monotonic(), anyone=True)
        except DeniedError as error:
            raise rate_limited(f"{error.message}; {error.hint}", _RETRY_SECONDS) from error
