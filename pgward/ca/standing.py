"""How things stand: every generation of the CAs, and the keys of those that sign here.

The store says which generations there are and what each is for; a replica's own directory has
the keys. A rotation changes the store, and each replica loads anew.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography import x509
from sqlalchemy.engine import Connection

from pgward.ca import hierarchy
from pgward.ca.generations import ROOTS, Generation, Generations, State
from pgward.ca.hierarchy import Hierarchies
from pgward.ca.issuing.issuer import IssuingCa
from pgward.ca.keys.signer import Signer
from pgward.ca.records import CaName
from pgward.ca.store import Store
from pgward.ca.store import authorities as stored
from pgward.core.clock import Clock
from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError

_log = logging.getLogger(__name__)


class Keys(Protocol):
    """Where this replica's keys are."""

    def reference(self, ca: str) -> str:
        """Return where the key of a CA is that was made with the directory."""
        ...

    def load(self, where: str) -> Signer:
        """Return what signs with the key at a reference; raise PgwardError."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """The generations, and the signers of the issuing CAs by id."""

    generations: Generations
    signers: Mapping[str, Signer] = field(repr=False)

    @classmethod
    def of(cls, hierarchies: Hierarchies) -> "Standing":
        """Return how it stands with one generation of each CA."""
        made, signers = [], {}
        for each in (hierarchies.user, hierarchies.server):
            root = ROOTS[CaName(each.issuing.name)]
            made += [
                _first(root, root, each.root),
                _first(each.issuing.name, CaName(each.issuing.name), each.issuing.certificate),
            ]
            signers[str(each.issuing.name)] = each.issuing.signer
        return cls(Generations.of(made), signers)

    def issuing(self, role: CaName) -> IssuingCa:
        """Return who issues in a role; raise UnavailableError when its key is not here."""
        return self.ca(self.generations.current(role))

    def ca(self, generation: Generation) -> IssuingCa:
        """Return a CA that can sign; raise UnavailableError when its key is not here."""
        signer = self.signers.get(generation.id)
        if signer is None:
            raise UnavailableError(
                f"this replica has no key of {generation.id}",
                hint=f"copy {generation.key} here from the CA's directory",
            )
        root = self.generations.issuer_of(generation)
        return IssuingCa(generation.id, generation.certificate, signer, root.cross)

    def with_lists(self, now: datetime) -> list[IssuingCa]:
        """Return the issuing CAs whose CRLs can be signed here."""
        return [
            self.ca(each)
            for each in self.generations.with_lists(now)
            if not each.is_root and each.id in self.signers
        ]

    def missing(self) -> list[str]:
        """Return the trusted issuing CAs whose keys are not here."""
        trusted = self.generations.trusted_ids(*ROOTS)
        return [name for name in trusted if name not in self.signers]


class Loader:
    """Reads how things stand; keys that were loaded once stay loaded."""

    def __init__(self, store: Store, keys: Keys, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._signers: dict[str, Signer] = {}
        self._told: dict[str, str] = {}

    def first(self, directory: Path) -> Standing:
        """Return how things stand at the start; a key that is needed to issue must be here.

        A store from before there were generations takes those of the directory's files. Raises
        NotFoundError, InvalidInputError, and what loading a key raises.
        """
        adopt_files(self._store, directory, self._keys)
        with self._store.read() as connection:
            generations = stored.read(connection)
        for role in ROOTS:
            self._load(generations.current(role))
        return self()

    def __call__(self) -> Standing:
        """Return how things stand now; a missing key is told once, and not loaded."""
        with self._store.read() as connection:
            generations = stored.read(connection)
        for each in generations.with_lists(self._clock.now()):
            if each.is_root or each.id in self._signers:
                continue
            try:
                self._load(each)
            except PgwardError as error:
                if self._told.get(each.id) != error.message:
                    _log.warning("the key of %s cannot be used: %s", each.id, error.message)
                self._told[each.id] = error.message
        return Standing(generations, dict(self._signers))

    def _load(self, generation: Generation) -> None:
        signer = self._keys.load(generation.key)
        if signer.public_key != generation.certificate.public_key():
            raise InvalidInputError(
                f"it is not the key of the certificate {generation.id}",
                where=generation.key,
                hint="the directory is another CA's than the store, or one of the two was replaced:"
                " restore both from one backup, or name another database",
            )
        self._signers[generation.id] = signer


def adopt_files(store: Store, directory: Path, keys: Keys) -> None:
    """Store the CAs of the directory's files as the first generations, where there are none."""
    with store.read() as connection:
        if stored.read(connection).all:
            return
    found = {role: hierarchy.certificate(directory, role) for role in CaName}
    for role, root in ROOTS.items():
        hierarchy.check_issued(found[role], found[root], role, root)
    with store.read() as connection:
        _check_same(connection, found, directory)
    with store.write() as transaction:
        if stored.read(transaction.connection).all:
            return  # another replica was faster
        stored.add(
            transaction,
            [_first(role, role, found[role], keys.reference(role)) for role in CaName],
        )


def _check_same(
    connection: Connection, found: Mapping[CaName, x509.Certificate], directory: Path
) -> None:
    """Raise InvalidInputError when the store has begun with other CAs: it is not this CA's."""
    for role, certificate in found.items():
        known = stored.recorded(connection, role)
        if known and certificate not in known:
            raise InvalidInputError(
                f"its CAs are not those of the store: {role} is another one",
                where=str(directory),
                hint="serve a copy of the directory that the store was made with, or name the"
                " database of this one",
            )


def _first(name: str, role: CaName, certificate: x509.Certificate, key: str = "") -> Generation:
    return Generation(
        id=str(name),
        role=role,
        state=State.CURRENT,
        certificate=certificate,
        cross=(),
        key=key,
        created_at=certificate.not_valid_before_utc,
    )


Reload = Callable[[], Standing]
