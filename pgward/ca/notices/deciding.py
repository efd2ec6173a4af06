"""Deciding at the page that a link leads to.

A link shows a request and changes nothing, however often a mail scanner looks at it. To decide, the
page posts its *form*, which is sealed, names the link and the request as it was shown, and has the
challenge that a passkey signs. So it takes the link, the page and the person; with links of kind
``mail``, which only e-mails have, the one whom the link was written to counts as the person.
"""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory
from pgward.ca.keys.sealing import SealError
from pgward.ca.login.desk import Desk
from pgward.ca.login.passkeys import credentials, options, site, verifying
from pgward.ca.login.passkeys.credentials import Passkey
from pgward.ca.login.passkeys.responses import Asserted
from pgward.ca.login.passkeys.verifying import WrongResponseError
from pgward.ca.login.passkeys.visits import Errand, Visit
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.login.rules import Admission, LoginRules
from pgward.ca.notices import links
from pgward.ca.notices.links import Link
from pgward.ca.notices.notice import Facts
from pgward.ca.store import Transaction
from pgward.ca.store.schema_notices import used_notice_links
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import ConflictError, DeniedError

ACTION: Final = "access.link"
PENDING: Final = "pending"
LIFETIME: Final = timedelta(minutes=10)
"""Of a form; the page is loaded anew after it."""
MAX_FORM: Final = 1024
_PURPOSE: Final = "access request form"
_PASSKEY: Final = "passkey"
_TERMINAL: Final = "decide in a terminal: pgward requests --to-decide"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is now; ``version`` grows with each decision.

    ``inside`` has for each of its bundles what that gives now, in lines for people.
    """

    id: str
    facts: Facts
    state: str
    version: int
    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def seen(self) -> str:
        """Return what stands for all that the page shows."""
        shown = [self.version, links.digest(self.id, self.facts), sorted(self.inside.items())]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


class Requests(Protocol):
    """The access requests of a store."""

    def get(self, connection: Connection, request_id: str) -> Asked:
        """Return a request; raise NotFoundError."""
        ...

    def decide(
        self,
        transaction: Transaction,
        asked: Asked,
        by: str,
        *,
        approve: bool,
        reason: str,
        now: datetime,
    ) -> str:
        """Note what a person decided; return the request's new state.

        Raises DeniedError for who may not decide, ConflictError when it is no longer ``asked``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows; ``options`` is what a browser is asked for, None without a passkey."""

    link: Link
    asked: Asked
    form: str
    options: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page posts."""

    form: str
    approve: bool
    reason: str
    credential: Asserted | None


@dataclass(frozen=True, slots=True)
class _Form:
    link_id: str
    seen: str
    challenge: str
    expires_at: datetime


