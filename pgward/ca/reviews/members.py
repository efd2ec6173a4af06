"""Who is in which group, read group by group and remembered for one report."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.identity import directory
from pgward.ca.store.schema import group_members, users

_ONE_BY_ONE = 50
_MEMBERS = group_members.c


class Members:
    """The directory as the report needs it; of one person only, if one is asked about."""

    def __init__(self, connection: Connection, user: str | None) -> None:
        self._connection = connection
        found = None if user is None else directory.get(connection, user)
        self.user = None if found is None else found.name
        self._groups = frozenset(() if found is None else found.groups)
        self._of: dict[str, list[str]] = {}
        self._sets: dict[str, frozenset[str]] = {}
        self._names: dict[str, str] = {}
        self._has_names = False
        self._sizes: dict[str, int] | None = None
        self._blocked: set[str] | None = None

    def wants(self, name: str) -> bool:
        """Tell whether this is the person, or anybody is."""
        return self.user is None or self.user == name

    def of(self, group: str) -> list[str]:
        """Return a group's members by name; of the one person, that one if in it."""
        if self.user is not None:
            return [self.user] if group in self._groups else []
        if group not in self._of:
            chosen = sa.select(_MEMBERS.user_name).where(_MEMBERS.group_name == group)
            self._of[group] = sorted(self._connection.execute(chosen).scalars())
        return self._of[group]

    def set_of(self, group: str) -> frozenset[str]:
        """Return the same, to look somebody up in it."""
        if group not in self._sets:
            self._sets[group] = frozenset(self.of(group))
        return self._sets[group]

    def size(self, group: str) -> int:
        """Return how many members a group has."""
        if self._sizes is None:
            counted = sa.select(_MEMBERS.group_name, sa.func.count()).group_by(_MEMBERS.group_name)
            self._sizes = {row[0]: row[1] for row in self._connection.execute(counted)}
        return self._sizes.get(group, 0)

    def called(self, name: str) -> str:
        """Return a name as the directory writes it; one that is nobody's stays."""
        if self.user is not None and self.user.lower() == name.lower():
            return self.user
        key = name.lower()
        if key not in self._names and not self._has_names:
            self._look_up(key, name)
        return self._names.get(key, name)

    def _look_up(self, key: str, name: str) -> None:
        """Read one name, and after some of them all: a page has few, the whole report has many."""
        chosen = sa.select(users.c.name_key, users.c.name)
        if len(self._names) < _ONE_BY_ONE:
            found = self._connection.execute(chosen.where(users.c.name_key == key)).one_or_none()
            self._names[key] = name if found is None else found.name
            return
        self._has_names = True
        self._names |= {row.name_key: row.name for row in self._connection.execute(chosen)}

    def is_blocked(self, name: str) -> bool:
        """Tell whether somebody was blocked, so that no right helps them."""
        if self._blocked is None:
            rows = self._connection.execute(
                sa.select(users.c.name).where(users.c.blocked_at.is_not(None))
            )
            self._blocked = set(rows.scalars())
        return name in self._blocked
