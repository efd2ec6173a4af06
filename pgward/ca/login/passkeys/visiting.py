"""What the page does for a browser on a visit: tells it what to ask, and takes the answer.

A login writes to the store once a passkey was really used: its counter, and that this visit had
its answer. A registration writes nothing: the new passkey travels in the voucher, and becomes one
when the device that began brings it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from pgward.ca import caller
from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory
from pgward.ca.limiting.throttle import BackOff
from pgward.ca.login import way_back
from pgward.ca.login.attempt import RefusedLoginError
from pgward.ca.login.desk import Desk
from pgward.ca.login.passkeys import credentials, options, site, verifying, visits, vouchers
from pgward.ca.login.passkeys.credentials import Passkey
from pgward.ca.login.passkeys.responses import Asserted, Made
from pgward.ca.login.passkeys.verifying import WrongResponseError
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.login.passkeys.vouchers import Voucher
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import used_flows
from pgward.core.errors import DeniedError

USE, REGISTER = "passkey.use", "passkey.register"
_AGAIN = "begin again in the terminal"
_FREE_GUESSES = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """A visit as the page shows it; ``options`` is None while the code has to be typed first."""

    visit: Visit
    options: dict[str, Any] | None


class Visits:
    """The page's side of passkeys; everything blocks on the store."""

    def __init__(self, desk: Desk, refusal: Callable[[], None]) -> None:
        """``refusal`` counts one that is to be put on record, and raises when they are too many."""
        self._desk = desk
        self._refusal = refusal
        self._guesses = BackOff(_FREE_GUESSES)

    def show(self, sealed: str) -> Shown:
        """Return what a visit is about; raise DeniedError when it is none."""
        visit = self._visit(sealed)
        if visit.errand is Errand.REGISTER:
            return Shown(visit, None)
        allowed: list[Passkey] = []
        if visit.user is not None:
            with self._desk.store.read() as connection:
                allowed = credentials.of(connection, visit.user)
        return Shown(visit, options.to_get(self._site(), visit, allowed))

    def creation(self, sealed: str, code: str) -> dict[str, Any]:
        """Return how to make a passkey, to who knows the code; raise DeniedError."""
        visit = self._registering(sealed, code)
        with self._desk.store.read() as connection:
            user = directory.get(connection, visit.user or "")
            present = credentials.of(connection, user.name)
        return options.to_create(self._site(), visit, user, present)

    def used(self, sealed: str, given: Asserted, redirect_uri: str | None = None) -> str:
        """Take the answer of an authenticator; return where the browser goes with the voucher.

        ``redirect_uri`` counts for a visit that names none.
        """
        visit = self._visit(sealed)
        back = way_back.checked(
            visit.redirect_uri or redirect_uri, way_back.own(self._desk.settings)
        )
        if visit.errand is Errand.REGISTER:
            raise DeniedError("this link is for adding a passkey", hint=_AGAIN)
        try:
            voucher = self._use(visit, given)
        except DeniedError as error:
            self._record(visit, USE, error)
            raise
        return self._back(back, visit, voucher)

    def made(self, sealed: str, code: str, given: Made) -> str:
        """Take a new passkey; return where the browser goes with the voucher."""
        visit = self._registering(sealed, code)
        try:
            new = verifying.registration(self._site(), visit, given)
        except WrongResponseError as error:
            refused = _refused(error.message, visit.user)
            self._record(visit, REGISTER, refused)
            raise refused from None
        voucher = vouchers.of_registration(visit, new, self._desk.now())
        return self._back(visit.redirect_uri, visit, voucher)

    def _use(self, visit: Visit, given: Asserted) -> Voucher:
        key = credentials.key_of(given.credential_id)
        with self._desk.store.read() as connection:
            self._verified(connection, visit, given, key)  # cheap, and no lock for strangers
        with self._desk.store.write() as transaction:
            passkey, used = self._verified(transaction.connection, visit, given, key)
            _once(transaction, visit)
            credentials.used(
                transaction,
                key,
                sign_count=used.sign_count,
                backed_up=used.backed_up,
                now=self._desk.now(),
            )
        return vouchers.of_use(visit, passkey.user, key, self._desk.now())

    def _verified(
        self, connection: Connection, visit: Visit, given: Asserted, key: str
    ) -> tuple[Passkey, verifying.Used]:
        passkey = credentials.find(connection, key)
        if passkey is None:
            raise _refused("the passkey is unknown", None)
        if visit.user not in (None, passkey.user):
            raise _refused(f"the passkey is not {visit.user}'s", None)
        user = directory.get(connection, passkey.user)
        handle = credentials.handle_of(user)
        try:
            used = verifying.assertion(self._site(), visit, given, passkey, handle)
        except WrongResponseError as error:
            raise _refused(error.message, passkey.user) from None
        return passkey, used

    def _visit(self, sealed: str) -> Visit:
        return visits.unseal(self._desk.sealer, sealed, now=self._desk.now())

    def _registering(self, sealed: str, code: str) -> Visit:
        """Return the visit if it registers a passkey and the code is right; guesses are few."""
        visit = self._visit(sealed)
        if visit.errand is not Errand.REGISTER:
            raise DeniedError("this link is for logging in", hint=_AGAIN)
        now = self._desk.monotonic()
        if self._guesses.wait(visit.id, now) > 0:
            raise DeniedError("too many wrong codes", hint=_AGAIN)
        if not visit.is_code(code):
            self._guesses.failed(visit.id, now)
            wrong = RefusedError(
                "this is not the code that the terminal shows",
                why="wrong code",
                hint="type the six letters and digits that pgward passkey add printed there",
            )
            self._record(visit, REGISTER, wrong)
            raise wrong
        return visit

    def _back(self, uri: str, visit: Visit, voucher: Voucher) -> str:
        code = vouchers.seal(self._desk.sealer, voucher)
        return way_back.with_query(uri, code=code, state=visit.state)

    def _record(self, visit: Visit, action: str, error: DeniedError) -> None:
        self._refusal()
        actor = error.actor if isinstance(error, RefusedLoginError) else visit.user
        details = {"errand": visit.errand.value, "device": visit.device}
        self._desk.acts.refused(actor or caller.UNKNOWN, action, None, error, details)

    def _site(self) -> site.Site:
        return site.needed(self._desk.settings)


def _once(transaction: Transaction, visit: Visit) -> None:
    """Have this visit lead to one voucher; raise DeniedError when it did already."""
    row = {"id": f"passkey-{visit.id}", "expires_at": visit.expires_at + timedelta(minutes=1)}
    try:
        transaction.execute(sa.insert(used_flows).values(row))
    except IntegrityError:
        raise DeniedError("this link was used already", hint=_AGAIN) from None


def _refused(why: str, actor: str | None) -> RefusedLoginError:
    return RefusedLoginError(
        "the passkey was not accepted",
        why=why,
        actor=actor,
        hint="try another passkey; an administrator finds the reason in the audit log",
    )
