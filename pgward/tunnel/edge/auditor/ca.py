"""The CA as a target: it takes a chunk once, and only where it follows what it has."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from pgward.audit.chain.manifest import Manifest
from pgward.client.machine import Machine
from pgward.core.errors import ConflictError, PgwardError, UnavailableError
from pgward.tunnel.edge.auditor import offering
from pgward.tunnel.edge.auditor.offering import Offering
from pgward.tunnel.edge.auditor.sending import CONFLICT, put_chunk
from pgward.tunnel.edge.auditor.shelf import DamagedChunkError, Entry, Shelf, name_of

log = logging.getLogger("pgward.auditor")

NAME: Final = offering.CA
MISSING: Final = "Pgward-Missing"


class ForkedError(ConflictError):
    """The CA has other lines of a chain than this edge: the records need another chain."""

    def __init__(self, chain: str, why: str) -> None:
        super().__init__(
            f"the CA has other lines of chain {chain} than this edge: {why}",
            hint="was the edge's directory restored from a backup, or is it served twice?",
        )
        self.chain = chain


class CaTarget:
    """Signs chunks with the machine's present key, and puts them into the CA's archive."""

    name = NAME

    def __init__(self, machine: Machine, shelf: Shelf) -> None:
        self._machine = machine
        self._shelf = shelf
        self._has_offered = False

    def deliver(self, entry: Entry, data: bytes) -> int:
        """Deliver a chunk; when the CA stands elsewhere, say where to go on.

        Raises UnacceptableError for one that it will never take.
        """
        self._machine.reload()
        status, answer = self._put(entry, data, {})
        if status != CONFLICT:
            self._offer_again()
            return entry.number
        seq, reason = _standing(answer)
        if reason == "behind" and seq >= entry.manifest.last_seq:
            return entry.number
        if reason != "gap" or seq >= entry.manifest.first_seq:
            raise ForkedError(entry.manifest.chain, _message(answer))
        return self._fill_gap(entry, data, seq)

    def works_behind(self, number: int) -> bool:
        """Tell whether the CA can read the chunk behind one; raise as ``deliver`` does.

        It is not its turn, so the answer is that there is a gap.
        """
        behind = self._shelf.behind(number)
        if behind is None:
            return False
        self._put(*self._shelf.load(behind), {})
        return True

    def close(self) -> None:
        """Close the connection."""
        self._machine.close()

    def _fill_gap(self, entry: Entry, data: bytes, seq: int) -> int:
        """Go back to what the CA lost if it is here, or else tell it that nobody has it."""
        for number in self._shelf.numbers:
            if number >= entry.number:
                break
            try:
                earlier = self._shelf.entry(number).manifest
            except DamagedChunkError:
                continue  # it was set aside when its turn came
            if self._is_refused(earlier):
                continue
            if earlier.chain == entry.manifest.chain and seq < earlier.first_seq:
                return number - 1
        missing = f"{seq + 1}-{entry.manifest.first_seq - 1}"
        status, answer = self._put(entry, data, {MISSING: missing})
        if status == CONFLICT:
            raise ConflictError(
                f"the CA does not go on without lines {missing}: {_message(answer)}"
            )
        return entry.number

    def _offer_again(self) -> None:
        """Offer once in this run what was refused before: somebody may have mended the cause."""
        if self._has_offered:
            return
        self._has_offered = True
        try:
            for name, problem in Offering(self._machine, self._shelf.refused).run():
                if problem is None:
                    log.info("chunk %s, which was refused before, is delivered", name)
                else:
                    log.warning("chunk %s stays refused: %s", name, problem)
        except PgwardError as error:
            log.warning("what was refused is offered at the next start: %s", error.message)

    def _is_refused(self, about: Manifest) -> bool:
        name = name_of(about)
        return name in self._shelf.refused and NAME in self._shelf.refused.told(name)

    def _put(
        self, entry: Entry, data: bytes, more: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        return put_chunk(self._machine, entry.manifest, data, more)


def _standing(answer: Mapping[str, Any]) -> tuple[int, str]:
    try:
        return int(answer["head"]["seq"]), str(answer["reason"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"the CA's answer cannot be read: {error!r}") from error


def _message(answer: Mapping[str, Any]) -> str:
    error = answer.get("error")
    return str(error.get("message", "conflict")) if isinstance(error, dict) else "conflict"