class Deciding:
    """The page's side of links; everything blocks on the store."""

    def __init__(
        self, desk: Desk, rules: LoginRuleBook, requests: Requests, refusal: Callable[[], None]
    ) -> None:
        """``refusal`` counts one that is to be put on record, and raises when they are too many."""
        self._desk, self._rules, self._requests = desk, rules, requests
        self._refusal = refusal

    def show(self, sealed: str) -> Shown:
        """Return what a link is about; raise DeniedError, ConflictError, NotFoundError."""
        link, now = self._link(sealed), self._desk.now()
        with self._desk.store.read() as connection:
            asked = self._asked(connection, link)
            challenge = secrets.token_urlsafe(32)
            form = _Form(link.id, asked.seen, challenge, now + LIFETIME)
            offered = None
            if self._asks_passkey:
                allowed = self._allowed(connection, link)
                offered = options.to_get(self._site(), _visit(link, form), allowed)
        return Shown(link, asked, self._seal(form), offered)

    def _allowed(self, connection: Connection, link: Link) -> list[Passkey]:
        """Return which passkeys may answer, none for any; ConflictError for who has none."""
        if link.approver is None:
            return []
        found = credentials.of(connection, link.approver)
        if not found:
            raise ConflictError(
                "deciding here takes a passkey, and you have none",
                hint=f"pgward approve {link.request_id}, or add a passkey: pgward passkey add",
            )
        return found

    def decide(self, sealed: str, answer: Answer) -> str:
        """Take a decision; return the request's new state.

        Raises DeniedError, which is put on record, ConflictError, NotFoundError.
        """
        link = self._link(sealed)
        actor = link.approver or caller.UNKNOWN
        try:
            form = self._form(link, answer.form)
            with self._desk.store.read() as connection:  # cheap, and no lock for strangers
                actor, _ = self._who(connection, link, form, answer)
            with self._desk.store.write() as transaction:
                return self._decided(transaction, link, form, answer)
        except DeniedError as error:
            self._refusal()
            self._desk.acts.refused(actor, ACTION, link.request_id, error)
            raise

    def _decided(self, transaction: Transaction, link: Link, form: _Form, answer: Answer) -> str:
        connection, now = transaction.connection, self._desk.now()
        who, used = self._who(connection, link, form, answer)
        self._check_person(connection, who)
        asked = self._asked(connection, link)
        if asked.seen != form.seen:
            raise ConflictError(
                "somebody has decided meanwhile, or a bundle was changed",
                hint="load the page again",
            )
        _once(transaction, link, who, now)
        if used is not None:
            key, count = used
            credentials.used(
                transaction, key, sign_count=count.sign_count, backed_up=count.backed_up, now=now
            )
        caller.is_now(who)
        how = "mail" if used is None else _PASSKEY
        transaction.record(_event(who, asked.id, how, approve=answer.approve, now=now))
        return self._requests.decide(
            transaction, asked, who, approve=answer.approve, reason=answer.reason, now=now
        )

    def _who(
        self, connection: Connection, link: Link, form: _Form, answer: Answer
    ) -> tuple[str, tuple[str, verifying.Used] | None]:
        """Return who decides, and which passkey showed it."""
        if self._asks_passkey:
            return self._by_passkey(connection, link, form, answer)
        if link.approver is None:
            raise DeniedError("this link does not say who you are", hint=_TERMINAL)
        return link.approver, None

    def _by_passkey(
        self, connection: Connection, link: Link, form: _Form, answer: Answer
    ) -> tuple[str, tuple[str, verifying.Used]]:
        if answer.credential is None:
            raise DeniedError("deciding needs your passkey", hint=_TERMINAL)
        key = credentials.key_of(answer.credential.credential_id)
        passkey = credentials.find(connection, key)
        if passkey is None:
            raise _refused("the passkey is unknown")
        if link.approver not in (None, passkey.user):
            raise _refused(f"the link is {link.approver}'s, the passkey {passkey.user}'s")
        handle = credentials.handle_of(directory.get(connection, passkey.user))
        visit = _visit(link, form)
        try:
            used = verifying.assertion(self._site(), visit, answer.credential, passkey, handle)
        except WrongResponseError as error:
            raise _refused(error.message) from None
        return passkey.user, (key, used)

    def _check_person(self, connection: Connection, who: str) -> None:
        """Raise DeniedError for who could not log in, or not in a way that a page can see."""
        user = directory.find(connection, who)
        if user is None or user.blocked_at is not None or not user.is_valid(self._desk.now()):
            raise DeniedError("your account is blocked, has ended or was removed")
        why = _beyond(self._rules.of(connection, user), passkey=self._asks_passkey)
        if why is not None:
            raise DeniedError(f"the login rules that hold for you ask for {why}", hint=_TERMINAL)

    def _asked(self, connection: Connection, link: Link) -> Asked:
        """Return the request, if it waits and is what the message said."""
        asked = self._requests.get(connection, link.request_id)
        if asked.state != PENDING:
            raise ConflictError(f"this request does not wait any more: it is {asked.state}")
        if links.digest(asked.id, asked.facts) != link.digest:
            raise ConflictError("this request is not the one that you were told of", hint=_TERMINAL)
        return asked

    def _link(self, sealed: str) -> Link:
        return links.unseal(self._desk.sealer, sealed, now=self._desk.now())

    def _seal(self, form: _Form) -> str:
        state = [form.link_id, form.seen, form.challenge, rfc3339(form.expires_at)]
        sealed = self._desk.sealer.seal(_PURPOSE, json.dumps(state).encode())
        return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def _form(self, link: Link, sealed: str) -> _Form:
        try:
            data = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            state = json.loads(self._desk.sealer.open(_PURPOSE, data))
        except (SealError, ValueError):
            raise DeniedError("this page is not one of this authority's") from None
        link_id, seen, challenge, expires_at = state
        form = _Form(link_id, seen, challenge, parse_rfc3339(expires_at))
        if form.link_id != link.id:
            raise DeniedError("this page belongs to another link")
        if self._desk.now() >= form.expires_at:
            raise ConflictError("the page was open for too long", hint="load it again")
        return form

    @property
    def _asks_passkey(self) -> bool:
        return self._desk.settings.notify.links == _PASSKEY

    def _site(self) -> site.Site:
        return site.needed(self._desk.settings)


def _visit(link: Link, form: _Form) -> Visit:
    """Return what the parts that know passkeys go by; it never leaves as a visit."""
    return Visit(
        id=link.id,
        errand=Errand.CONFIRM,
        expires_at=form.expires_at,
        state="",
        challenge=form.challenge,
        code="",
        user=link.approver,
    )


def _beyond(rules: LoginRules, *, passkey: bool) -> str | None:
    """Return what rules ask for that a page cannot see, if anything."""
    if rules.methods is not None and not (passkey and _PASSKEY in rules.methods):
        return "another way to log in"
    if rules.second_factor and not passkey:
        return "a second factor"
    if rules.devices is not Admission.OPEN or rules.posture:
        return "a device that is known"
    return None


def _once(transaction: Transaction, link: Link, who: str, now: datetime) -> None:
    """Have a person decide with a link once; raise DeniedError when they did already."""
    used = hashlib.sha256(f"{link.id}\0{who}".encode()).hexdigest()
    row = {"id": used, "used_at": now, "expires_at": link.expires_at}
    try:
        transaction.execute(sa.insert(used_notice_links).values(row))
    except IntegrityError:
        raise DeniedError("this link was used already", hint=_TERMINAL) from None


def _event(who: str, request_id: str, how: str, *, approve: bool, now: datetime) -> AuditEvent:
    return AuditEvent.make(
        time=now,
        actor=who,
        action=ACTION,
        target=request_id,
        client=caller.client.get(),
        details={"by": how, "decision": "approve" if approve else "deny"},
    )


def _refused(why: str) -> RefusedError:
    return RefusedError(
        "the passkey was not accepted",
        why=why,
        hint=f"try another one, or {_TERMINAL}",
    )
