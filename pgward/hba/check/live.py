"""What a running server says of itself beside its files: who there is, and what it made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgward.hba.decide.connection import World
from pgward.hba.syntax.files import Place


@dataclass(frozen=True, slots=True)
class Said:
    """``what`` the server says, of a place or of none."""

    place: Place | None
    what: str


@dataclass(frozen=True, slots=True)
class Role:
    """A role that exists; ``member_of`` are the groups that it is directly in."""

    name: str
    can_login: bool = True
    is_superuser: bool = False
    may_replicate: bool = False
    member_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Live:
    """``changed`` are files that are newer than what runs, by path, with what is told of each.

    ``refused`` are lines that the server itself would not take, ``refused_settings`` the like in
    postgresql.conf, ``pending`` what waits for a restart. ``unseen`` is what the role that asked
    could not see. ``databases`` are those that take connections.
    """

    roles: Sequence[Role] = ()
    databases: Sequence[str] = ()
    changed: Mapping[str, str] = field(default_factory=dict)
    refused: Sequence[Said] = ()
    refused_settings: Sequence[Said] = ()
    pending: Sequence[Said] = ()
    unseen: Sequence[str] = ()
    world: World = field(default_factory=World)

    @property
    def said(self) -> list[str]:
        """All that is wrong, as lines."""
        return [
            *(f"{path}: {what}" for path, what in self.changed.items()),
            *(
                each.what if each.place is None else f"{each.place}: {each.what}"
                for each in (*self.refused, *self.refused_settings, *self.pending)
            ),
            *self.unseen,
        ]

    @property
    def superusers(self) -> frozenset[str]:
        """Who is a superuser and may log in."""
        return frozenset(each.name for each in self.roles if each.is_superuser and each.can_login)
