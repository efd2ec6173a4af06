"""The conversation with a directory, at whichever of its servers answers.

Whoever is refused gets the same answer, with about the same work, whether there is no such entry
or the password is wrong; the difference is for the audit log.
"""

import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import anyio

from pgward.ca.login.ldap import dn, entries
from pgward.ca.login.ldap.connection import Connection, Server, connected, refusal, words
from pgward.ca.login.ldap.entries import LdapGroup, LdapPerson
from pgward.ca.login.ldap.errors import (
    LdapError,
    LdapProtocolError,
    LdapRefusedError,
    LdapResultError,
    LdapUnavailableError,
)
from pgward.ca.login.ldap.filters import Filter
from pgward.ca.login.ldap.messages import Code, Entry, Result, Scope
from pgward.ca.resources import ldap_provider
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.core.clock import SystemClock

_T = TypeVar("_T")
_CLOCK = SystemClock()
_AVOID_SECONDS = 30.0
_ANY = Filter("(objectClass=*)").encode()
_MOST_NAME = 253
_MOST_PASSWORD = 1000
# What says of these credentials that they are no good (RFC 4511 appendix A.2): wrong, no such
# entry, none that can bind, locked, expired.
_NO_GOOD = {19, 32, 34, 48, 49, 50, 53}
# Active Directory says why in its diagnostic message.
_MICROSOFT = {
    "data 525": "there is no such entry",
    "data 52e": "the password is wrong",
    "data 530": "not at this hour",
    "data 532": "the password has expired",
    "data 533": "the account is disabled",
    "data 701": "the account has expired",
    "data 773": "the password must be changed first",
    "data 775": "the account is locked",
}


