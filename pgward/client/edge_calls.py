"""What an edge asks the CA for sessions whose PostgreSQL it speaks: who logs in, and how it does.

Each function blocks, and takes whoever may `call` the CA: a `pgward.client.machine.Machine`. They
raise DeniedError and NotFoundError (the CA says no), TooManyRequestsError, UnavailableError (also
when an answer cannot be read).
"""

import hashlib
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pgward.client.certificates import NewCertificate
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import UnavailableError
from pgward.pki import csr, keys

_SELF = "/v1/edges/self"
MINTED_SECONDS = 300
"""How long a minted certificate lives where the service says nothing else."""


class Caller(Protocol):
    """Whoever asks the CA with a machine's certificate."""

    def call(self, method: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Send ``fields``, a GET's parameters or else a body, and return the answer."""
        ...


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who somebody is who came without a certificate.

    ``session`` is the id of the login session that all of it rests on, which ends at
    ``session_ends``; ``factors`` are what was proved in it, and ``device`` the id of its device.
    """

    user: str
    service: str
    session: str
    session_ends: datetime
    method: str
    factors: tuple[str, ...]
    device: str | None


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A token that lives: whose it is, and the verifier of its secret (RFC 5803's text).

    ``seen_lately``: the CA need not hear that it is used now (`token_used`).
    """

    id: str
    login: LoggedIn
    verifier: str = field(repr=False)
    expires_at: datetime
    seen_lately: bool = False


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """What rules may look at of a login; ``device`` is None where none is known."""

    email: str
    factors: tuple[str, ...]
    device: str | None
    device_approved: bool
    posture: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A secret; ``version`` is higher each time that it is rotated."""

    name: str
    version: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessPassword:
    """The password of a person's access role; each has another ``version``."""

    version: int
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MintedCertificate:
    """A certificate in a person's name for one login at PostgreSQL, and its key; both PEM.

    ``chain`` is the leaf and the CAs behind it, without the root; times are the CA's.
    """

    serial: str
    chain: bytes
    key_pem: bytes = field(repr=False)
    issued_at: datetime
    not_after: datetime


def tell_databases(machine: Caller, services: Mapping[str, str | None]) -> None:
    """Tell how the database of each service is: its problem, or None where it answers.

    NotFoundError: the CA is of a release that asks for none of it.
    """
    machine.call("POST", "/v1/edge/databases", {"services": dict(services)})


def redeem(
    machine: Caller, one_time: str, *, client: str | None, service: str | None = None
) -> LoggedIn:
    """Use a one-time password up; it counts once, whichever edge or replica is asked.

    ``client`` is the address that showed it, and guesses are counted by it; ``service`` is named
    where the client named one, by SNI say. DeniedError: unknown, used, expired, for another
    service, or its person may do so no more.
    """
    fields = {"otp_sha256": hashlib.sha256(one_time.encode()).hexdigest(), "client": client}
    if service is not None:
        fields["service"] = service
    reply = machine.call("POST", f"{_SELF}/otp/redeem", fields)
    with _reading():
        return _login(reply)


def token(machine: Caller, name: str, *, client: str | None) -> TokenFacts:
    """Return a token by its name (``tk-…``); DeniedError when there is none that counts here."""
    fields = {} if client is None else {"client": client}
    reply = machine.call("GET", f"{_SELF}/tokens/{name}", fields)
    with _reading():
        expires_at = parse_rfc3339(reply["expires_at"])
        # A CA that does not say so takes note by itself.
        seen = reply.get("seen_lately", True) is True
        return TokenFacts(name, _login(reply), str(reply["verifier"]), expires_at, seen)


def token_used(machine: Caller, name: str, *, client: str | None) -> None:
    """Tell that somebody proved to have a token's secret; its owner sees when and from where."""
    fields = {} if client is None else {"client": client}
    machine.call("POST", f"{_SELF}/tokens/{name}/uses", fields)


def over(
    machine: Caller, *, sessions: Sequence[str] = (), tokens: Sequence[str] = ()
) -> dict[str, str]:
    """Return which of these login sessions and tokens count no more, and why of each.

    To be asked whenever the configuration changed: what began with them ends.
    """
    fields = {"sessions": list(sessions), "tokens": list(tokens)}
    reply = machine.call("POST", f"{_SELF}/logins", fields)
    with _reading():
        return {str(name): str(why) for name, why in reply["over"].items()}


def login_facts(
    machine: Caller,
    *,
    service: str,
    user: str,
    session: str | None = None,
    serial: str | None = None,
) -> LoginFacts:
    """Return what is known of a person's login, by its login session or its certificate's serial.

    DeniedError: this edge does not serve the service to the person.
    """
    given = {"service": service, "user": user, "session": session, "serial": serial}
    asked = {name: value for name, value in given.items() if value is not None}
    reply = machine.call("GET", f"{_SELF}/login", asked)
    with _reading():
        device = reply["device"] or {}
        return LoginFacts(
            email=str(reply["email"]),
            factors=tuple(str(each) for each in reply["factors"]),
            device=device.get("id"),
            device_approved=device.get("approved") is True,
            posture=dict(device.get("posture") or {}),
        )


def secret(machine: Caller, name: str, *, refused: int | None = None) -> SecretValue:
    """Return a secret that a service refers to which this edge serves.

    Where PostgreSQL ``refused`` the version in use, it is the one that is on its way, if there is.
    """
    asked = {} if refused is None else {"refused": refused}
    reply = machine.call("GET", f"{_SELF}/secrets/{name}", asked)
    with _reading():
        value = b64decode(reply["value"], validate=True)
        return SecretValue(name, int(reply["version"]), value)


def access_password(
    machine: Caller,
    *,
    service: str,
    user: str,
    role: str,
    session: str | None = None,
    serial: str | None = None,
    refused: int | None = None,
) -> AccessPassword:
    """Get the password of a person's access role; ``session`` and ``serial`` are as for ``mint``.

    ``refused`` is the version of the one that PostgreSQL did not take. UnavailableError also while
    the server is being given another one.
    """
    fields: dict[str, Any] = {"service": service, "user": user, "role": role}
    given = {"session": session, "serial": serial, "refused": refused}
    fields |= {name: value for name, value in given.items() if value is not None}
    reply = machine.call("POST", f"{_SELF}/passwords", fields)
    with _reading():
        value = b64decode(reply["value"], validate=True)
        return AccessPassword(int(reply["version"]), value)


def mint(
    machine: Caller,
    *,
    service: str,
    user: str,
    role: str,
    session: str | None = None,
    serial: str | None = None,
    seconds: int = MINTED_SECONDS,
) -> MintedCertificate:
    """Get a certificate in the name of ``user`` for one login as ``role``, with a new key.

    ``session`` is the login session, or ``serial`` (lower-case hex) the login certificate that the
    person came with; without both, the newest login session of the person counts.
    """
    key = keys.generate()
    fields: dict[str, Any] = {
        "service": service,
        "user": user,
        "role": role,
        "csr": csr.make(key).decode("ascii"),
        "seconds": seconds,
    }
    given = {"session": session, "serial": serial}
    fields |= {name: value for name, value in given.items() if value is not None}
    reply = machine.call("POST", f"{_SELF}/certificates", fields)
    made = NewCertificate.read(reply, key)
    with _reading():
        issued_at = parse_rfc3339(reply["issued_at"])
    return MintedCertificate(made.serial, made.chain, made.key_pem, issued_at, made.not_after)


@contextmanager
def _reading() -> Iterator[None]:
    """Raise UnavailableError for an answer of another form; nothing of it is shown."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnavailableError(
            "the CA's answer cannot be read", hint="look at the CA's version"
        ) from None


def _login(reply: Mapping[str, Any]) -> LoggedIn:
    device = reply["device"]
    return LoggedIn(
        user=str(reply["user"]),
        service=str(reply["service"]),
        session=str(reply["session"]),
        session_ends=parse_rfc3339(reply["session_ends"]),
        method=str(reply["method"]),
        factors=tuple(str(each) for each in reply["factors"]),
        device=None if device is None else str(device),
    )
