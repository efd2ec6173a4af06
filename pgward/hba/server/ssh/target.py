"""Where to go by SSH: ``USER@HOST[:PORT]``."""

import re
from dataclasses import dataclass
from typing import Self

from pgward.core.errors import InvalidInputError

_FORM = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?"
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*))(?::(?P<port>[0-9]{1,5}))?"
)
_MOST = 65535


@dataclass(frozen=True, slots=True)
class Target:
    """A machine; what is None is as ~/.ssh/config says, or the default."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read USER@HOST[:PORT], an IPv6 address in brackets; raise InvalidInputError."""
        match = _FORM.fullmatch(text)
        port = None if match is None or match["port"] is None else int(match["port"])
        if match is None or (port is not None and not 0 < port <= _MOST):
            raise InvalidInputError(
                f"{text!r} is no USER@HOST[:PORT]", hint="for example admin@db1.example.com"
            )
        return cls(match["host"] or match["v6"], match["user"], port)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host