class LdapDirectory:
    """A directory as a resource describes it, with its service account's password."""

    def __init__(
        self,
        spec: LdapSpec,
        password: str | None,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime] = _CLOCK.now,
    ) -> None:
        self._spec = spec
        self._password = password
        self._monotonic = monotonic
        self._now = now
        self._servers = [ldap_provider.server(url) for url in spec.servers]
        self._failed_at: dict[Server, float] = {}
        self._context = tls_context(spec.ca)

    async def authenticate(self, user: str, password: str) -> LdapPerson:
        """Return who this is; raise LdapRefusedError, LdapUnavailableError or LdapError."""
        # Many servers take a bind without a password for an anonymous one, and say yes.
        if not password or len(password) > _MOST_PASSWORD or not _is_name(user):
            raise LdapRefusedError("the name or the password is empty, or cannot be one")

        async def prove(connection: Connection) -> LdapPerson:
            if self._spec.user_dn is not None:
                entry = await self._bound_directly(connection, user, password)
            else:
                entry = await self._found_and_bound(connection, user, password)
            return await self._person(connection, entry, user)

        return await self._at_a_server(prove)

    async def look_up(self, user: str) -> LdapPerson | None:
        """Return how the directory knows a person now, without their password; None if gone.

        Only a service account can; raises LdapError otherwise.
        """

        async def look(connection: Connection) -> LdapPerson | None:
            await self._serve(connection)
            entry = await self._entry(connection, user)
            return None if entry is None else await self._person(connection, entry, user)

        return await self._at_a_server(look)

    def can_confirm(self, subject: str) -> bool:
        """Tell whether ``confirm`` could find who this is."""
        return self._spec.asks_again and entries.id_value(subject, self._spec) is not None

    async def confirm(self, subject: str) -> LdapPerson | None:
        """Return how the directory knows the person of a subject now, whatever the name is.

        None when no entry has that id any more, or the one that has is none of ``userFilter``.
        Raises LdapRefusedError for who may not log in now, and LdapError for all that says
        nothing of the person.
        """
        id_ = entries.id_value(subject, self._spec)
        if not self._spec.asks_again or id_ is None:
            raise LdapError("this directory cannot be asked by an id", hint="pgward idp test")
        attribute, whose = self._spec.id_attribute, id_

        async def ask(connection: Connection) -> LdapPerson | None:
            await self._serve(connection)
            wanted = Filter(self._spec.user_filter, ("user",)).encode_for(attribute, whose)
            entry = await self._only(connection, wanted, f"{attribute} {subject!r}")
            if entry is None:
                await self._see_base(connection)
                return None
            entries.check_subject(entry, subject, self._spec)
            return await self._person(connection, entry, entries.name_of(entry, self._spec))

        return await self._at_a_server(ask)

    async def check(self) -> list[tuple[str, str | None]]:
        """Return each server, and what is wrong with it; the service account is tried, too."""
        found: list[tuple[str, str | None]] = []
        for server in self._servers:
            try:
                await self._at(server, self._try_out)
            except LdapError as error:
                found.append((str(server), error.message))
            else:
                found.append((str(server), None))
        return found

    async def _try_out(self, connection: Connection) -> None:
        if self._spec.bind_dn is not None:
            await self._serve(connection)
            await self._see_base(connection)

    async def has_ids(self) -> bool:
        """Tell whether the entry of ``userBase`` has an id, as all have where servers give them.

        Raises LdapError.
        """

        async def look(connection: Connection) -> bool:
            await self._serve(connection)
            base = await self._see_base(connection)
            return bool(base.attributes.get(self._spec.id_attribute.lower()))

        return await self._at_a_server(look)

    async def _at_a_server(self, work: Callable[[Connection], Awaitable[_T]]) -> _T:
        last: LdapError | None = None
        for server in self._in_order():
            try:
                return await self._at(server, work)
            except (LdapUnavailableError, LdapProtocolError) as error:
                self._failed_at[server] = self._monotonic()
                last = error
        raise LdapUnavailableError(
            f"no LDAP server could be asked: {last.message if last else 'there is none'}",
            hint="try again in a minute",
        )

    async def _at(self, server: Server, work: Callable[[Connection], Awaitable[_T]]) -> _T:
        seconds = self._spec.timeout_seconds
        try:
            with anyio.fail_after(2 * seconds):
                async with connected(server, self._context, seconds=seconds) as connection:
                    return await work(connection)
        except TimeoutError:
            raise LdapUnavailableError(
                f"{server} cannot be used: it took longer than {2 * seconds} s"
            ) from None

    def _in_order(self) -> list[Server]:
        """Return the servers, those that failed lately last."""
        soonest = self._monotonic() - _AVOID_SECONDS
        return sorted(
            self._servers, key=lambda server: self._failed_at.get(server, soonest) > soonest
        )

    async def _serve(self, connection: Connection) -> None:
        """Become the service account."""
        if self._spec.bind_dn is None:
            raise LdapError("this directory has no service account", hint="set bindDn")
        if not self._password:
            raise LdapError(
                f"the password of {self._spec.bind_dn} is not stored: pgward idp secret stores it"
            )
        result = await connection.bind(self._spec.bind_dn, self._password)
        if result.code != Code.SUCCESS:
            raise refusal(result, f"the service account {self._spec.bind_dn}")

    async def _found_and_bound(self, connection: Connection, user: str, password: str) -> Entry:
        await self._serve(connection)
        entry = await self._entry(connection, user)
        if entry is None:
            # As much work as for a wrong password; the name cannot be anybody's.
            await connection.bind(f"cn=nobody-{dn.escape(user)},{self._spec.user_base}", password)
            raise LdapRefusedError("the directory has no such entry")
        _accepted(await connection.bind(entry.dn, password))
        if self._spec.group_filter is not None:
            await self._serve(connection)
        return entry

    async def _bound_directly(self, connection: Connection, user: str, password: str) -> Entry:
        name = dn.fill(self._spec.user_dn or "", user=user)
        _accepted(await connection.bind(name, password))
        found = await self._search(connection, name, _ANY, scope=Scope.BASE)
        if len(found) != 1:
            raise LdapRefusedError(f"{name} may not read its own entry")
        return found[0]

    async def _entry(self, connection: Connection, user: str) -> Entry | None:
        if not _is_name(user):
            return None
        wanted = Filter(self._spec.user_filter, ("user",)).encode(user=user)
        try:
            return await self._only(connection, wanted, repr(user))
        except LdapResultError as error:
            if error.result == Code.SIZE_LIMIT:
                raise LdapRefusedError(error.message) from error
            raise

    async def _only(self, connection: Connection, wanted: bytes, what: str) -> Entry | None:
        """Return the one entry that a filter finds among people's, or None.

        Raises LdapResultError, with SIZE_LIMIT for several.
        """
        try:
            found = await self._search(connection, self._spec.user_base or "", wanted)
        except LdapResultError as error:
            if error.result == Code.SIZE_LIMIT:
                message = f"several entries are {what}"
                raise LdapResultError(message, result=error.result) from error
            raise
        if found and not found[0].dn:
            raise LdapProtocolError("the LDAP server sent an entry without a name")
        return found[0] if found else None

    async def _see_base(self, connection: Connection) -> Entry:
        """Raise LdapResultError where nobody could be found, as there is no leave to read."""
        base = self._spec.user_base or ""
        found = await self._search(connection, base, _ANY, scope=Scope.BASE)
        if not found:
            raise LdapResultError(
                f"the service account may not read {base}, so it finds nobody",
                result=Code.SUCCESS,
            )
        return found[0]

    async def _search(
        self,
        connection: Connection,
        base: str,
        wanted: bytes,
        *,
        scope: Scope = Scope.SUB,
    ) -> list[Entry]:
        return await connection.search(
            base,
            wanted,
            entries.attributes(self._spec),
            scope=scope,
            most=1,
            seconds=self._spec.timeout_seconds,
        )

    async def _person(self, connection: Connection, entry: Entry, user: str) -> LdapPerson:
        entries.check_active(entry, self._now())
        groups = {each.dn: each for each in entries.named_groups(entry, self._spec)}
        if self._spec.group_filter is not None:
            wanted = Filter(self._spec.group_filter, ("user", "dn"))
            groups |= await self._searched(connection, wanted, entry.dn, user)
        return entries.person(entry, groups.values(), self._spec)

    async def _searched(
        self, connection: Connection, wanted: Filter, member: str, user: str
    ) -> dict[str, LdapGroup]:
        """Return a person's groups, and the groups of those down to ``nestedLevels``."""
        found: dict[str, LdapGroup] = {}
        level = [member]
        for _ in range(1 + self._spec.nested_levels):
            seen = set(found)
            for each in level:
                listed = await connection.search(
                    self._spec.group_base or "",
                    wanted.encode(dn=each, user=user),
                    [self._spec.group_attribute],
                    most=entries.MOST_GROUPS,
                    seconds=self._spec.timeout_seconds,
                )
                found |= {g.dn: entries.found_group(g, self._spec) for g in listed}
            if len(found) > entries.MOST_GROUPS:
                raise LdapResultError(
                    f"{member} is in more than {entries.MOST_GROUPS} groups",
                    result=Code.SIZE_LIMIT,
                )
            level = [name for name in found if name not in seen]
        return found


def tls_context(ca: str | None) -> ssl.SSLContext:
    """Return how servers are checked: against ``ca`` (PEM), or what the system trusts."""
    context = ssl.create_default_context(cadata=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _accepted(result: Result) -> None:
    """Raise LdapRefusedError, or LdapResultError, unless a person's bind was accepted."""
    if result.code == Code.SUCCESS:
        return
    if result.code not in _NO_GOOD:
        raise refusal(result, "the login")
    said = words(result.diagnostic)
    known = next((why for data, why in _MICROSOFT.items() if f"{data}," in said), None)
    raise LdapRefusedError(known or f"the LDAP server said {result.code} {said}".strip())


def _is_name(user: str) -> bool:
    return 0 < len(user) <= _MOST_NAME and user.isprintable() and user == user.strip()
