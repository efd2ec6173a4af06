"""The policies of services, compiled once, and what they say of a session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pgward.policy import cel
from pgward.policy.cel import Variables
from pgward.policy.context import Context
from pgward.policy.rules import Decision, Engine
from pgward.policy.ruling import StatementRuler
from pgward.tunnel.aware.ruling import Denial, Way
from pgward.tunnel.edge.state_postgres import PostgresService
from pgward.tunnel.preface import Reason, RefusedError

Now = Callable[[], datetime]


class Judge:
    """Decides by services' policies; an engine is kept as long as its service stays the same."""

    def __init__(self, now: Now) -> None:
        self._now = now
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
                hint="pgward policy explain tells administrators more",
                sqlstate="42501",
            )
        return named(decision)

    def ruling(
        self, name: str, postgres: PostgresService, context: Context, encoding: str
    ) -> "Ruler | None":
        """Return what rules the statements of a session; None where no rule is about any."""
        engine = self._engine(name, postgres)
        if not engine.rules_statements:
            return None
        return Ruler(StatementRuler(engine, context, self._now, encoding=encoding), encoding)

    def rule_anew(
        self, ruler: "Ruler", name: str, postgres: PostgresService, context: Context
    ) -> None:
        """Have a session that is ruled follow other policies, or another context."""
        engine = self._engine(name, postgres)
        ruler.ruler = StatementRuler(engine, context, self._now, encoding=ruler.encoding)

    def _engine(self, name: str, postgres: PostgresService) -> Engine:
        found = self._engines.get(name)
        if found is None or found[0] is not postgres:
            postgres.check_policies()
            found = self._engines[name] = postgres, Engine.compile(postgres.policies)
        return found[1]


@dataclass(slots=True)
class Ruler:
    """Rules statements as the relay asks; ``encoding`` is the client's."""

    ruler: StatementRuler
    encoding: str

    def statement(self, kind: Way, text: bytes | None, *, whole: bool) -> Denial | None:
        """Return a denial, or None to let the statement pass."""
        found = self.ruler.statement(kind, text, whole=whole)
        return None if found is None else Denial(named(found), found.reason)

    def parameter_status(self, name: str, value: str) -> None:
        """Take note of what PostgreSQL reports."""
        if name == "client_encoding":
            self.encoding = value
        self.ruler.parameter_status(name, value)


def named(decision: Decision) -> str:
    """Return policy and rule of a decision as people read them."""
    return f"{decision.policy}/{decision.rule}" if decision.rule else decision.policy
