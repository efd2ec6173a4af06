"""Which paths to try, from what is known of a server: pure.

Over each address: all that must not get in as the role of the proof, and what must; then other
roles, databases and persons with what is certain to be right, and with nothing at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgward.hba.decide.loading import Loaded
from pgward.hba.login.outcome import Encryption
from pgward.hba.login.shown import Shown
from pgward.hba.prove.listening import Place
from pgward.hba.prove.proofs import Proof
from pgward.hba.syntax.addresses import Network

OWN, OTHER = "its own role", "another role"
MOST_ROLES, MOST_DATABASES = 12, 5
_FIRST_DIRECT = 17
_BAD = tuple(each for each in Proof if each is not Proof.VALID)
_KEYWORDS = frozenset({"all", "sameuser", "samerole", "samegroup", "replication"})


@dataclass(frozen=True, slots=True)
class Path:
    """One way to try; ``password`` is True for the right one, False for a wrong one.

    ``relayed`` is the right one as somebody between would pass it on, over a TLS of his own.

    ``kind`` says what is special about what is shown, and is None for a person's and for nothing;
    ``database`` is None for physical replication; ``called`` is how the role is shown.
    """

    place: Place
    encryption: Encryption
    what: str
    role: str
    called: str
    database: str | None
    shown: Shown | None = field(default=None, repr=False)
    kind: Proof | None = None
    password: bool | None = None
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class Untried:
    """What cannot be tried from here, and why."""

    what: str
    why: str
    called: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Subjects:
    """As whom, to what, and with what."""

    own: str
    other: str
    named: Sequence[str]
    databases: Sequence[str]
    shown: Mapping[Proof, Shown]
    persons: Sequence[Shown] = ()
    mapped: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """For a person's name, the roles that the map has for it."""


def every(version: int, places: Sequence[Place], subjects: Subjects) -> Iterator[Path]:
    """Yield all paths, address by address."""
    for place in places:
        made = _At(place, subjects)
        if place.client is None:
            yield from made.local()
        else:
            yield from made.refused(version)
            yield from made.right(version)
            yield from made.others()
            yield from made.persons()


class _At:
    """The paths over one address."""

    def __init__(self, place: Place, subjects: Subjects) -> None:
        self._place = place
        self._all = subjects
        self._database = subjects.databases[0]

    def local(self) -> Iterator[Path]:
        for database in (self._database, None):
            yield self._own("no certificate", Encryption.NONE, database=database)

    def refused(self, version: int) -> Iterator[Path]:
        valid = self._all.shown[Proof.VALID]
        yield self._own("no certificate", Encryption.NONE)
        yield self._own("no certificate", Encryption.TLS)
        if version >= _FIRST_DIRECT:
            yield self._own("no certificate", Encryption.DIRECT)
        for kind in _BAD:
            if kind in self._all.shown:
                yield self._own(f"certificate: {kind}", Encryption.TLS, kind)
        for old in (Encryption.TLS_1_0, Encryption.TLS_1_1):
            yield self._own("valid certificate", old, Proof.VALID)
        yield Path(
            *(self._place, Encryption.TLS, "valid certificate"),
            *(self._all.other, OTHER, self._database),
            shown=valid,
            kind=Proof.VALID,
            password=True,
        )

    def right(self, version: int) -> Iterator[Path]:
        yield self._own("valid certificate", Encryption.TLS, Proof.VALID)
        if version >= _FIRST_DIRECT:
            yield self._own("valid certificate", Encryption.DIRECT, Proof.VALID)
        what = "valid certificate, wrong password"
        yield self._own(what, Encryption.TLS, Proof.VALID, password=False)
        what = "valid certificate, relayed password"
        yield replace(self._own(what, Encryption.TLS, Proof.VALID), relayed=True)
        for database in (*self._all.databases[1:], None):
            yield self._own("no certificate", Encryption.NONE, database=database)
            yield self._own("no certificate", Encryption.TLS, database=database)
            yield self._own("valid certificate", Encryption.TLS, Proof.VALID, database=database)

    def others(self) -> Iterator[Path]:
        for role in self._all.named:
            yield self._as(role, "no certificate", Encryption.NONE)
            yield self._as(role, "no certificate", Encryption.TLS)
            yield self._as(role, "valid certificate", Encryption.TLS, Proof.VALID)

    def persons(self) -> Iterator[Path]:
        for person in self._all.persons:
            what = f"certificate of {person.name}"
            wanted = dict.fromkeys([*self._all.mapped.get(person.name, ()), *self._all.named])
            for role in wanted:
                yield Path(
                    *(self._place, Encryption.TLS, what, role, role, self._database), shown=person
                )
            yield Path(
                *(self._place, Encryption.TLS, what, self._all.other, OTHER, self._database),
                shown=person,
                password=True,
            )

    def _own(
        self,
        what: str,
        encryption: Encryption,
        kind: Proof | None = None,
        *,
        database: str | None = "",
        password: bool = True,
    ) -> Path:
        return Path(
            *(self._place, encryption, what, self._all.own, OWN),
            self._database if database == "" else database,
            shown=None if kind is None else self._all.shown[kind],
            kind=kind,
            password=password,
        )

    def _as(self, role: str, what: str, encryption: Encryption, kind: Proof | None = None) -> Path:
        shown = None if kind is None else self._all.shown[kind]
        return Path(
            self._place, encryption, what, role, role, self._database, shown=shown, kind=kind
        )


def named_roles(loaded: Loaded, logins: frozenset[str], superusers: frozenset[str]) -> list[str]:
    """Return roles that exist and may log in: superusers, those in the files, and some others."""
    words = [token.text for rule in loaded.server.rules for token in rule.roles]
    words += [mapping.role.text for mapping in loaded.server.mappings]
    ordered = dict.fromkeys([*sorted(superusers), *words, *sorted(logins)])
    return [role for role in ordered if role in logins][:MOST_ROLES]


def databases(loaded: Loaded, own: str, first: Sequence[str]) -> list[str]:
    """Return databases to try: one that ``first``, the plan's words, means, then those named."""
    plain = [each for each in first if each not in _KEYWORDS]
    begin = "postgres" if "all" in first or not first else (plain or [own])[0]
    words = [
        token.text
        for rule in loaded.server.rules
        for token in rule.databases
        if token.text not in _KEYWORDS and not token.text.startswith("/")
    ]
    return list(dict.fromkeys([begin, *words]))[:MOST_DATABASES]


def untried(
    loaded: Loaded, places: Sequence[Place], subjects: Subjects, member_of: frozenset[str]
) -> Iterator[Untried]:
    """Yield what the files speak of and what cannot be tried here, each thing once."""
    found: dict[Untried, None] = {}
    for rule in loaded.server.rules:
        address = rule.address
        if isinstance(address, Network) and not any(
            each.client is not None and address.holds(each.client) for each in places
        ):
            why = "no address of this host is in it; ask pgward hba explain"
            found[Untried(f"from {address!s}", why, where=str(address))] = None
        for token in rule.roles:
            group = token.text.removeprefix("+")
            if token.text != group and not token.quoted and group not in member_of:
                found[Untried(f"as a member of {group}", "needs --members", f"+{group}")] = None
    persons = {each.name for each in subjects.persons}
    for mapping in loaded.server.mappings:
        system = mapping.system.text
        if not system.startswith("/") and system not in persons:
            why = f"no certificate for {system}: --login"
            found[Untried(f"certificate of {system}", why, mapping.role.text)] = None
    yield from found
