"""The phases of a rotation: what each changes, and what must be seen in it. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from pgward.ca.generations import State
from pgward.ca.records import CaName
from pgward.core.errors import ConflictError


class Phase(StrEnum):
    """Where a rotation is."""

    TRUST_BOTH = "trust-both"
    ISSUE_NEW = "issue-new"
    TRUST_NEW = "trust-new"
    DONE = "done"
    ROLLED_BACK = "rolled-back"

    @property
    def is_over(self) -> bool:
        """Whether nothing comes after it."""
        return self in (Phase.DONE, Phase.ROLLED_BACK)


class Need(StrEnum):
    """What a machine must show in a phase."""

    # Its listener lets a client in whose certificate is of the new CA.
    CLIENT_PROBE = "client-probe"
    # It trusts a server whose certificate is of the new CA.
    SERVER_PROBE = "server-probe"
    # Its listener presents a certificate of the new CA.
    PRESENT = "present"
    # It has taken what the authority gave it since the phase began.
    TAKE = "take"


@dataclass(frozen=True, slots=True)
class Step:
    """A change of phase; the states are those that the old and the new CAs get, if any."""

    to: Phase
    old: State | None = None
    new: State | None = None
    # Whose certificates nobody may hold any more: the old CAs', the new ones', or nobody's.
    leaves_of: str | None = None


_FORWARD = {
    Phase.TRUST_BOTH: Step(Phase.ISSUE_NEW, State.PREVIOUS, State.CURRENT),
    Phase.ISSUE_NEW: Step(Phase.TRUST_NEW, old=State.RETIRED, leaves_of="old"),
    Phase.TRUST_NEW: Step(Phase.DONE),
}
_BACK = {
    Phase.TRUST_BOTH: Step(Phase.ROLLED_BACK, new=State.RETIRED, leaves_of="new"),
    Phase.ISSUE_NEW: Step(Phase.TRUST_BOTH, State.CURRENT, State.NEXT),
}
_NEEDS = {
    ("user", Phase.TRUST_BOTH): Need.CLIENT_PROBE,
    ("user", Phase.TRUST_NEW): Need.TAKE,
    ("server", Phase.TRUST_BOTH): Need.SERVER_PROBE,
    ("server", Phase.ISSUE_NEW): Need.PRESENT,
    ("server", Phase.TRUST_NEW): Need.TAKE,
}


def hierarchy_of(target: CaName) -> str:
    """Return ``user`` or ``server``."""
    return target.value.partition("-")[0]


def need(target: CaName, phase: Phase) -> Need | None:
    """Return what every machine must show before the rotation may leave the phase."""
    return _NEEDS.get((hierarchy_of(target), phase))


def forward(phase: Phase) -> Step:
    """Return the next step; raise ConflictError when the rotation is over."""
    try:
        return _FORWARD[phase]
    except KeyError:
        raise ConflictError(f"the rotation is {phase}: nothing comes after that") from None


def back(phase: Phase) -> Step:
    """Return the step back; raise ConflictError when there is none."""
    try:
        return _BACK[phase]
    except KeyError:
        raise ConflictError(
            f"there is no way back from {phase}: the old CA is trusted no more",
            hint="go on, and start another rotation if the new CA is not right",
        ) from None
