"""``pgward ca init``: a CA directory appears whole, or not at all."""

import secrets
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import hierarchy
from pgward.ca.ceremony import init_store, requests
from pgward.ca.ceremony import transcript as ceremony
from pgward.ca.ceremony.building import move_into_place, refuse_existing, sibling, storage
from pgward.ca.ceremony.init_keys import (
    PASSPHRASE_FILE,
    NewKeys,
    Offline,
    Secrets,
    needs_passphrase,
)
from pgward.ca.ceremony.requests import NewRequest
from pgward.ca.hierarchy import NewHierarchy
from pgward.ca.identity.passwords import Passwords
from pgward.ca.keys import sealing
from pgward.ca.log import key as log_key
from pgward.ca.records import CaName
from pgward.ca.settings import FILE, STORE_FILE, Settings
from pgward.ca.store import create
from pgward.core import names
from pgward.core.clock import Clock, rfc3339
from pgward.core.errors import InvalidInputError
from pgward.pki import fingerprint
from pgward.system import files

PASSWORD_FILE = "initial-admin-password"  # noqa: S105 - a file's name
TRANSCRIPT_FILE = "ceremony.txt"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to create; a passphrase or password that is None is generated and kept in a file.

    ``circumstances`` are facts for the transcript: who, where, with which version.
    """

    settings: Settings
    administrator: str
    password: str | None
    passphrase: bytes | None
    pin: bytes | None = None
    offline: Offline | None = None
    subordinate: bool = False
    circumstances: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """What a person needs to know afterwards; a subordinate CA has no fingerprint yet."""

    directory: Path
    url: str
    fingerprint: str
    administrator: str
    password_file: Path | None
    passphrase_file: Path | None
    transcript_sha256: str
    root_keys: Path | None = None
    requests: Path | None = None


def create_ca(directory: Path, plan: Plan, clock: Clock) -> Made:
    """Create the CA.

    Raises ConflictError (something is there), StorageError, InvalidInputError, and what a token
    or a helper program raises.
    """
    names.new_identity(plan.administrator)
    if plan.settings.store.url:
        raise InvalidInputError("a new CA starts with the SQLite store in its directory")
    target = directory.absolute()
    refuse_existing(target)
    offline = _offline_target(target, plan)
    password = plan.password or secrets.token_urlsafe(15)
    password_hash = Passwords().hash(password)
    with storage(target), ExitStack() as stack:
        building, lock = stack.enter_context(sibling(target))
        aside = stack.enter_context(sibling(offline)) if offline else None
        places = _Places(building, aside[0] if aside else None, target, offline)
        made = _Making(places, plan, clock)
        with made.keys.taken_back_on_failure():
            fingerprint_, seal = made.fill(password_hash)
            if plan.password is None:
                files.atomic_write(building / PASSWORD_FILE, f"{password}\n".encode())
            if offline and aside:
                move_into_place(aside[0], offline, aside[1])
            try:
                move_into_place(building, target, lock)
            except BaseException:  # Ctrl-C as well: no CA would know these keys
                if offline:
                    shutil.rmtree(offline, ignore_errors=True)
                raise
    generated = plan.passphrase is None and needs_passphrase(plan.settings.keys)
    return Made(
        directory=target,
        url=plan.settings.ca.url,
        fingerprint=fingerprint_,
        administrator=plan.administrator,
        password_file=target / PASSWORD_FILE if plan.password is None else None,
        passphrase_file=target / PASSPHRASE_FILE if generated else None,
        transcript_sha256=seal,
        root_keys=offline,
        requests=target / requests.REQUESTS if plan.subordinate else None,
    )


def _offline_target(target: Path, plan: Plan) -> Path | None:
    if plan.offline is None:
        return None
    if plan.subordinate:
        raise InvalidInputError("a subordinate CA has no root of its own to keep offline")
    offline = plan.offline.directory.absolute()
    if offline.is_relative_to(target) or target.is_relative_to(offline):
        raise InvalidInputError(
            "the roots' keys must not go into the CA's directory",
            hint="name a directory on a medium that can be locked away",
        )
    refuse_existing(offline)
    return offline


@dataclass(frozen=True, slots=True)
class _Places:
    """Where things are made, and where they will be."""

    building: Path
    aside: Path | None
    target: Path
    offline: Path | None

    def files(self) -> tuple[tuple[str, str], ...]:
        """Return what the transcript lists, each by its place: ``ca/…`` and ``offline/…``."""
        found = [("ca", self.building, each) for each in ("certs", "keys", requests.REQUESTS)]
        listed = [
            (f"{place}/{path.relative_to(top)}", path.read_bytes())
            for place, top, each in found
            for path in (top / each).glob("*")
        ]
        listed.append((f"ca/{FILE}", (self.building / FILE).read_bytes()))
        if self.aside is not None:
            listed += [(f"offline/{each.name}", each.read_bytes()) for each in self.aside.iterdir()]
        return ceremony.digests(listed)


class _Making:
    """One run: the keys, the CAs or their requests, the store, the settings, the transcript."""

    def __init__(self, places: _Places, plan: Plan, clock: Clock) -> None:
        self._places = places
        self._plan = plan
        self._clock = clock
        offline = (places.aside, plan.offline.passphrase) if places.aside and plan.offline else None
        given = Secrets(plan.passphrase, plan.pin)
        self.keys = NewKeys(places.building, plan.settings.keys, given, offline)
        self._own: list[NewHierarchy] = []
        self._requests: list[NewRequest] = []

    def fill(self, password_hash: str) -> tuple[str, str]:
        """Write everything; return the fingerprint of the server root, and the seal."""
        building, plan = self._places.building, self._plan
        if plan.subordinate:
            self._ask()
        else:
            self._make_hierarchies()
        log_key.create(building, self.keys)
        store = create(f"sqlite:///{building / STORE_FILE}")
        try:
            init_store.fill(store, self._own, plan.administrator, password_hash, self._clock)
            # Now, so that every copy of the directory has it: replicas share what they seal.
            sealing.open_sealer(building, store, self._clock.now())
        finally:
            store.close()
        settings = replace(plan.settings, keys=self.keys.settings())
        files.atomic_write(building / FILE, settings.dump().encode())
        root = fingerprint.of(self._own[-1].root.certificate) if self._own else ""
        return root, self._write_transcript()

    def _make_hierarchies(self) -> None:
        now, name = self._clock.now(), self._plan.settings.ca.name
        pairs = (
            (CaName.USER_ROOT, CaName.USER_ISSUING),
            (CaName.SERVER_ROOT, CaName.SERVER_ISSUING),
        )
        for root, issuing in pairs:
            self._own.append(hierarchy.create(name, root, issuing, now, self.keys.make))
        made = [ca for each in self._own for ca in (each.root, each.issuing)]
        hierarchy.write(self._places.building, made)
        if self._places.aside is not None:
            for each in self._own:
                pem = each.root.certificate.public_bytes(Encoding.PEM)
                files.atomic_write(self._places.aside / f"{each.root.name}.crt", pem, mode=0o644)

    def _ask(self) -> None:
        name = self._plan.settings.ca.name
        for ca in (CaName.USER_ISSUING, CaName.SERVER_ISSUING):
            made = requests.make(name, ca, self.keys.make(ca))
            where = requests.path(self._places.building, ca)
            where.parent.mkdir(mode=0o755, exist_ok=True)
            files.atomic_write(where, made.request.public_bytes(Encoding.PEM), mode=0o644)
            self._requests.append(made)

    def _write_transcript(self) -> str:
        text = ceremony.write(
            ceremony.Transcript(self._facts(), self._entries(), self._places.files())
        ).encode()
        for place in filter(None, (self._places.building, self._places.aside)):
            files.atomic_write(place / TRANSCRIPT_FILE, text)
        return ceremony.sealed_by(text)

    def _entries(self) -> tuple[ceremony.Entry, ...]:
        own = [ca for each in self._own for ca in (each.root, each.issuing)]
        where = self.keys.where
        return (
            *(ceremony.Entry(ca.name, where(ca.name), ca.certificate) for ca in own),
            *(ceremony.Entry(each.name, where(each.name), each.request) for each in self._requests),
        )

    def _facts(self) -> tuple[tuple[str, str], ...]:
        keys = self._plan.settings.keys
        roots = "offline" if self._places.offline else keys.place
        return (
            ("what", "a certificate authority was created"),
            ("when", rfc3339(self._clock.now())),
            *self._plan.circumstances,
            ("name", self._plan.settings.ca.name),
            ("directory", str(self._places.target)),
            ("key type", keys.type),
            ("key type of server CAs", keys.server_type or keys.type),
            ("keys go to", keys.place),
            ("keys of roots go to", "the company" if self._plan.subordinate else roots),
            ("directory of the roots' keys", str(self._places.offline or "none")),
        )
