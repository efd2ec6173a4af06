"""What came of a turn, as the CA is told: what is new about grants, drift, statements. Pure."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, Protocol

from pgward.client.phrases import counted
from pgward.client.spool import batched
from pgward.connector.assignment import Assignment, Ending
from pgward.core.clock import precise_rfc3339, rfc3339

MOST_ITEMS: Final = 500
"""Of each kind in one report."""
MOST_BYTES: Final = 300_000
MOST_LETTERS: Final = 10_000
MOST_PROBLEM: Final = 1000
MOST_NAME: Final = 252
FAILS_AFTER: Final = timedelta(seconds=15)
"""So long a grant may be in the making before the CA is told that it fails, if its failure is not
final: a lock may be in the way, and what has failed is not tried again."""


class Statement(Protocol):
    """SQL that was run."""

    @property
    def database(self) -> str:
        """Where."""
        ...

    @property
    def sql(self) -> str:
        """What, without passwords."""
        ...


class Drift(Protocol):
    """What was otherwise than it should have been."""

    @property
    def what(self) -> str:
        """Its kind."""
        ...

    @property
    def role(self) -> str:
        """The role that it is about."""
        ...

    @property
    def detail(self) -> str:
        """What it was."""
        ...

    @property
    def mended(self) -> bool:
        """Whether it is as it should be by now."""
        ...


class Outcome(Protocol):
    """What provisioning found and did."""

    @property
    def active(self) -> Collection[str]:
        """Grants that are there, verified."""
        ...

    @property
    def failed(self) -> Mapping[str, str]:
        """Grants that cannot be made, and why."""
        ...

    @property
    def final(self) -> Collection[str]:
        """Which of those stay so until somebody changes something."""
        ...

    @property
    def left(self) -> Collection[str]:
        """Roles of ours that have more than they should, still."""
        ...

    @property
    def sessions_ended(self) -> Mapping[str, int]:
        """How many sessions of each role were ended."""
        ...

    @property
    def drift(self) -> Sequence[Drift]:
        """What was changed by hand, or left by a crash."""
        ...

    @property
    def statements(self) -> Sequence[Statement]:
        """What was run."""
        ...

    @property
    def passwords(self) -> Mapping[str, int]:
        """Versions of the passwords that access roles have."""
        ...

    @property
    def problems(self) -> Sequence[str]:
        """What is not as it should be, and waits for somebody."""
        ...


class Telling:
    """Knows what the CA was told of one integration's grants, and says what is new."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._failing: dict[str, datetime] = {}
        self._given_up: frozenset[str] = frozenset()
        self._sessions: dict[str, int] = {}
        self._passwords: dict[str, int] = {}

    def forget(self) -> None:
        """Tell everything again: the CA may have lost it."""
        self._told.clear()
        self._passwords.clear()

    def passwords(self, outcome: Outcome) -> dict[str, int]:
        """Return the passwords of access roles that are there since the last time."""
        there = dict(outcome.passwords)
        new = {role: each for role, each in there.items() if self._passwords.get(role) != each}
        self._passwords = there
        return new

    def grants(
        self, assignment: Assignment, outcome: Outcome, now: datetime, *, give: bool = True
    ) -> list[dict[str, Any]]:
        """Return the grants whose state the CA does not know yet."""
        at = precise_rfc3339(now)
        found = []
        known = set()
        asked = {each.id for each in assignment.ending}
        for role, count in outcome.sessions_ended.items():
            self._sessions[role] = self._sessions.get(role, 0) + count
        for grant_id, state, problem, ended in self._states(assignment, outcome, now, give):
            known.add(grant_id)
            # What the CA still takes to be ending, it is told once more.
            said = f"{state}, as asked" if grant_id in asked else state
            if self._told.get(grant_id) != said:
                self._told[grant_id] = said
                found.append(
                    {
                        "id": grant_id,
                        "state": state,
                        "at": at,
                        "problem": None if problem is None else storable(problem),
                        "sessions_ended": ended,
                    }
                )
        self._told = {name: state for name, state in self._told.items() if name in known}
        return found

    @property
    def is_failing(self) -> bool:
        """Whether a grant could not be made, and it is not given up yet."""
        return bool(self._failing.keys() - self._given_up)

    def _states(
        self, assignment: Assignment, outcome: Outcome, now: datetime, give: bool
    ) -> Iterator[tuple[str, str, str | None, int]]:
        live = {each.id for each in assignment.wanted.grants if now < each.until}
        for grant_id in sorted(live & set(outcome.active)):
            yield grant_id, "active", None, 0
        # Before the CA has spoken nothing is given, and what is missing has not failed.
        failing = {name: why for name, why in outcome.failed.items() if name in live and give}
        self._failing = {name: self._failing.get(name, now) for name in failing}
        self._given_up = frozenset(
            name
            for name, since in self._failing.items()
            if name in outcome.final or now - since >= FAILS_AFTER
        )
        for grant_id, why in sorted(failing.items()):
            # One that was there is not given up: the CA hears of its problem with the health.
            if self._told.get(grant_id) == "active":
                yield grant_id, "active", None, 0
            elif grant_id in self._given_up:
                yield grant_id, "failed", why, 0
        for each in over(assignment, now):
            if each.role not in outcome.left:
                yield each.id, "ended", None, self._sessions.get(each.role, 0)
        self._sessions = {role: n for role, n in self._sessions.items() if role in outcome.left}


