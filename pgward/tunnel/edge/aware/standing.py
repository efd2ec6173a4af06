"""Whether a session that runs may go on, as snapshots change what its service allows.

It may if it could begin with what the service and the person's groups and grants are now, at the
time when it began (time alone ends none but what rests on grants), and would land where it is.
Rules for its statements, and what is recorded of it, follow at once. What else begins with a
session stays: its settings, its reason, and what the CA knew of its login, if it was asked.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pgward.client.edge_calls import LoginFacts
from pgward.tunnel.edge.aware.facts import Asked, Ready
from pgward.tunnel.edge.aware.judge import Judge, Ruler
from pgward.tunnel.edge.aware.login_book import is_wanted
from pgward.tunnel.edge.aware.recorded import Recorded
from pgward.tunnel.edge.aware.refusals import check_recording, check_way
from pgward.tunnel.edge.grants import NOTHING, Granted
from pgward.tunnel.edge.state import EdgeState
from pgward.tunnel.edge.state_postgres import Config, PostgresService
from pgward.tunnel.edge.timed import over
from pgward.tunnel.preface import Reason, RefusedError


@dataclass(slots=True)
class Standing:
    """One session's; ``ca_now`` is the time at the CA."""

    judge: Judge
    ready: Ready
    ruler: Ruler
    ca_now: Callable[[], datetime]

    @property
    def recorded(self) -> Recorded:
        """How the session is recorded now."""
        return self.ready.decided.recorded

    def lacks_login(self, postgres: PostgresService) -> bool:
        """Tell whether newer rules look at a login of which nothing is known here."""
        asked = self.ready.decided.asked
        return asked.login is None and postgres is not asked.postgres and is_wanted(postgres)

    def know(self, login: LoginFacts) -> None:
        """Hear what the CA knows of the login."""
        decided = self.ready.decided
        asked = replace(decided.asked, login=login)
        self.ready = replace(self.ready, decided=replace(decided, asked=asked))

    def adopt(self, state: EdgeState, name: str, postgres: PostgresService) -> None:
        """Go on under a newer configuration; raise RefusedError if the session must end."""
        before = self.ready.decided.asked
        groups, granted = state.people.get(before.user, ()), self._granted(state, name)
        same = groups == before.groups and granted.gives_as(before.granted)
        if postgres is before.postgres and same:
            if self.recorded.recipient is not None and state.recipient is not None:
                decided = replace(self.ready.decided, recipient=state.recipient)
                self.ready = replace(self.ready, decided=decided)
            return
        if self.ready.decided.rests_on_grant and granted.role is None:
            raise over(name)
        asked = replace(before, postgres=postgres, groups=groups, granted=granted)
        config = self._check(asked)
        recipient = check_recording(config, state)
        decided = replace(self.ready.decided, asked=asked, config=config, recipient=recipient)
        self.judge.rule_anew(self.ruler, name, postgres, asked.context(), decided.guard)
        self.ready = replace(self.ready, decided=decided)

    def _granted(self, state: EdgeState, name: str) -> Granted:
        service = state.services.get(name)
        user = self.ready.decided.asked.user
        return NOTHING if service is None else service.granted(user, self.ca_now())

    def _check(self, asked: Asked) -> Config:
        """Return its configuration; RefusedError unless it could begin so, and would be there."""
        check_way(asked)
        context, landed = asked.context(), self.ready.decided.landing
        self.judge.connect(asked.service, asked.postgres, context, asked.started)
        config = asked.postgres.choose(self.judge.variables(context, asked.started))
        found = asked.landing(config)
        is_there = self.ready.upstream.address in config.upstreams
        if not is_there or (found.user, found.database) != (landed.user, landed.database):
            raise RefusedError(
                Reason.DENIED, "the service leads you elsewhere now", hint="connect again"
            )
        return config
