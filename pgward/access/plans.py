"""A plan: what leads from a server's facts to what is wanted, in the order in which it is done."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Self

from pgward.access.marks import Mark
from pgward.access.quoting import literal

Phase = Literal["disable", "end", "revoke", "interrupt", "reassign", "drop", "create", "grant"]
TAKING: Final[tuple[Phase, ...]] = (
    "disable",
    "end",
    "revoke",
    "interrupt",
    "reassign",
    "drop",
)
"""What takes away; it comes before what gives."""
GIVING: Final[tuple[Phase, ...]] = ("create", "grant")
HIDDEN: Final = "'...'"
"""What stands for a password's verifier where people look."""
AT_ONCE: Final[tuple[Phase, ...]] = ("disable", "end", "interrupt")
"""What needs no look into the databases: the end of a right waits for none that is slow."""


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement: ``head``, ``items`` with commas between them, ``tail``.

    Where the server refuses one with many items it is done in two halves. ``verifier_of`` is the
    role whose password's verifier stands at the end; whoever runs the statement puts it there.
    """

    head: str
    items: tuple[str, ...] = ()
    tail: str = ""
    verifier_of: str | None = None

    @property
    def text(self) -> str:
        """The statement, with its semicolon, as people may see it."""
        hidden = "" if self.verifier_of is None else HIDDEN
        return f"{self.head}{', '.join(self.items)}{self.tail}{hidden};"

    def filled(self, verifier: str) -> str:
        """Return the statement as it is run, with a verifier in its place."""
        return f"{self.head}{literal(verifier)};"

    def halves(self) -> tuple[Self, ...]:
        """Return it as two statements of half the items, or by itself."""
        if len(self.items) < 2:  # noqa: PLR2004 - one item has no halves
            return (self,)
        middle = len(self.items) // 2
        cls = type(self)
        return (
            cls(self.head, self.items[:middle], self.tail),
            cls(self.head, self.items[middle:], self.tail),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What is done about one role in one database, all of it or nothing.

    ``database`` is None for what is the server's own. With ``whole`` the statements make sense
    together only. ``opening`` and ``closing`` stand around each transaction of them.
    """

    phase: Phase
    role: str
    statements: tuple[Sql, ...]
    database: str | None = None
    whole: bool = False
    opening: tuple[Sql, ...] = ()
    closing: tuple[Sql, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """Sessions that end: all of a role, or those that have a transaction open.

    A transaction goes on with what it has begun to read, though the right to it is gone.
    """

    phase: Phase
    role: str
    every: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be as it is wanted; if it is ``fatal`` its grants are not active.

    What is ``passing`` may be otherwise in a moment, though nobody does anything about it.
    """

    text: str
    grants: frozenset[str] = frozenset()
    fatal: bool = True
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """What somebody else did to roles of ours."""

    what: str
    role: str
    detail: str
    mended: bool = True


class Membership(NamedTuple):
    """``member`` has what ``role`` has."""

    role: str
    member: str


class Privilege(NamedTuple):
    """One privilege on one object; ``database`` is where it lies, and itself for a database.

    ``args`` are a function's, as SQL writes them, or a column's name.
    """

    database: str
    kind: str
    schema: str
    name: str
    args: str
    grantee: str
    privilege: str


class Default(NamedTuple):
    """What a grantee has on objects to come that ``owner`` makes in a schema ("": in any)."""

    database: str
    owner: str
    schema: str
    objects: str  # TABLES, SEQUENCES, FUNCTIONS, TYPES, SCHEMAS, LARGE OBJECTS
    grantee: str
    privilege: str


@dataclass(frozen=True, slots=True)
class RoleWanted:
    """A role of ours as it should be; ``until`` is RFC 3339, None for a bundle's.

    The mark says which password it has, if it has one.
    """

    name: str
    mark: Mark
    until: str | None
    grants: frozenset[str]


@dataclass(frozen=True, slots=True)
class Desired:
    """What a server should have of ours."""

    roles: dict[str, RoleWanted] = field(default_factory=dict)
    members: frozenset[Membership] = frozenset()
    privileges: frozenset[Privilege] = frozenset()
    defaults: frozenset[Default] = frozenset()
    unmet: frozenset[Privilege] = frozenset()
    """Privileges that the account cannot give: told, and left alone where they are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be done; ``desired`` is where it leads."""

    steps: tuple[Step, ...] = ()
    ends: tuple[End, ...] = ()
    problems: tuple[Problem, ...] = ()
    drift: tuple[Drift, ...] = ()
    desired: Desired = field(default_factory=Desired)
    writable: bool = True

    @property
    def empty(self) -> bool:
        """Whether all is as it is wanted, or as near as can be."""
        return not self.steps and not self.ends

    def only_taking(self) -> Self:
        """Return what takes away, and nothing that gives."""
        return self.only(TAKING)

    def only(self, phases: Collection[Phase]) -> Self:
        """Return what is done in these phases."""
        return type(self)(
            tuple(each for each in self.steps if each.phase in phases),
            tuple(each for each in self.ends if each.phase in phases),
            self.problems,
            self.drift,
            self.desired,
            self.writable,
        )

    def in_phase(self, phase: Phase) -> tuple[Step, ...]:
        """Return the steps of a phase."""
        return tuple(each for each in self.steps if each.phase == phase)

    def text(self) -> Iterator[tuple[str | None, str]]:
        """Give each statement with its database, in the order in which they are done."""
        for phase in (*TAKING, *GIVING):
            for end in self.ends:
                if end.phase == phase:
                    yield None, _told(end)
            for step in self.in_phase(phase):
                for each in (*step.opening, *step.statements, *step.closing):
                    yield step.database, each.text


def _told(end: End) -> str:
    which = "every session" if end.every else "sessions with an open transaction"
    return f"-- ends {which} of {end.role!r}"
