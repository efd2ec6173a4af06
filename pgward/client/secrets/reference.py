"""Where a secret comes from, as the CA names it to machines. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SecretSource = Literal["secret", "file", "env", "vault"]


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret comes from: its name there, and for a vault the field and the mount."""

    source: SecretSource
    name: str
    field: str | None = None
    mount: str | None = None


def read(fields: Mapping[str, Any]) -> SecretRef:
    """Read what the CA tells of one; raise ValueError, KeyError, TypeError for anything else."""
    ((source, value),) = fields.items()
    match source:
        case "from_secret":
            return SecretRef("secret", str(value))
        case "from_file":
            return SecretRef("file", str(value))
        case "from_env":
            return SecretRef("env", str(value))
        case "from_vault":
            path, name, mount = (str(value[each]) for each in ("path", "field", "mount"))
            return SecretRef("vault", path, name, mount)
        case _:
            raise ValueError(f"{source!r} is no place of secrets")
