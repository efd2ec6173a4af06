"""The policies of services, compiled once, and what they say of a session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pgward.policy import cel
from pgward.policy.cel import Variables
from pgward.policy.context import Context
from pgward.policy.role_guard import Following, RoleGuard
from pgward.policy.rules import Decision, Engine
from pgward.policy.ruling import StatementRuler
from pgward.tunnel.aware.ruling import Denial, Rest, Way
from pgward.tunnel.edge.state_postgres import PostgresService
from pgward.tunnel.preface import Reason, RefusedError

Now = Callable[[], datetime]


class Judge:
    """Decides by services' policies; an engine is kept as long as its service stays the same."""

    def __init__(self, now: Now, denied: Callable[[Decision], None] = lambda _: None) -> None:
        self._now = now
        self._denied = denied
        self._engines: dict[str, tuple[PostgresService, Engine]] = {}

    def variables(self, context: Context, at: datetime | None = None) -> Variables:
        """Return what conditions see of a connection as it begins, now or ``at`` a time."""
        return cel.bind(context, at or self._now())

    def connect(
        self, name: str, postgres: PostgresService, context: Context, at: datetime | None = None
    ) -> str:
        """Return the rule that lets a connection begin, if one does; raise RefusedError."""
        decision = self._engine(name, postgres).connect(context, at or self._now())
        if not decision.allowed:
            raise RefusedError(
                Reason.DENIED,
                decision.reason or "a policy of this service denies it",
                hint=f"pgward policy explain --service {name}",
                sqlstate="42501",
                rule=decision.name,
            )
        return decision.name

    def ruling(
        self,
        name: str,
        postgres: PostgresService,
        context: Context,
        encoding: str,
        guard: RoleGuard | None = None,
    ) -> "Ruler":
        """Return what rules the statements of a session."""
        made = Ruler(encoding, denied=self._denied)
        self.rule_anew(made, name, postgres, context, guard)
        return made

    def rule_anew(
        self,
        ruler: "Ruler",
        name: str,
        postgres: PostgresService,
        context: Context,
        guard: RoleGuard | None = None,
    ) -> None:
        """Have a session follow other policies, or another context; raise RefusedError."""
        engine = self._engine(name, postgres)
        ruler.guard = guard
        if ruler.every or engine.rules_statements:
            ruler.ruler = StatementRuler(engine, context, self._now, encoding=ruler.encoding)

    def _engine(self, name: str, postgres: PostgresService) -> Engine:
        found = self._engines.get(name)
        if found is None or found[0] is not postgres:
            postgres.check_policies()
            found = self._engines[name] = postgres, Engine.compile(postgres.policies)
        return found[1]


@dataclass(slots=True)
class Ruler:
    """Rules statements as the relay asks; ``encoding`` is the client's.

    ``ruler`` is None as long as no policy is about statements. ``denied`` hears of each denial.
    """

    encoding: str
    ruler: StatementRuler | None = None
    guard: RoleGuard | None = None
    denied: Callable[[Decision], None] = lambda _: None

    @property
    def every(self) -> bool:
        """Whether a policy is about statements."""
        return self.ruler is not None

    def statement(self, kind: Way, text: bytes | None, *, whole: bool) -> Denial | None:
        """Return a denial, or None to let the statement pass."""
        found = None
        if self.guard is not None and text is not None and kind != "function":
            found = self.guard.denial(text, encoding=self.encoding)
        if found is None and self.ruler is not None:
            found = self.ruler.statement(kind, text, whole=whole)
        return None if found is None else self._told(found)

    def rest(self) -> Rest | None:
        """Return what looks at a text that passes in pieces."""
        return None if self.guard is None else _Rest(self.guard.follow(), self._told)

    def _told(self, decision: Decision) -> Denial:
        self.denied(decision)
        return Denial(decision.name, decision.reason)

    def parameter_status(self, name: str, value: str) -> None:
        """Take note of what PostgreSQL reports."""
        if name == "client_encoding":
            self.encoding = value
        if self.ruler is not None:
            self.ruler.parameter_status(name, value)


@dataclass(frozen=True, slots=True)
class _Rest:
    following: Following
    told: Callable[[Decision], Denial]

    def take(self, data: bytes | memoryview) -> Denial | None:
        """Take the next bytes."""
        found = self.following.take(data)
        return None if found is None else self.told(found)
