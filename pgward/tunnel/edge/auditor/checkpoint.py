"""Where the auditor goes on after a restart: one file, that is replaced as a whole."""

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from pgward.audit.chain.encoding import encode
from pgward.audit.chain.head import Head
from pgward.system.files import atomic_write, storage_errors
from pgward.tunnel.edge.auditor.shelf import Chained

log = logging.getLogger("pgward.auditor")

FILE: Final = "checkpoint.json"


class Mark(NamedTuple):
    """How far a tape was read, and what the joiner knew there."""

    position: int
    joiner: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All records up to the marks are in chunks before ``number``, whose chain stands at ``head``.

    ``done`` are tapes that may be removed. ``chained`` says of tapes that were left behind their
    marks how many records have been chained since. A chunk that says another ``generation`` does
    not count from this checkpoint. ``recordings`` are the last pieces of sessions that run.
    """

    generation: int
    head: Head
    number: int
    tapes: Mapping[str, Mark] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    chained: Mapping[str, Chained] = field(default_factory=dict)
    recordings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def first(cls, number: int) -> Self:
        """Return the beginning of a new chain."""
        return cls(secrets.randbits(48), Head.origin(secrets.token_hex(8)), number)

    @classmethod
    def load(cls, directory: Path) -> Self | None:
        """Read it; None when there is none. One that is damaged is set aside, and told of."""
        path = directory / FILE
        try:
            with storage_errors(path, "read"):
                fields = json.loads(path.read_bytes()) if path.exists() else None
            return None if fields is None else cls._from_json(fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            aside = path.with_suffix(".damaged")
            path.rename(aside)
            log.error(
                "the auditor's checkpoint is damaged (%s), and is now %s: a new chain begins, and "
                "records of what is on tape may come twice, with the same ids", error, aside,
            )  # fmt: skip
            return None

    @classmethod
    def _from_json(cls, fields: Mapping[str, Any]) -> Self:
        tapes = {boot: Mark(int(each[0]), dict(each[1])) for boot, each in fields["tapes"].items()}
        head, done = Head.from_json(fields["head"]), tuple(map(str, fields["done"]))
        chained = {boot: Chained(*each) for boot, each in fields["chained"].items()}
        recordings = dict(fields.get("recordings", {}))
        generation, number = int(fields["generation"]), int(fields["number"])
        return cls(generation, head, number, tapes, done, chained, recordings)

    def save(self, directory: Path) -> None:
        """Put it in place of the last one; raise StorageError."""
        fields = {
            "generation": self.generation,
            "head": self.head.to_json(),
            "number": self.number,
            "tapes": self.tapes,
            "done": self.done,
            "chained": self.chained,
            "recordings": self.recordings,
        }
        atomic_write(directory / FILE, encode(fields))
