"""Whether administrators could still log in under the login rules: someone must, to mend them."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.engine import Connection

from pgward.ca.identity import devices, directory, posture
from pgward.ca.identity.devices import Device, DeviceState
from pgward.ca.identity.directory import User
from pgward.ca.login import rule_book
from pgward.ca.login.rules import Admission, LoginRules
from pgward.ca.resources import stored as resources
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import webauthn_credentials
from pgward.core.errors import ConflictError


@contextmanager
def guarded(transaction: Transaction, *, override: str = "") -> Iterator[None]:
    """Raise ConflictError where what is done inside leaves no administrator who could log in.

    ``override`` tells how to do it all the same. What was so before may stay so.
    """
    before = of_administrators(transaction.connection)
    yield
    locked = of_administrators(transaction.connection)
    if locked and not before:
        reasons = ", ".join(f"{name} ({why})" for name, why in locked.items())
        raise ConflictError(
            f"no administrator could log in then: {reasons}{override}",
            hint="make it possible for one of them first",
        )


def is_locked_out(connection: Connection) -> bool:
    """Tell whether there is no administrator who could log in."""
    return bool(of_administrators(connection))


def of_administrators(connection: Connection) -> dict[str, str]:
    """Return why each administrator could not log in, if none of them could; else nothing.

    What is not known here, like what an identity provider says, is taken for good.
    """
    found = {}
    rules_of = rule_book.written(connection)
    for user in directory.administrators(connection):
        if user.blocked_at is not None:
            continue
        why = _hindrance(connection, user, rules_of(user))
        if why is None:
            return {}
        found[user.name] = why
    return found


def _hindrance(connection: Connection, user: User, rules: LoginRules) -> str | None:
    if rules.methods is not None and rules.methods.isdisjoint(_methods(connection, user)):
        return "none of the allowed methods is set up"
    approved = [
        each for each in devices.of(connection, user.name) if each.state is DeviceState.APPROVED
    ]
    if rules.devices is not Admission.OPEN and not approved:
        return "no device is approved"
    if rules.posture and not any(_fits(rules, each) for each in approved):
        return "no device reported what is required"
    return None


def _methods(connection: Connection, user: User) -> set[str]:
    found = set()
    if directory.password_hash(connection, user.name) is not None:
        found.add("password")
    mine = webauthn_credentials.c.user_name == user.name
    if connection.execute(select(webauthn_credentials.c.id).where(mine).limit(1)).first():
        found.add("passkey")
    kinds = {each.spec.get("type") for each in resources.every(connection, "IdentityProvider")}
    if "ldap" in kinds:
        found.add("ldap")
    if "oidc" in kinds:
        found |= {"oidc", "oidc-device"}
    return found


def _fits(rules: LoginRules, device: Device) -> bool:
    return not any(posture.problems(each, device.posture) for each in rules.posture)
