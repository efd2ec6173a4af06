"""What becomes of a session when its service, its policies or its person's groups change."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pgward.client.edge_calls import LoginFacts
from pgward.core.address import Address
from pgward.pgwire import frontend
from pgward.policy import cel
from pgward.policy.context import On
from pgward.policy.model import Condition, Effect, How, Policy, Rule
from pgward.tunnel.edge.aware.facts import Asked, Decided, Ready
from pgward.tunnel.edge.aware.judge import Judge
from pgward.tunnel.edge.aware.recorded import Recorded
from pgward.tunnel.edge.aware.standing import Standing
from pgward.tunnel.edge.carrying import Client
from pgward.tunnel.edge.state_postgres import ConfigRule, DatabaseRule, UserRule
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.authority import MovableClock
from tests.fixtures.aware_sessions import ALICE, CONFIG, GUEST, NOW, POSTGRES, World, service
from tests.fixtures.granting import grants, person
from tests.fixtures.session_bench import ORDERS, state


def policy(source: str, effect: Effect = Effect.ALLOW, on: On = On.CONNECT) -> Policy:
    return Policy("p", (Rule("r", effect, Condition(How.MATCH, source), on=on, reason="so it is"),))


STAFF = policy("'staff' in ctx.user.groups")
READS = policy("!ctx.request.postgres.statement.reads", Effect.DENY, On.STATEMENT)


@dataclass
class Bench:
    standing: Standing
    clock: MovableClock
    live: tuple = ()

    def adopt(self, postgres, groups=("dba", "staff")) -> None:
        made = replace(ORDERS, grants=grants(alice=person(*self.live, role="a_1")))
        known = replace(state(), people={"alice": groups}, services={"orders": made})
        self.standing.adopt(known, "orders", postgres)

    def refused(self, postgres, groups=("dba", "staff")) -> str:
        with pytest.raises(RefusedError) as caught:
            self.adopt(postgres, groups)
        assert caught.value.reason is Reason.DENIED
        return caught.value.message


def bench(postgres=POSTGRES, peer=ALICE, *live, **parameters: str) -> Bench:
    """Return a session that began at noon; it is three hours later."""
    clock = MovableClock(NOW)
    judge = Judge(clock.now)
    client = Client(SimpleNamespace(), None, peer, "10.0.0.7:5555")
    parameters = {"user": "alice", **parameters}
    asked = Asked(1, "b-1", client, "orders", postgres, ("dba", "staff"), parameters, NOW)
    asked = replace(asked, granted=grants(alice=person(*live, role="a_1")).of("alice", NOW))
    landed = asked.landing(postgres.default)
    decided = Decided(asked, postgres.default, landed, "", 0)
    upstream = Upstream(SimpleNamespace(), Address("db", 5432), {}, (0, b""), 0, "scram")
    ruler = judge.ruling("orders", postgres, asked.context(), "UTF8", decided.guard)
    clock.move(hours=3)
    return Bench(
        Standing(judge, Ready(decided, Credentials(), upstream), ruler, clock.now), clock, live
    )


def test_what_changes_nothing_for_it_lets_it_go_on():
    made = bench()
    made.adopt(POSTGRES)
    made.adopt(replace(POSTGRES, reason_required=True))  # it is asked as a session begins
    made.adopt(replace(POSTGRES, policies=(STAFF,)))
    assert not made.standing.ruler.every
    assert made.standing.ready.decided.asked.postgres.policies == (STAFF,)


def test_a_policy_that_denies_it_ends_it():
    assert bench().refused(replace(POSTGRES, policies=(policy("true", Effect.DENY),))) == "so it is"
    missing = replace(POSTGRES, missing_policies=("gone",))
    assert "gone does not exist" in bench().refused(missing)


def test_who_is_out_of_a_group_is_judged_anew():
    ruled = replace(POSTGRES, policies=(STAFF,))
    made = bench(ruled)
    made.adopt(ruled, ("staff",))
    assert "no rule of policy p allows it" in made.refused(ruled, ("dba",))


def test_time_alone_ends_none():
    end = (NOW + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    at_noon = policy(f"ctx.now < timestamp('{end}')")
    bench().adopt(replace(POSTGRES, policies=(at_noon,)))
    rules = (ConfigRule(at_noon_match(end), "noon"),)
    bench().adopt(replace(POSTGRES, default=None, configs={"noon": CONFIG}, rules=rules))


def at_noon_match(end: str):
    return cel.compile(f"ctx.now < timestamp('{end}')")


# --- what rests on grants -----------------------------------------------------------------

EVENING = NOW + timedelta(hours=9)
WRITING = policy("'writing' in ctx.user.grants")
BY_GRANT = replace(POSTGRES, default=replace(CONFIG, user=UserRule(from_grant=True)))


def test_who_lands_by_a_grant_goes_with_its_end():
    made = bench(BY_GRANT, ALICE, (EVENING, ["writing"]))
    made.adopt(BY_GRANT)
    made.clock.move(hours=6)
    with pytest.raises(RefusedError, match="your access to orders has ended") as caught:
        made.adopt(BY_GRANT)
    assert caught.value.reason is Reason.ACCESS_ENDED


def test_a_policy_sees_the_grants_of_now():
    """As ``timed`` has a session looked at again when one of several ends."""
    ruled = replace(POSTGRES, policies=(WRITING,))
    ends = NOW + timedelta(hours=4)
    made = bench(ruled, ALICE, (ends, ["writing"]), (EVENING, ["reading"]))
    made.adopt(ruled)
    assert made.standing.ready.decided.asked.granted.names == ("reading", "writing")
    made.clock.move(hours=1)
    assert "no rule of policy p allows it" in made.refused(ruled)


def test_more_of_it_changes_nothing_else():
    ruled = replace(POSTGRES, policies=(WRITING,))
    made = bench(ruled, ALICE, (EVENING, ["writing"]))
    before = made.standing.ready
    made.live = ((EVENING + timedelta(hours=1), ["writing"]),)
    made.adopt(ruled)
    assert made.standing.ready is before


@pytest.mark.parametrize(("peer", "ways"), [(ALICE, {"otp"}), (GUEST, {"token", "certificate"})])
def test_by_a_way_that_is_closed_nobody_stays(peer, ways):
    made = bench(peer=peer)
    assert "nobody in by" in made.refused(replace(POSTGRES, login=frozenset(ways)))


@pytest.mark.parametrize(
    "changes",
    [
        {"user": UserRule(force="reader")},
        {"database": DatabaseRule(force="test")},
        {"upstreams": (Address("elsewhere", 5432),)},
    ],
)
def test_who_would_land_elsewhere_does_not_stay(changes):
    elsewhere = replace(POSTGRES, default=replace(CONFIG, **changes))
    assert bench().refused(elsewhere) == "the service leads you elsewhere now"


def test_what_may_not_be_asked_for_any_more_ends_it():
    forbidding = replace(CONFIG, forbidden_parameters=frozenset({"work_mem"}))
    postgres = replace(POSTGRES, default=forbidding)
    bench().adopt(postgres)
    assert "forbids the parameter" in bench(work_mem="1GB").refused(postgres)
    chosen = replace(CONFIG, user=UserRule(allow=frozenset({"ro", "rw"}), default="ro"))
    fewer = replace(chosen, user=UserRule(allow=frozenset({"ro"}), default="ro"))
    made = bench(replace(POSTGRES, default=chosen), user="rw")
    assert "may not connect as the user 'rw'" in made.refused(replace(POSTGRES, default=fewer))


def test_another_server_of_the_service_is_none_of_its_business():
    more = replace(CONFIG, upstreams=(Address("db2", 5432), *CONFIG.upstreams))
    bench().adopt(replace(POSTGRES, default=more))


def test_statements_follow_newer_rules_at_once():
    made = bench(replace(POSTGRES, policies=(READS,)))
    ruler = made.standing.ruler
    assert ruler.statement("query", b"delete from t", whole=True) is not None
    made.adopt(POSTGRES)
    assert ruler.statement("query", b"delete from t", whole=True) is None
    made.adopt(replace(POSTGRES, policies=(READS,)))
    assert ruler.statement("query", b"delete from t", whole=True) is not None
    assert made.standing.ruler is ruler


def test_rules_see_the_groups_of_now():
    for_staff = policy("!('staff' in ctx.user.groups)", Effect.DENY, On.STATEMENT)
    ruled = replace(POSTGRES, policies=(for_staff,))
    made = bench(ruled)
    ruler = made.standing.ruler
    assert ruler.statement("query", b"select 1", whole=True) is None
    made.adopt(ruled, ("dba",))
    assert ruler.statement("query", b"select 1", whole=True) is not None


def test_where_no_rule_was_there_is_one_now():
    made = bench()
    made.adopt(replace(POSTGRES, policies=(READS,)))
    assert made.standing.ruler.every


def test_the_role_is_protected_as_the_service_says_now():
    made, text = bench(), b"alter role app nologin"
    ruler = made.standing.ruler
    assert ruler.statement("query", text, whole=True) is not None
    made.adopt(replace(POSTGRES, default=replace(CONFIG, protect_role=False)))
    assert ruler.statement("query", text, whole=True) is None
    made.adopt(POSTGRES)
    assert ruler.statement("query", text, whole=True) is not None


def test_a_whole_session_follows(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        live = await world.open()
        assert live is not None
        live.start()
        known = replace(state(), people={"alice": ("dba",)})
        live.adopt(known, service(READS))
        world.far.write(frontend.query(b"delete from t"))
        (database,) = world.upstreams.databases
        got = await asyncio.get_running_loop().sock_recv(database, 1000)
        assert b"pgward_denied" in got
        with pytest.raises(RefusedError, match="so it is"):
            live.adopt(known, service(policy("true", Effect.DENY)))
        world.close()

    run(main())


# --- what is recorded ---------------------------------------------------------------------


def recorded(level="results", **config):
    return replace(POSTGRES, default=replace(CONFIG, recording=level, **config))


def test_what_is_recorded_follows_the_service():
    made = bench()
    made.standing.adopt(replace(state(), recipient="age1a"), "orders", recorded(result_limit=9))
    assert made.standing.recorded == Recorded("results", "age1a", 9)
    made.standing.adopt(replace(state(), recipient="age1a"), "orders", recorded("statements"))
    assert made.standing.recorded == Recorded("statements", "age1a", None)
    made.adopt(recorded("none"))
    assert made.standing.recorded == Recorded("none", None, None)


def test_another_key_is_taken_up_where_nothing_else_changes():
    made = bench()
    service = recorded("statements")
    for key in ("age1a", "age1b"):
        known = replace(state(), recipient=key, people={"alice": ("dba", "staff")})
        made.standing.adopt(known, "orders", service)
        assert made.standing.recorded.recipient == key
    made.adopt(service)  # a snapshot without a key, of which nothing is recorded
    assert made.standing.recorded.recipient == "age1b"


def test_without_a_key_nothing_goes_on_unrecorded():
    with pytest.raises(RefusedError, match="the edge has no key for that"):
        bench().standing.adopt(state(), "orders", recorded())


def test_rules_that_look_at_a_login_of_which_nobody_knows():
    made = bench()
    asking = replace(POSTGRES, policies=(policy("ctx.user.email == 'a@x'"),))
    assert not made.standing.lacks_login(replace(POSTGRES, reason_required=True))
    assert made.standing.lacks_login(asking)
    made.standing.know(LoginFacts("a@x", (), None, device_approved=False, posture={}))
    assert not made.standing.lacks_login(asking)
    made.adopt(asking)
    assert "no rule of policy p allows it" in made.refused(
        replace(POSTGRES, policies=(policy("ctx.user.email == 'b@x'"),))
    )


def test_who_began_while_the_ca_was_away_is_asked_about_when_something_changes():
    asking = replace(POSTGRES, policies=(policy("ctx.device.id == ''"),))
    made = bench(asking)
    assert not made.standing.lacks_login(asking)
    assert made.standing.lacks_login(replace(asking, reason_required=True))