def over(assignment: Assignment, now: datetime) -> list[Ending]:
    """Return the grants whose end the CA is to hear of."""
    found = {each.id: each for each in assignment.ending}
    for each in assignment.wanted.grants:
        if each.until <= now:
            found.setdefault(each.id, Ending(each.id, each.role))
    return sorted(found.values(), key=lambda each: each.id)


def reports(
    assignment: Assignment,
    version: int,
    *,
    grants: Sequence[Mapping[str, Any]],
    outcome: Outcome | None,
    health: Mapping[str, Any],
    now: datetime,
    passwords: Mapping[str, int] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the bodies of as many reports as it takes."""
    at = precise_rfc3339(now)
    drift = [] if outcome is None else [_drift(each) for each in outcome.drift]
    statements = (
        []
        if outcome is None
        else [
            {
                "at": at,
                "database": storable(each.database, MOST_NAME),
                "sql": storable(each.sql, MOST_LETTERS),
            }
            for each in outcome.statements
        ]
    )
    given = [{"role": role, "version": each} for role, each in (passwords or {}).items()]
    kinds = [_pieces(each) for each in (grants, drift, statements, given)]
    for granted, drifted, run, there in zip_longest(*kinds, fillvalue=[]):
        # A CA of before knows of none, and takes no field that it does not know.
        extra = {"passwords": there} if there else {}
        yield {
            "integration": assignment.name,
            "version": version,
            "grants": granted,
            "drift": drifted,
            "statements": run,
            "health": dict(health),
        } | extra


def _pieces(items: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return lists of at most so many and so long; one empty one for nothing."""
    lengths = ((dict(each), len(json.dumps(each))) for each in items)
    return list(batched(lengths, MOST_ITEMS, MOST_BYTES)) or [[]]


def lines(assignment: Assignment, grants: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is told of grants, in words for the log."""
    known = {each.id: each for each in assignment.wanted.grants}
    roles = {name: each.role for name, each in known.items()}
    roles |= {each.id: each.role for each in assignment.ending}
    for told in grants:
        name, role = told["id"], roles.get(told["id"], "?")
        if told["state"] == "active":
            grant = known[name]
            yield f"{role} is there for {grant.person} until {rfc3339(grant.until)} ({name})"
        elif told["state"] == "failed":
            yield f"{role} cannot be made ({name}): {told['problem']}"
        else:
            count = told["sessions_ended"]
            yield f"{role} has nothing of it any more, {counted(count, 'session')} ended ({name})"


def storable(text: str, most: int = MOST_PROBLEM) -> str:
    """Return a text as the CA takes it: names of a database in SQL_ASCII may be any bytes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "")[:most]


def _drift(found: Drift) -> dict[str, Any]:
    return {
        "what": storable(found.what),
        "role": storable(found.role, MOST_NAME),
        "detail": storable(found.detail),
        "mended": found.mended,
    }
