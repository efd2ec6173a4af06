"""From an identity at a provider to a person of the directory, in one transaction.

Known is who logged in before, or was linked by an administrator. A name alone proves nothing: at
many providers people choose it, so it takes over nobody's account, an administrator's never.
"""

from datetime import datetime
from typing import Any

from pgward.ca.identity import directory, external
from pgward.ca.identity.directory import ADMINISTRATORS, NewUser, User
from pgward.ca.login import lockout
from pgward.ca.login.attempt import RefusedLoginError
from pgward.ca.login.oidc.relying_party import Identity
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.ca.resources.oidc_provider import OidcSpec
from pgward.ca.store import Transaction


def arrive(
    transaction: Transaction,
    provider: str,
    spec: OidcSpec | LdapSpec,
    identity: Identity,
    *,
    now: datetime,
) -> tuple[User, dict[str, Any]]:
    """Return who it is, with the groups as the provider says; and what is worth recording.

    Raises RefusedLoginError for somebody whom nobody here knows.
    """
    known = external.find(transaction.connection, provider, identity.subject)
    details: dict[str, Any] = {}
    if known is not None:
        name = known.user
    else:
        name, details = _newcomer(transaction, provider, spec, identity, now=now)
        external.link(
            transaction, provider, identity.subject, name, now=now, by=f"provider {provider}"
        )
    external.logged_in(transaction, provider, identity.subject, now)
    if identity.person.groups is not None:
        details |= follow(transaction, provider, name, identity.person.groups)
    return directory.get(transaction.connection, name), details


def follow(
    transaction: Transaction, provider: str, user: str, groups: frozenset[str]
) -> dict[str, Any]:
    """Give a person the groups that the provider says; return what changed.

    ``groups_kept`` is administrators, while nobody else could administer.
    """
    come, gone = external.change_groups(
        transaction, provider, user, groups, is_locked_out=lockout.is_locked_out
    )
    given = external.given_groups(transaction.connection, provider, user)
    kept = sorted(given & {ADMINISTRATORS} - groups)
    changes = {"groups_added": come, "groups_removed": gone, "groups_kept": kept}
    return {name: change for name, change in changes.items() if change}


def _newcomer(
    transaction: Transaction,
    provider: str,
    spec: OidcSpec | LdapSpec,
    identity: Identity,
    *,
    now: datetime,
) -> tuple[str, dict[str, Any]]:
    person = identity.person
    existing = directory.find(transaction.connection, person.name)
    if existing is None:
        if not spec.create_users:
            raise _unknown(provider, identity, "there is no such user")
        new = NewUser(person.name, person.full_name, person.email)
        made = directory.add(transaction, new, now=now, by=f"provider {provider}")
        return made.name, {"created": made.name}
    if not spec.link_existing:
        raise _unknown(provider, identity, "the name is a user's who is not linked")
    if existing.administrator:
        raise _unknown(provider, identity, "the name is an administrator's, who is not linked")
    if external.links(transaction.connection, provider, user=existing.name):
        raise _unknown(provider, identity, "the name is a user's who is linked to somebody else")
    return existing.name, {"linked": existing.name}


def _unknown(provider: str, identity: Identity, why: str) -> RefusedLoginError:
    name, subject = identity.person.name, identity.subject
    return RefusedLoginError(
        f"the identity provider knows you as {name!r}, but nobody here was told who that is",
        why=f"{why}: {name!r}, subject {subject!r} of {provider}",
        hint=f"an administrator runs: pgward idp link {provider} USER {_quoted(subject)}",
    )


def _quoted(subject: str) -> str:
    """Return a subject as a shell takes it."""
    is_plain = all(each.isalnum() or each in "_-.:@/" for each in subject)
    return subject if is_plain else "'" + subject.replace("'", "'\\''") + "'"
