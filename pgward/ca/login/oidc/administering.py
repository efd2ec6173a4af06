"""Adding, changing and removing identity providers, with all that hangs on one."""

from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.acts import Act
from pgward.ca.identity import external, provider_secrets, sessions
from pgward.ca.login import lockout
from pgward.ca.login.oidc.office import Office
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.ca.resources.oidc_provider import OidcSpec
from pgward.ca.resources.stored import Resource
from pgward.core.errors import ConflictError

KIND = "IdentityProvider"


def read(name: str, description: str, spec: dict[str, Any]) -> IdentityProvider:
    """Return a provider as it may be stored; raise FieldsError."""
    body = {
        "kind": KIND,
        "metadata": {"name": name, "description": description},
        "spec": spec,
    }
    wanted = kinds.read(KIND, body)
    assert isinstance(wanted, IdentityProvider)  # noqa: S101 - by its kind
    return wanted


def add(office: Office, wanted: IdentityProvider, secret: str | None, by: str) -> Resource:
    """Store a new provider and its secret; raise ConflictError when there is one already."""
    name, now = wanted.metadata.name, office.desk.now()
    with office.desk.acts.act(by, "identityprovider.apply", name) as act:
        transaction = act.transaction
        if resources.find(transaction.connection, KIND, name) is not None:
            raise ConflictError(
                f"there is an identity provider {name!r} already",
                hint=f"pgward idp remove {name}; or change it: pgward apply -f FILE",
            )
        found, change = resources.put(transaction, wanted, now=now, by=by)
        if secret is not None:
            provider_secrets.store(transaction, office.desk.sealer, name, secret, now=now, by=by)
        act.details |= {"change": change, "version": found.version, "spec": found.spec}
        act.details["secret"] = secret is not None
    return found


def set_secret(office: Office, name: str, secret: str, by: str) -> None:
    """Store another secret of a provider; raise NotFoundError."""
    now, sealer = office.desk.now(), office.desk.sealer
    with office.desk.acts.act(by, "identityprovider.secret", name) as act:
        resources.get(act.transaction.connection, KIND, name)
        provider_secrets.store(act.transaction, sealer, name, secret, now=now, by=by)


def check_change(connection: Connection, wanted: IdentityProvider) -> None:
    """Refuse what would make others of a provider's people, while there are any.

    A subject is a person's only together with who gives it: others could name anybody.
    """
    found = resources.find(connection, KIND, wanted.metadata.name)
    if found is None:
        return
    before = _givers(read(found.name, "", found.spec).spec)
    now = _givers(wanted.spec)
    changed = [name for name, value in now.items() if before.get(name) != value]
    if changed and external.links(connection, found.name):
        raise ConflictError(
            f"people are known by {found.name}'s {changed[0]}, which cannot change",
            hint="give the other one another name; or forget these people, with their logins:"
            f" pgward idp remove {found.name}",
        )


def _givers(spec: OidcSpec | LdapSpec) -> dict[str, object]:
    """Return what tells one person from another at a provider, to compare."""
    if isinstance(spec, OidcSpec):
        return {"type": spec.type, "issuer": spec.issuer}
    return {
        "type": spec.type,
        "idAttribute": spec.id_attribute.lower(),
        "userBase": spec.people_base,
    }


def forget(office: Office, act: Act, name: str) -> None:
    """Remove what hangs on a provider that is being removed: logins end, secrets go."""
    now = office.desk.now()
    transaction = act.transaction
    found = external.sessions_of(transaction.connection, name, now=now)
    revoked = 0
    for user, ids in found.items():
        for each in ids:
            sessions.end(transaction, "the identity provider was removed", now=now, session_id=each)
        revoked += len(office.revoker.end_sessions(transaction, user, ids, now=now))
    people = external.unlink_all(transaction, name)
    provider_secrets.remove(transaction, name)
    act.details |= {"sessions": sum(map(len, found.values())), "revoked": revoked}
    act.details["unlinked"] = len(people)


def remove(office: Office, name: str, by: str) -> dict[str, Any]:
    """Remove a provider; return what went with it. Raises NotFoundError."""
    now = office.desk.now()
    with (
        office.desk.acts.act(by, "identityprovider.delete", name) as act,
        lockout.guarded(act.transaction),
    ):
        resources.delete(act.transaction, KIND, name, now=now, by=by)
        forget(office, act, name)
    return act.details


def link(office: Office, name: str, subject: str, user: str, by: str) -> external.Link:
    """Say who a subject is; raise NotFoundError, ConflictError."""
    now = office.desk.now()
    with office.desk.acts.act(by, "identityprovider.link", name) as act:
        resources.get(act.transaction.connection, KIND, name)
        made = external.link(act.transaction, name, subject, user, now=now, by=by)
        act.details |= {"user": made.user, "subject": subject}
    return made


def unlink(office: Office, name: str, user: str, by: str) -> int:
    """Forget who somebody is there, and end the logins that the provider vouched for."""
    now = office.desk.now()
    with office.desk.acts.act(by, "identityprovider.unlink", name) as act:
        connection = act.transaction.connection
        resources.get(connection, KIND, name)
        with lockout.guarded(act.transaction):
            owner = external.unlink(act.transaction, name, user)
        ids = external.sessions_of(connection, name, now=now, user=owner).get(owner, [])
        for each in ids:
            sessions.end(act.transaction, "unlinked", now=now, session_id=each)
        serials = office.revoker.end_sessions(act.transaction, owner, ids, now=now) if ids else []
        act.details |= {"user": owner, "sessions": len(ids), "revoked": len(serials)}
    return len(serials)
