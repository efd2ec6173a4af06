"""How far each chain went when it was verified last, in ``audit-heads.json``, by CA."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pgward.core.errors import InvalidInputError
from pgward.system.files import FileLock, atomic_write, storage_errors

FILE = "audit-heads.json"
_LOCK = "audit-heads.lock"


class Heads:
    """Remembers the heads of one CA's chains; ``fingerprint`` tells which CA."""

    def __init__(self, home: Path, fingerprint: str) -> None:
        self._home = home
        self._fingerprint = fingerprint

    def load(self) -> dict[str, dict[str, Any]]:
        """Return ``seq`` and ``hash`` by ``EDGE/CHAIN``; InvalidInputError when damaged."""
        return self._every().get(self._fingerprint, {})

    def save(self, verified: Iterable[Mapping[str, Any]]) -> None:
        """Remember chains as ``ChainCheck.to_json`` tells of them."""
        with FileLock(self._home / _LOCK):
            every = self._every()
            mine = every.setdefault(self._fingerprint, {})
            for each in verified:
                key = f"{each['edge']}/{each['chain']}"
                mine[key] = {"seq": each["last_seq"], "hash": each["hash"]}
            atomic_write(self._home / FILE, json.dumps(every, indent=2).encode() + b"\n")

    def _every(self) -> dict[str, dict[str, dict[str, Any]]]:
        path = self._home / FILE
        if not path.exists():
            return {}
        with storage_errors(path, "read"):
            data = path.read_bytes()
        try:
            every = json.loads(data)
            for chains in every.values():
                for each in chains.values():
                    int(each["seq"]), str(each["hash"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInputError(
                "this file is damaged",
                where=str(path),
                hint="remove it, and ask why it was: it tells how far each chain went",
            ) from error
        return dict(every)
