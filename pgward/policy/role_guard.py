"""Keeps the role that people land as from being changed by them: a rule that is built in.

In PostgreSQL each role may change its own password and settings (manual, ALTER ROLE). Where a role
is shared and its password is the edge's, that locks everybody out. It looks at texts, so whoever
may run code in the database gets around it: docs/reference/policy.md has the limits.
"""

import re
from dataclasses import dataclass

from pgward.policy.rules import Decision
from pgward.policy.statements import UTF8, read_raw
from pgward.policy.tree import Node, UnparsedError

NAME = "protectRole"
"""How the rule is called, as the field of a service that switches it off."""

# Keywords are always in plain letters. What may stand between the two is left to the grammar.
_WORDS = re.compile(rb"alter\s*(?:role|user|group|--|/\*)", re.IGNORECASE)
# The beginning of such words, where a piece of a text ends.
_OPEN = re.compile(rb"alter\s*+(?:[-/]|r(?:ol?)?|u(?:se?)?|g(?:r(?:ou?)?)?)?\Z")
_HELD = 400  # bytes of one piece that are looked at with the next: more than any name has
_MEANING_ONESELF = (b"current_user", b"session_user", b"current_role")
_ESCAPES = b'u&"'  # before a name in which letters stand by their numbers
_NAMED = 1  # RoleSpecType: ROLESPEC_CSTRING
_ROLE = 34  # ObjectType: OBJECT_ROLE
_WITH_BODIES = frozenset({"DoStmt", "CreateFunctionStmt"})
_MOST_OF_A_NAME = 63  # bytes; PostgreSQL cuts longer ones


@dataclass(frozen=True, slots=True)
class RoleGuard:
    """Denies what changes ``role``, as which a session has landed.

    One's ``own`` role, which nobody else lands as, keeps what it needs to log in, and no more.
    """

    role: str
    own: bool = False

    def denial(self, text: bytes, *, encoding: str = UTF8) -> Decision | None:
        """Return the decision that denies a text, or how it begins, or None; never raises."""
        if _WORDS.search(text) is None or not self._may_be_meant(text):
            return None
        try:
            raw = read_raw(text, encoding=encoding)
        except UnparsedError as error:
            return _denied(f"what may change the role {self.role} cannot be read: {error}")
        if not any(self._changes(each, words) for each, words in raw):
            return None
        return self.changed()

    def changed(self) -> Decision:
        """Return the decision that denies a change of the role."""
        if self.own:
            return _denied(f"how {self.role} logs in is not changed here")
        return _denied(f"people land here as {self.role}, so it is not changed here")

    def _may_be_meant(self, text: bytes) -> bool:
        """Tell whether a text names the role in any way: most that change others' do not."""
        if not self.role.isascii():  # how that is written is the encoding's matter
            return True
        said = text.lower()
        return any(name in said for name in self._names())

    def _names(self) -> tuple[bytes, ...]:
        role = self.role.lower()
        return (role.encode(), role.replace('"', '""').encode(), _ESCAPES, *_MEANING_ONESELF)

    def follow(self) -> "Following":
        """Return what looks at one text that comes in pieces, and that nobody holds back."""
        return Following(self, self._names() if self.role.isascii() else None)

    def _changes(self, raw: Node, words: bytes) -> bool:
        statement = dict(raw.fields())["stmt"]
        fields = dict(statement.fields())
        if statement.name == "AlterRoleStmt":
            return self._is_meant(fields.get("role"))
        if statement.name == "AlterRoleSetStmt":
            return not self.own and self._is_meant(fields.get("role"))
        if statement.name == "RenameStmt" and fields.get("rename_type") == _ROLE:
            return self._is_called(fields.get("subname", ""))
        return statement.name in _WITH_BODIES and self._is_told_of(words)

    def _is_meant(self, spec: Node | None) -> bool:
        """Tell whether a RoleSpec is the role; none is ALL, which superusers alone may change."""
        if spec is None:
            return False
        fields = dict(spec.fields())
        return fields.get("roletype") != _NAMED or self._is_called(fields.get("rolename", ""))

    def _is_called(self, name: str) -> bool:
        return _cut(name) == _cut(self.role)

    def _is_told_of(self, body: bytes) -> bool:
        """Tell whether the body of a function says that it changes the role, as far as it says."""
        said = body.lower()
        names = (self.role.encode().lower(), *_MEANING_ONESELF)
        return _WORDS.search(said) is not None and any(name in said for name in names)


class Following:
    """Looks for words about the role in a text that comes in pieces, wherever they stand."""

    __slots__ = ("_guard", "_held", "_named", "_names", "_worded")

    def __init__(self, guard: RoleGuard, names: tuple[bytes, ...] | None) -> None:
        self._guard = guard
        self._names = names or ()
        self._named = names is None
        self._worded = False
        self._held = b""

    def take(self, data: bytes | memoryview) -> Decision | None:
        """Return the decision that denies the text, as soon as it is due."""
        said = self._held + bytes(data).lower()
        alters = b"alter" in said
        self._worded = self._worded or (alters and _WORDS.search(said) is not None)
        self._named = self._named or any(name in said for name in self._names)
        if self._worded and self._named:
            return self._guard.changed()
        self._held = said[-_HELD:]
        begun = _OPEN.search(said) if alters else None
        if begun is not None and begun.start() < len(said) - _HELD:
            self._held = b"alter " + self._held.lstrip(b"alter")  # in between is white space
        return None


def _cut(name: str) -> bytes:
    return name.encode(errors="replace")[:_MOST_OF_A_NAME]


def _denied(reason: str) -> Decision:
    return Decision(allowed=False, rule=NAME, reason=reason)
