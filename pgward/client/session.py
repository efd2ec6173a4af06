"""A person's login session on this machine, and the renewal of its certificate."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pgward.client import step_up, token_store
from pgward.client.api import ApiClient, PersonProver
from pgward.client.certificates import NewCertificate
from pgward.client.home import Home
from pgward.client.identity import PRIVATE, PUBLIC, IdentityPaths
from pgward.client.key_formats import key_files
from pgward.client.phrases import ago
from pgward.client.services import ServiceInfo
from pgward.client.token_store import TokenPlace
from pgward.client.trust import FILE as TRUST_FILE
from pgward.client.trust import Trust
from pgward.core.clock import Clock, SystemClock, parse_rfc3339, rfc3339
from pgward.core.errors import LoginNeededError, PgwardError
from pgward.pki import csr, keys
from pgward.system.files import StorageError, storage_errors

SESSION_FILE = "session.json"


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in, as the CA's directory has it."""

    name: str
    full_name: str
    groups: tuple[str, ...]
    administrator: bool

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Read the API's user."""
        return cls(
            name=str(value["name"]),
            full_name=str(value.get("full_name") or ""),
            groups=tuple(value.get("groups") or ()),
            administrator=bool(value.get("administrator")),
        )


@dataclass(frozen=True, slots=True)
class State:
    """What ``session.json`` of a generation holds, besides the trust beside it.

    ``login`` tells one login from the next; renewals keep it.
    """

    login: str
    user: User
    session_expires_at: datetime
    serial: str
    not_before: datetime
    not_after: datetime
    token: TokenPlace

    @classmethod
    def load(cls, generation: Path) -> Self:
        """Read it; raise LoginNeededError when it is damaged."""
        path = generation / SESSION_FILE
        with storage_errors(path, "read"):
            data = path.read_bytes()
        try:
            fields = json.loads(data)
            return cls(
                login=str(fields["login"]),
                user=User.read(fields["user"]),
                session_expires_at=parse_rfc3339(fields["session_expires_at"]),
                serial=fields["serial"],
                not_before=parse_rfc3339(fields["not_before"]),
                not_after=parse_rfc3339(fields["not_after"]),
                token=TokenPlace(fields["token"]["account"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise LoginNeededError(f"{path} is damaged") from error

    def to_json(self) -> bytes:
        """Write it."""
        fields = {
            "login": self.login,
            "user": {
                "name": self.user.name,
                "full_name": self.user.full_name,
                "groups": list(self.user.groups),
                "administrator": self.user.administrator,
            },
            "session_expires_at": rfc3339(self.session_expires_at),
            "serial": self.serial,
            "not_before": rfc3339(self.not_before),
            "not_after": rfc3339(self.not_after),
            "token": self.token.to_json(),
        }
        return json.dumps(fields, indent=2).encode() + b"\n"


def identity_files(
    state: State, certificate: NewCertificate, trust: Trust, token: str
) -> dict[str, tuple[bytes, int]]:
    """Return the files of one generation, which stands alone: its CA, session and token too."""
    files = {
        "login.crt": (certificate.chain, PUBLIC),
        "login.key": (certificate.key_pem, PRIVATE),
        **key_files(certificate),
        "ca.crt": (certificate.server_roots, PUBLIC),
        SESSION_FILE: (state.to_json(), PRIVATE),
        TRUST_FILE: (trust.to_json(), PRIVATE),
    }
    if state.token.in_file:
        files[token_store.FILE] = (token.encode(), PRIVATE)
    return files


def keep_trust(home: Home, before: Trust, now: Trust) -> None:
    """Have the next login know the roots that the CA has now, unless another CA was pinned."""
    if now == before:
        return
    try:
        pinned = Trust.load(home.directory)
    except PgwardError:
        return  # the next login asks for the fingerprint
    if pinned.ca_url == now.ca_url:
        now.save(home.directory)


class Session:
    """The login session in a home; ``open`` reads it, and raises LoginNeededError without one.

    Renewals by other processes are seen at ``ensure_certificate`` and ``reload``.
    """

    def __init__(self, home: Home, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._client: ApiClient | None = None
        self._client_lock = threading.RLock()  # reading the token may close the client
        self._generation = Path()
        self.state: State
        self.trust: Trust
        self.reload()
        self._reported = self._generation

    @classmethod
    def open(cls, home: Path, *, clock: Clock | None = None) -> Self:
        """Return the session in ``home``; raise LoginNeededError when it is none or over."""
        session = cls(Home(home), clock or SystemClock())
        session.check_alive()
        return session

    @property
    def user(self) -> User:
        """Who is logged in."""
        return self.state.user

    @property
    def paths(self) -> IdentityPaths:
        """Stable paths of certificate, key and CA bundle."""
        return self._home.paths

    @property
    def not_after(self) -> datetime:
        """When the present certificate ends."""
        return self.state.not_after

    @property
    def session_expires_at(self) -> datetime:
        """When the login session ends, and with it all renewals."""
        return self.state.session_expires_at

    def check_alive(self) -> None:
        """Raise LoginNeededError when the login session is over by this machine's clock."""
        now = self._clock.now()
        if self.state.session_expires_at <= now:
            over = ago(now - self.state.session_expires_at)
            raise LoginNeededError(f"your login session ended {over}")

    def reload(self) -> bool:
        """Read what is on disk now; tell whether it is another generation than before."""
        while True:
            active = self._home.generations.active()
            if active is None:
                raise LoginNeededError
            if active == self._generation:
                return False
            try:
                trust, state = Trust.load(active), State.load(active)
            except (StorageError, LoginNeededError):
                if self._home.generations.active() != active:
                    continue  # renewed, and tidied up, just between our looking and reading
                raise
            self._adopt(active, trust, state)
            return True

    def _adopt(self, generation: Path, trust: Trust, state: State) -> None:
        same_login = self._generation != Path() and (
            (self.trust, self.state.login) == (trust, state.login)
        )
        self._generation, self.trust, self.state = generation, trust, state
        if not same_login:
            self.close()

    def token(self) -> str:
        """Return the login token; raise KeyringError, or LoginNeededError for a damaged one."""
        self.reload()
        if self.state.token.account is not None:
            return token_store.fetch(self.state.token.account)
        path = self._generation / token_store.FILE
        with storage_errors(path, "read"):
            token = path.read_bytes().decode("ascii", "replace")
        if not token_store.well_formed(token):
            raise LoginNeededError(f"{path} is damaged")
        return token

    def api(self) -> ApiClient:
        """Return the client that speaks for this session; ``close`` closes it."""
        with self._client_lock:
            if self._client is None:
                prover = PersonProver(self._home.device_key(), self.token())
                self._client = ApiClient.of(self.trust, prover=prover, clock=self._clock)
            return self._client

    def close(self) -> None:
        """Close the connection to the CA, if there is one."""
        with self._client_lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def services(self) -> list[ServiceInfo]:
        """Return the services that this person may use."""
        return [ServiceInfo.read(each) for each in self.api().get("/v1/services")["services"]]

    def offers(self, service: str) -> list[dict[str, Any]]:
        """Return what this person may ask for at a service; nothing where there is none."""
        return list(self.api().get("/v1/access/offers", service=service)["offers"])

    def ended_grants(self, service: str) -> list[dict[str, Any]]:
        """Return what this person had at a service for a time and has no more, the newest first."""
        path = "/v1/access/grants"
        found = self.api().get(path, mine="true", service=service, state="ended", limit=20)
        grants: list[dict[str, Any]] = found["grants"]
        return sorted(grants, key=lambda each: each["ended_at"] or "", reverse=True)

    def stepped_up(self, service: str, wait: float) -> bool:
        """Tell whether a fresh second factor counts for a service, waiting so long for one."""
        return step_up.ask(self.api(), service, wait=wait).proved_until is not None

    def ensure_certificate(self, min_remaining: timedelta, *, refused: bool = False) -> bool:
        """See to a certificate that lives ``min_remaining`` longer, if the session does.

        One that somebody ``refused`` is replaced whatever is left of it. True when the
        certificate is another one than this object had: renewed here, or by another process.
        One process renews at a time, and the others take what it got. The margin is never above
        half the certificate's life, and a certificate that ends with the session stays. Raises
        LoginNeededError, DeniedError, UnavailableError, StorageError.
        """
        self.reload()
        self.check_alive()
        if self._wanted(min_remaining, refused):
            with self._home.lock():
                self.reload()
                self.check_alive()
                if self._wanted(min_remaining, refused):
                    self._renew()
        changed = self._generation != self._reported
        self._reported = self._generation
        return changed

    def _wanted(self, min_remaining: timedelta, refused: bool) -> bool:
        """Tell whether to renew; what another process got was not refused yet."""
        return self._due(min_remaining) or (refused and self._generation == self._reported)

    def _due(self, min_remaining: timedelta) -> bool:
        state = self.state
        if state.not_after >= state.session_expires_at:
            return False
        margin = min(min_remaining, (state.not_after - state.not_before) / 2)
        return state.not_after - self._clock.now() < margin

    def _renew(self) -> None:
        key, state = keys.generate(), self.state
        request = {"csr": csr.make(key).decode("ascii")}
        from pgward.client import posture  # noqa: PLC0415 - only a renewal needs it, and psutil

        posture.report(self.api())
        certificate = NewCertificate.read(self.api().post("/v1/certificates/login", request), key)
        renewed = replace(
            state,
            serial=certificate.serial,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
        )
        token = self.token() if state.token.in_file else ""
        trust = self.trust.renewed(certificate.server_roots)
        files = identity_files(renewed, certificate, trust, token)
        self._home.generations.install(files, self._clock.now())
        keep_trust(self._home, self.trust, trust)
        self.reload()
