"""What a server must be: ``target_session_attrs``, as libpq has it (manual, chapter 34.1.2). Pure.

PostgreSQL 14 and later tell it at the login; others are asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pgward.core.address import Address
from pgward.tunnel.edge.state_postgres import TargetSessionAttrs

IS_READ_ONLY = "SHOW transaction_read_only"
IS_STANDBY = "SELECT pg_catalog.pg_is_in_recovery()"
_YES = ("on", "t", "true")
DEMOTED_SECONDS = 20.0

_WRONG: Mapping[TargetSessionAttrs, str] = {
    "read-write": "it is read-only",
    "read-only": "it is not read-only",
    "primary": "it is a standby",
    "standby": "it is no standby",
    "prefer-standby": "it is no standby",
}


def passes(wanted: TargetSessionAttrs) -> tuple[TargetSessionAttrs, ...]:
    """Return what to look for, one after the other, among all servers."""
    return ("standby", "any") if wanted == "prefer-standby" else (wanted,)


def question(wanted: TargetSessionAttrs, parameters: Mapping[str, str]) -> str | None:
    """Return what to ask a server; None where what it reported is enough."""
    if wanted == "any" or "in_hot_standby" in parameters:
        return None
    return IS_READ_ONLY if wanted in ("read-write", "read-only") else IS_STANDBY


def wrong(
    wanted: TargetSessionAttrs, parameters: Mapping[str, str], answer: str | None
) -> str | None:
    """Return what is wrong with a server; ``answer`` is that to the question, if it was asked."""
    if wanted == "any":
        return None
    if answer is not None:
        has = answer in _YES
    else:
        has = parameters.get("in_hot_standby") == "on"
        if wanted in ("read-write", "read-only"):
            has = has or parameters.get("default_transaction_read_only") == "on"
    is_right = has if wanted in ("read-only", "standby", "prefer-standby") else not has
    return None if is_right else _WRONG[wanted]


@dataclass(slots=True)
class Memory:
    """Which servers failed, or were not what was wanted, a moment ago: they are tried last."""

    _until: dict[tuple[Address, TargetSessionAttrs | None], float] = field(default_factory=dict)

    def order(
        self, addresses: Sequence[Address], wanted: TargetSessionAttrs, now: float
    ) -> list[Address]:
        """Return them in the order in which to try them."""
        return sorted(addresses, key=lambda each: self._is_demoted(each, wanted, now))

    def failed(self, address: Address, now: float) -> None:
        """Note that a server cannot be reached."""
        self._note((address, None), now)

    def was_wrong(self, address: Address, wanted: TargetSessionAttrs, now: float) -> None:
        """Note that a server is not what was wanted."""
        self._note((address, wanted), now)

    def was_right(self, address: Address, wanted: TargetSessionAttrs) -> None:
        """Note that a server is there, and what was wanted."""
        self._until.pop((address, None), None)
        self._until.pop((address, wanted), None)

    def _note(self, key: tuple[Address, TargetSessionAttrs | None], now: float) -> None:
        for old in [each for each, until in self._until.items() if until <= now]:
            del self._until[old]
        self._until[key] = now + DEMOTED_SECONDS

    def _is_demoted(self, address: Address, wanted: TargetSessionAttrs, now: float) -> bool:
        return any(until > now for until in self._found(address, wanted))

    def _found(self, address: Address, wanted: TargetSessionAttrs) -> Iterator[float]:
        for key in ((address, None), (address, wanted)):
            if key in self._until:
                yield self._until[key]
