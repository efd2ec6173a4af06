"""The names of services that this home has heard of, for the shell: read at once, never asked."""

import json
from pathlib import Path

_MOST = 1024 * 1024


def known_services(home: Path) -> list[str]:
    """Return the names in what the CA said last, and of open tunnels; none when unreadable."""
    names = {path.stem for path in (home / "run").glob("*.json")}
    try:
        with (home / "services.json").open("rb") as file:
            kept = json.loads(file.read(_MOST))
        names |= {str(each["name"]) for each in kept["services"]}
    except (OSError, ValueError, KeyError, TypeError):
        return sorted(names)  # the person types on; nothing may be said in the middle of a line
    return sorted(names)
