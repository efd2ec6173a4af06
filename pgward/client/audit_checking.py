"""Verifying chains: every block of lines by its hash, every chunk by the signature of its edge.

The CA is not believed: it may show a chunk or leave it out, and either is found out, but for the
newest ones that it shows to nobody. Against that, how far a chain went is remembered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from pgward.audit.chain import lines as chained
from pgward.audit.chain.blocks import hash_of
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import ChainBrokenError
from pgward.audit.chain.manifest import SignedManifest
from pgward.pki import chain as chains
from pgward.pki import jws
from pgward.pki.errors import ChainError


class Signers:
    """Tells whose certificates signed manifests; ``roots`` are the CA's server roots."""

    def __init__(self, roots: Sequence[x509.Certificate]) -> None:
        self._roots = list(roots)
        self._known: dict[bytes, str] = {}

    def problem(self, signed: SignedManifest) -> str | None:
        """Return why a manifest is not its edge's; None when it is.

        The certificate may have expired since: what counts is that the CA issued it.
        """
        leaf, *others = signed.certificates
        digest = leaf.fingerprint(hashes.SHA256())
        if digest not in self._known:
            try:
                end = leaf.not_valid_after_utc
                chains.verify(leaf, others, self._roots, end, chains.SERVER_AUTH)
            except ChainError as error:
                return f"its manifest was signed by a stranger: {error.message}"
            names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            self._known[digest] = str(names[0].value) if len(names) == 1 else ""
        if self._known[digest] != signed.manifest.edge:
            return f"its manifest was not signed by {signed.manifest.edge}"
        return None


def span(first: int, last: int) -> str:
    """Say which lines are something."""
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


@dataclass(slots=True)
class ChainCheck:
    """One chain as it is verified, chunk after chunk, from ``start`` on.

    ``gaps`` are lines of which is known that they never came, ``left_out`` those that nobody
    asked for.
    """

    edge: str
    start: Head
    signers: Signers
    gaps: Sequence[tuple[int, int]] = ()
    remembered: Mapping[str, Any] | None = None
    left_out: Sequence[tuple[int, int]] = ()
    head: Head = field(init=False)
    lines: int = 0
    chunks: int = 0
    missing: int = 0
    not_asked: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.head = self.start

    def take(self, signed: SignedManifest, lines: Sequence[bytes]) -> None:
        """Verify the next chunk; what is wrong is noted, and the next is taken all the same."""
        about = signed.manifest
        self.chunks += 1
        self.lines += len(lines)
        why = self.signers.problem(signed)
        if why is not None:
            self._note(about.first_seq, why)
        if (about.edge, about.chain) != (self.edge, self.head.chain):
            self._note(about.first_seq, "it is of another chain")
            return
        self._check_start(about.start)
        try:
            chained.verify(lines, about.start, about.end)
        except ChainBrokenError as error:
            self._note(error.seq, error.message)
        else:
            self._check_memory(about.first_seq, lines)
        self.head = about.end

    def unreadable(self, first_seq: int, why: str, end: Head | None = None) -> None:
        """Note that a chunk cannot be had; ``end`` is where it ends, if that is known."""
        self._note(first_seq, why)
        self.head = end or self.head

    def end(self, expected: Head | None = None) -> Head:
        """Note what is missing at the end: up to ``expected``, or to where it went before."""
        known = self.head.seq
        if expected is not None and known < expected.seq:
            self._pass_over(known + 1, expected.seq)
        elif self.remembered is not None and known < int(self.remembered["seq"]):
            self._note(known + 1, f"it ends here, and went to line {self.remembered['seq']} before")
        return self.head

    def _check_start(self, start: Head) -> None:
        if start == self.head:
            return
        first = self.head.seq + 1
        if start.seq > self.head.seq:
            self._pass_over(first, start.seq)
        elif start.seq < self.head.seq:
            self._note(start.seq + 1, f"line {start.seq + 1} is there twice")
        else:
            self._note(first, f"line {first} does not follow the one before")

    def _pass_over(self, first: int, last: int) -> None:
        """Count lines that are not there, and note those of which nobody knows why."""
        known = [(*each, True) for each in self.gaps] + [(*each, False) for each in self.left_out]
        for begin, end, never_came in sorted(known):
            begins, ends = max(begin, first), min(end, last)
            if begins > ends:
                continue
            self._note_missing(first, begins - 1)
            self.missing += (ends - begins + 1) * never_came
            self.not_asked += (ends - begins + 1) * (not never_came)
            first = ends + 1
        self._note_missing(first, last)

    def _note_missing(self, first: int, last: int) -> None:
        if first <= last:
            self._note(first, f"{span(first, last)} missing")

    def _check_memory(self, first_seq: int, lines: Sequence[bytes]) -> None:
        """See that the line with which the chain ended before is the same still."""
        if self.remembered is None:
            return
        at = int(self.remembered["seq"]) - first_seq
        remembered = str(self.remembered["hash"]).encode()
        if 0 <= at < len(lines) and hash_of(lines[at]) != remembered:
            seq = first_seq + at
            self._note(seq, f"line {seq} is another than when the chain was verified before")

    def _note(self, seq: int, why: str) -> None:
        told = {"edge": self.edge, "chain": self.head.chain, "seq": seq, "problem": why}
        self.problems.append(told)

    def to_json(self) -> dict[str, Any]:
        """Tell how it went."""
        return {
            "edge": self.edge,
            "chain": self.head.chain,
            "first_seq": self.start.seq + 1,
            "last_seq": self.head.seq,
            "hash": jws.encode(self.head.hash),
            "lines": self.lines,
            "chunks": self.chunks,
            "missing": self.missing,
            "left_out": self.not_asked,
            "problems": self.problems,
        }
