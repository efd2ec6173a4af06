"""Make a PostgreSQL server what the live grants say: look, plan, carry out, look again.

A turn ends when there is nothing left to do, or nothing more comes of it; what was refused is the
problem of the grants that it is about, and of no others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import psycopg

from pgward.access.facts import Facts, Server
from pgward.access.planning import plan
from pgward.access.plans import AT_ONCE, GIVING, TAKING, Desired, Drift, Plan, Sql, Step
from pgward.access.quoting import encoded
from pgward.access.wanted import Wanted
from pgward.connector import rooms as way
from pgward.connector.looking import look_at_server, look_within
from pgward.connector.rooms import Rooms, said
from pgward.connector.sessions import end_sessions
from pgward.core.errors import DeniedError, PgwardError, UnavailableError

ROUNDS: Final = 3
_HURRY: Final = b"set local lock_timeout to '200ms'"


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that was run (or would be), and where."""

    database: str
    sql: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a server is like now.

    ``active`` are the grants that are there, ``failed`` those that cannot be, and why: ``final``
    ones until somebody changes something. ``left`` are roles of ours that have more than they
    should, still. ``passwords`` are the versions of those that access roles have. ``desired`` is
    for the next turn.
    """

    active: frozenset[str] = frozenset()
    failed: Mapping[str, str] = field(default_factory=dict)
    final: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    sessions_ended: Mapping[str, int] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    statements: tuple[Statement, ...] = ()
    problems: tuple[str, ...] = ()
    passwords: Mapping[str, int] = field(default_factory=dict)
    desired: Desired = field(default_factory=Desired)


def reconcile(
    server: way.Server,
    integration: str,
    wanted: Wanted,
    *,
    give: bool = True,
    look: bool = False,
    before: Desired | None = None,
) -> Outcome:
    """Make a server what ``wanted`` says, which has live grants only; return what came of it.

    Without ``give`` it only takes away; with ``look`` it does nothing, and ``statements`` are what
    it would do. ``before`` is the last outcome's ``desired``: by it is known what somebody else
    did. Raises UnavailableError when the server is away, or a standby.
    """
    with Rooms(server) as rooms:
        turn = _Turn(rooms, integration, wanted, give, before)
        if look:
            planned = turn.plan()
            texts = (planned if give else planned.only_taking()).text()
            turn.done += [Statement(where or rooms.first, text) for where, text in texts]
            return turn.outcome(planned)
        turn.end_at_once()
        planned = turn.plan()
        for _ in range(ROUNDS):
            todo = planned if give else planned.only_taking()
            if todo.empty:
                break
            turn.carry_out(todo)
            tried, planned = planned, turn.plan()
            if planned == tried:
                break
        return turn.outcome(planned)


class _Turn:
    """One call of ``reconcile``."""

    def __init__(
        self, rooms: Rooms, integration: str, wanted: Wanted, give: bool, before: Desired | None
    ) -> None:
        self.done: list[Statement] = []
        self._rooms = rooms
        self._integration = integration
        self._wanted = wanted
        self._give = give
        self._before = before
        self._facts = Facts()
        self._refused: dict[str, str] = {}
        self._ended: dict[str, int] = {}
        self._server: Server | None = None
        self._drift: dict[tuple[str, str, str], Drift] = {}
        self._verifiers: Mapping[str, str] = {}

    def end_at_once(self) -> None:
        """Let nobody in any more whose grants are over, before any database is looked into."""
        self._server = look_at_server(self._rooms, self._wanted)
        self._facts = Facts(self._server)
        planned = self._plan().only(AT_ONCE)
        if not planned.empty:
            self.carry_out(planned)
            self._server = None

    def plan(self) -> Plan:
        """Look at the server and into its databases, and see what is to be done."""
        server = self._server or look_at_server(self._rooms, self._wanted)
        self._server = None
        self._facts = look_within(self._rooms, server, self._wanted, self._integration)
        return self._plan()

    def _plan(self) -> Plan:
        planned = plan(
            self._wanted, self._facts, integration=self._integration, before=self._before
        )
        if not planned.writable:
            raise UnavailableError("the server is a standby, which takes no changes")
        for each in planned.drift:
            self._drift.setdefault((each.what, each.role, each.detail), each)
        return planned

    def carry_out(self, planned: Plan) -> None:
        """Do it, in the order of the phases."""
        self._refused = {}
        for phase in (*TAKING, *GIVING):
            steps = planned.in_phase(phase)
            if phase == "create":
                steps = self._with_verifiers(steps, planned.desired)
            if phase in ("drop", "reassign"):
                steps = tuple(each for each in steps if each.role not in self._refused)
            for database in dict.fromkeys(each.database for each in steps):
                self._run(database, [each for each in steps if each.database == database])
            ends = {each.role: each.every for each in planned.ends if each.phase == phase}
            if ends:
                ended, refused = end_sessions(self._rooms, self._facts.server, ends)
                for role, count in ended.items():
                    self._ended[role] = self._ended.get(role, 0) + count
                self._refused.update(refused)

    def _with_verifiers(self, steps: tuple[Step, ...], desired: Desired) -> tuple[Step, ...]:
        """Return the steps without those that need a verifier which there is not."""
        asked = {
            step.role: version
            for step in steps
            if any(each.verifier_of for each in step.statements)
            and (version := desired.roles[step.role].mark.password) is not None
        }
        why = "another password is to come by now"
        try:
            self._verifiers = self._rooms.verifiers(asked)
        except PgwardError as error:
            self._verifiers, why = {}, f"its password cannot be had: {error.message}"
        lacking = asked.keys() - self._verifiers.keys()
        self._refused |= dict.fromkeys(lacking, why)
        return tuple(
            step
            for step in steps
            if step.role not in lacking or not any(each.verifier_of for each in step.statements)
        )

    def _run(self, database: str | None, steps: Sequence[Step]) -> None:
        """Run steps in one transaction, or else each in its own."""
        why = self._transaction(database, [sql for step in steps for sql in _all(step)])
        if why is None:
            return
        for step in steps:
            # Alone, since one that is locked must not hold up the others' end for long.
            again = self._transaction(database, _all(step), hurry=True) if len(steps) > 1 else why
            if again is not None:
                self._piece(step, again)

    def _piece(self, step: Step, why: str) -> None:
        """Do what can be done of a step that was refused."""
        if step.whole:
            self._refused[step.role] = why
        elif len(step.statements) > 1:
            for each in step.statements:
                self._alone(step, each)
        else:
            self._halved(step, step.statements[0], why)

    def _alone(self, step: Step, statement: Sql) -> None:
        one = (*step.opening, statement, *step.closing)
        why = self._transaction(step.database, one, hurry=True)
        if why is not None:
            self._halved(step, statement, why)

    def _halved(self, step: Step, statement: Sql, why: str) -> None:
        """Leave out what is refused of many objects, and nothing else."""
        halves = statement.halves()
        if len(halves) == 1:
            self._refused[step.role] = why
            return
        for each in halves:
            self._alone(step, each)

    def _transaction(
        self, database: str | None, statements: Iterable[Sql], *, hurry: bool = False
    ) -> str | None:
        """Do all of it or nothing; return why it was nothing."""
        found = list(statements)
        try:
            connection = self._rooms.enter(database)
            with connection.transaction():
                if hurry:
                    connection.execute(_HURRY)
                for each in found:
                    connection.execute(encoded(self._as_run(each)))
        except psycopg.Error as error:
            self._rooms.check(database, error)
            return said(error)
        except (UnavailableError, DeniedError) as error:
            if database is None or database == self._rooms.first:
                raise
            return error.message
        self.done += [Statement(database or self._rooms.first, each.text) for each in found]
        return None

    def _as_run(self, statement: Sql) -> str:
        role = statement.verifier_of
        return statement.text if role is None else statement.filled(self._verifiers[role])

    def outcome(self, last: Plan) -> Outcome:
        """Return what came of it; ``last`` is what is still to be done."""
        wanted = {each.id for each in self._wanted.grants}
        failed: dict[str, str] = {}
        fatal = [each for each in last.problems if each.fatal]
        for problem in sorted(fatal, key=lambda each: each.passing):
            for grant in sorted(problem.grants & wanted):
                failed.setdefault(grant, problem.text)
        final = {grant for each in fatal if not each.passing for grant in each.grants & wanted}
        for step in last.steps:
            role = last.desired.roles.get(step.role)
            for grant in sorted(role.grants & wanted) if role is not None else ():
                if step.phase in GIVING:
                    failed.setdefault(grant, self._refused.get(step.role, "not made yet"))
        # A role that nobody is in as, and that has no rights, is over, though it cannot go.
        undone = {each.role for each in last.only_taking().steps}
        left = {each.role for each in last.steps if each.phase in ("disable", "revoke")}
        left |= {each.role for each in last.ends}
        told = [each.text for each in last.problems if not each.fatal]
        owning = {each.role for each in last.steps if each.phase == "reassign"}
        told += [
            f"{role!r}: {why}{self._advice if role in owning else ''}"
            for role, why in sorted(self._refused.items())
            if role in undone
        ]
        return Outcome(
            active=frozenset(wanted - failed.keys()),
            failed=failed,
            final=frozenset(final),
            left=frozenset(left),
            sessions_ended=self._ended,
            drift=self._told(last),
            statements=tuple(self.done),
            problems=tuple(told),
            passwords=self._passwords(last.desired),
            desired=last.desired,
        )

    def _passwords(self, desired: Desired) -> dict[str, int]:
        """Return which access roles have the password that they should have, by their marks."""
        marks = {name: each.mark for name, each in self._facts.server.roles.items()}
        return {
            name: each.mark.password
            for name, each in desired.roles.items()
            if each.mark.password is not None
            and (mark := marks.get(name)) == each.mark
            and mark.password == each.mark.password
        }

    @property
    def _advice(self) -> str:
        """What helps where objects cannot change their owner."""
        heir = self._wanted.reassign_to
        return "" if heir is None else f"; hint: {heir!r} needs CREATE where it gets objects"

    def _told(self, last: Plan) -> tuple[Drift, ...]:
        """Return what somebody else did; what there is still was not mended."""
        still = {(each.what, each.role, each.detail) for each in last.drift}
        return tuple(
            replace(each, mended=each.mended and (last.empty or key not in still))
            for key, each in self._drift.items()
        )


def _all(step: Step) -> Iterable[Sql]:
    return (*step.opening, *step.statements, *step.closing)
