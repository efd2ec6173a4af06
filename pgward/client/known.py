"""The services that this home has heard of: for the shell, and for while the CA is away."""

import json
from collections.abc import Sequence
from pathlib import Path

from pgward.client.services import ServiceInfo
from pgward.system.files import atomic_write

FILE = "services.json"
_MOST = 1024 * 1024


def keep(home: Path, user: str, services: Sequence[ServiceInfo]) -> None:
    """Remember what the CA listed for a person; raise StorageError when that cannot be."""
    kept = {"user": user, "services": [service.to_json() for service in services]}
    atomic_write(home / FILE, json.dumps(kept, indent=2).encode())


def known_services(home: Path) -> list[str]:
    """Return the names in what the CA said last, and of open tunnels, without asking anybody."""
    names = {path.stem for path in (home / "run").glob("*.json")}
    try:
        with (home / FILE).open("rb") as file:
            kept = json.loads(file.read(_MOST))
        names |= {str(each["name"]) for each in kept["services"]}
    except (OSError, ValueError, KeyError, TypeError):
        return sorted(names)  # the person types on; nothing may be said in the middle of a line
    return sorted(names)
