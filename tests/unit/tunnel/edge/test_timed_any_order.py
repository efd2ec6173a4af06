"""Whatever happens, in whatever order: no session at an edge outlives what it knows of a grant."""

from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pgward.tunnel.edge.ca_time import CaTime
from pgward.tunnel.edge.state import EdgeState, Peer
from pgward.tunnel.edge.timed import Timed
from pgward.tunnel.preface import RefusedError
from tests.fixtures.authority import MovableClock
from tests.fixtures.granting import grants, person
from tests.fixtures.session_bench import ISSUER, NOW, ORDERS, state

PEER = Peer("alice", 7, ISSUER, NOW + timedelta(days=30))
SECONDS = st.integers(1, 40)


@dataclass(eq=False)
class Link:
    edge: "Edge"
    peer: Peer = PEER
    service: str = "orders"
    is_cut: bool = False

    def adopt(self, known: EdgeState) -> None:
        at = self.edge.time.now()
        known.may_go_on(self.peer, self.service, at)
        self.edge.timed.note(self, known, at)

    def cut(self, _reason, _why=None) -> None:
        self.is_cut = True

    def remind(self, _seconds, *, stands) -> None: ...


class Edge(RuleBasedStateMachine):
    """An edge, its CA, which may be away, and a clock that somebody sets."""

    def __init__(self) -> None:
        super().__init__()
        self.true = 0
        self.clock, self.skew = MovableClock(NOW), timedelta()
        self.time = CaTime(self.clock, lambda: self.skew, lambda: float(self.true))
        self.timed = Timed()
        self.links: list[Link] = []
        self.is_away = False
        self.was_put_forward = False
        self.at_ca: dict[int, int] = {}  # grants' ends, in seconds
        self.known: dict[int, int] = {}
        self.state = self.snapshot()

    def snapshot(self) -> EdgeState:
        live = [(NOW + timedelta(seconds=end), [f"g{n}"]) for n, end in self.known.items()]
        service = replace(ORDERS, users=frozenset(), grants=grants(alice=person(*live)))
        return state(services={"orders": service})

    def hears(self) -> None:
        """The edge hears what the CA has, and what time it is there."""
        if self.is_away:
            return
        self.skew = self.clock.now() - (NOW + timedelta(seconds=self.true))
        self.was_put_forward = False
        self.known = dict(self.at_ca)
        self.state = self.snapshot()
        for link in self.running():
            try:
                link.adopt(self.state)
            except RefusedError:
                link.cut(None)

    def running(self) -> list[Link]:
        self.links = [link for link in self.links if not link.is_cut]
        return self.links

    @rule(seconds=SECONDS)
    def grant(self, seconds):
        self.at_ca[len(self.at_ca)] = self.true + seconds
        self.hears()

    @precondition(lambda self: self.at_ca)
    @rule(which=st.integers(0, 100), seconds=SECONDS)
    def extend(self, which, seconds):
        self.at_ca[which % len(self.at_ca)] = self.true + seconds
        self.hears()

    @precondition(lambda self: self.at_ca)
    @rule(which=st.integers(0, 100))
    def revoke(self, which):
        self.at_ca[which % len(self.at_ca)] = self.true
        self.hears()

    @rule()
    def connect(self):
        try:
            self.state.authorize(PEER, "orders", NOW, self.time.now())
        except RefusedError:
            return
        made = Link(self)
        self.timed.note(made, self.state, self.time.now())
        self.links.append(made)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds):
        for _ in range(seconds):
            before, entitled = self.running(), self.is_entitled(1)
            self.true += 1
            self.clock.move(seconds=1)
            self.timed.look(self.state, self.time.now())
            if entitled and not self.was_put_forward:
                assert not any(link.is_cut for link in before)

    @rule(seconds=st.integers(-100_000, 100))
    def somebody_sets_the_clock(self, seconds):
        self.clock.move(seconds=seconds)
        self.was_put_forward |= seconds > 0

    @rule(away=st.booleans())
    def the_ca_comes_and_goes(self, away):
        self.is_away = away
        self.hears()

    def is_entitled(self, later: int = 0) -> bool:
        return any(self.true + later < end for end in self.known.values())

    @invariant()
    def no_session_outlives_its_grant(self):
        self.timed.look(self.state, self.time.now())
        assert self.is_entitled() or not self.running()


TestEdge = Edge.TestCase
TestEdge.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
