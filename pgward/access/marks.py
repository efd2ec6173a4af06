"""How roles are known that pgward made: by the comment on them, and by their names.

Whoever may comment on a role may do anything with it (manual, chapter 21.2 and COMMENT), so a
mark gives nobody a hold on a role that they did not have before.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self

from pgward.access.rights import MOST_BYTES

PREFIX: Final = "managed by pgward access: "
_BUNDLE: Final = "pgward_"
_DIGEST: Final = 12
RESERVED: Final = frozenset({"public", "none"})
_SYSTEM: Final = "pg_"

RoleKind = Literal["access", "bundle"]


@dataclass(frozen=True, slots=True)
class Mark:
    """The comment on a role that pgward made: for which integration and person (or bundle).

    ``password`` is the version of the password that the role was given, if any: whose the role is
    does not depend on it.
    """

    integration: str
    kind: RoleKind
    name: str
    password: int | None = field(default=None, compare=False)

    @classmethod
    def read(cls, comment: object) -> Self | None:
        """Return the mark in a comment, if it is one."""
        if not isinstance(comment, str) or not comment.startswith(PREFIX):
            return None
        try:
            fields = json.loads(comment.removeprefix(PREFIX))
            integration, kind = fields["integration"], fields["kind"]
            name = fields["bundle" if kind == "bundle" else "person"]
            password = fields.get("password")
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if kind not in ("access", "bundle") or not isinstance(integration, str):
            return None
        version = password if type(password) is int else None
        return cls(integration, kind, name, version) if isinstance(name, str) else None

    def text(self) -> str:
        """Return it as a comment."""
        whose = "bundle" if self.kind == "bundle" else "person"
        fields: dict[str, str | int] = {
            "integration": self.integration,
            "kind": self.kind,
            whose: self.name,
        }
        if self.password is not None:
            fields["password"] = self.password
        return PREFIX + json.dumps(fields)

    def of(self, password: int | None) -> Self:
        """Return it as it is with another password."""
        return replace(self, password=password)


def bundle_role(bundle: str) -> str:
    """Return the name of a bundle's role; what would be cut ends with a digest in its place."""
    name = _BUNDLE + bundle
    if len(name) <= MOST_BYTES:
        return name
    digest = hashlib.sha256(bundle.encode()).hexdigest()[:_DIGEST]
    return f"{name[: MOST_BYTES - _DIGEST - 1]}_{digest}"


def is_reserved(role: str) -> bool:
    """Tell whether the server refuses to make such a role, whatever the quotes."""
    return role.startswith(_SYSTEM) or role in RESERVED
