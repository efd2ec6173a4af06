from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access import flows
from pgward.access.flows import Asked, Flow, Glass, Rule
from pgward.access.people import People, Person
from pgward.access.rights import ObjectRights, Rights, matches
from pgward.core.errors import InvalidInputError

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
ANN = Person("ann", frozenset({"engineers"}))
HOUR = timedelta(hours=1)


def table(name="orders", *privileges, schema="public", database="shop", future=False):
    return ObjectRights(database, "table", schema, name, privileges or ("SELECT",), future)


def asked(*objects, roles=(), bundles=()):
    return Asked(frozenset(bundles), Rights(frozenset(roles), frozenset(objects)))


FLOW = Flow(
    "oncall",
    1,
    People.of(groups=["engineers"]),
    longest=8 * HOUR,
    usual=HOUR,
    lapses=24 * HOUR,
    services=frozenset({"shop"}),
    bundles=frozenset({"reading"}),
    bounds=Rights(
        frozenset({"reporting"}),
        frozenset(
            {
                table("*", "SELECT"),
                table("audit_*", "INSERT", "SELECT", schema="log"),
                table("orders", "UPDATE"),
            }
        ),
    ),
    glass=Glass(People.of(groups=["sre"]), HOUR),
)


def request(person=ANN, **change):
    given = {"reason": "TICKET-1", "seconds": 60, "break_glass": False} | change
    return flows.as_request(person, "shop", {"env": "prod"}, asked(bundles=["reading"]), **given)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (FLOW, True),
        (replace(FLOW, services=frozenset({"other"})), False),
        (replace(FLOW, services=frozenset(), labels={"env": "prod"}), True),
        (replace(FLOW, services=frozenset(), labels={"env": "prod", "team": "x"}), False),
        (replace(FLOW, services=frozenset()), False),
    ],
)
def test_a_flow_is_for_services_by_name_or_by_labels(flow, expected):
    assert flow.is_for("shop", {"env": "prod"}) is expected


def test_who_may_ask_and_who_may_break_the_glass():
    sam = Person("sam", frozenset({"sre"}))
    assert FLOW.lets_ask(ANN)
    assert not FLOW.lets_ask(ANN, break_glass=True)
    assert (FLOW.lets_ask(sam), FLOW.lets_ask(sam, break_glass=True)) == (False, True)
    assert not replace(FLOW, glass=None).lets_ask(sam, break_glass=True)


@pytest.mark.parametrize(
    ("wanted", "beyond"),
    [
        (asked(), None),
        (asked(bundles=["reading"], roles=["reporting"]), None),
        (asked(bundles=["writing"]), "the bundle writing"),
        (asked(roles=["postgres"]), "the role postgres"),
        (asked(table()), None),
        (asked(table("*")), None),
        (asked(table("orders", "SELECT", "UPDATE")), None),
        (asked(table("*", "UPDATE")), "UPDATE on table shop.public.*"),
        (asked(table("audit_x", "INSERT", schema="log")), None),
        (asked(table("audit_*y", "INSERT", schema="log")), None),
        (asked(table("a*", "INSERT", schema="log")), "INSERT on table shop.log.a*"),
        (asked(table(schema="*")), "SELECT on table shop.*.orders"),
        (asked(table(database="other")), "SELECT on table other.public.orders"),
        (asked(table(future=True)), "SELECT on table shop.public.orders and those to come"),
        (
            asked(ObjectRights("shop", "sequence", "public", "orders", ("SELECT",))),
            "SELECT on sequence shop.public.orders",
        ),
    ],
)
def test_what_is_asked_for_is_within_the_bounds(wanted, beyond):
    assert flows.uncovered(FLOW, wanted) == beyond


PATTERNS = st.text("ab*", min_size=1, max_size=5)


@given(PATTERNS, PATTERNS, st.text("ab", min_size=1, max_size=6))
def test_a_pattern_within_a_bound_means_nothing_beyond_it(bound, wanted, name):
    flow = replace(FLOW, bounds=Rights(objects=frozenset({table(bound)})))
    if flows.uncovered(flow, asked(table(wanted))) is None and matches(wanted, name):
        assert matches(bound, name)


@pytest.mark.parametrize(
    ("seconds", "break_glass", "expected"),
    [
        (None, False, HOUR),
        (60, False, timedelta(seconds=60)),
        (8 * 3600, False, 8 * HOUR),
        (3600, True, HOUR),
    ],
)
def test_how_long_it_is(seconds, break_glass, expected):
    assert FLOW.length(seconds, break_glass=break_glass) == expected


@pytest.mark.parametrize(
    ("seconds", "break_glass", "said"),
    [
        (59, False, "at least 60 seconds"),
        (8 * 3600 + 1, False, "for 8h at most, not 28801s"),
        (3660, True, "for 1h at most, not 61m"),
    ],
)
def test_too_long_and_too_short_are_refused(seconds, break_glass, said):
    with pytest.raises(InvalidInputError, match=said):
        FLOW.length(seconds, break_glass=break_glass)


MATCHING = replace(FLOW, reason="matching", pattern="ctx.request.reason.matches('^TICKET-')")


@pytest.mark.parametrize(
    ("flow", "change"),
    [
        (FLOW, {}),
        (replace(FLOW, reason="optional"), {"reason": ""}),
        (MATCHING, {}),
        # In an emergency there may be no ticket.
        (MATCHING, {"reason": "it burns", "break_glass": True}),
    ],
)
def test_reasons_that_do(flow, change):
    flows.check_reason(flow, request(**change), NOW)


@pytest.mark.parametrize(
    ("flow", "change", "said"),
    [
        (FLOW, {"reason": " \n"}, "a reason is asked for"),
        (replace(FLOW, reason="optional"), {"reason": "", "break_glass": True}, "is asked for"),
        (MATCHING, {"reason": "please"}, "not as the flow oncall wants it"),
        (FLOW, {"reason": "x" * 501}, "at most 500"),
        (FLOW, {"reason": "a\u202eb"}, "printable"),
    ],
)
def test_reasons_that_do_not(flow, change, said):
    with pytest.raises(InvalidInputError, match=said):
        flows.check_reason(flow, request(**change), NOW)


def test_the_first_rule_that_holds_says_yes_and_what_fails_says_no():
    rules = (
        Rule("fails", "ctx.service.labels['none'] == 'x'"),
        Rule("nobody", "'nobody' in ctx.user.groups"),
        Rule("short", "ctx.request.seconds < 120"),
        Rule("any", "true"),
    )
    flow = replace(FLOW, automatic=rules)
    assert flows.rule_for(flow, request(), NOW) == "short"
    assert flows.rule_for(replace(flow, automatic=rules[:2]), request(), NOW) is None


def test_what_is_asked_for_is_kept_and_described():
    wanted = asked(table("orders", "SELECT", "UPDATE"), roles=["reporting"], bundles=["reading"])
    assert Asked.read(wanted.to_json()) == wanted
    assert flows.described(wanted) == (
        "bundle reading",
        "role reporting",
        "SELECT, UPDATE on table shop.public.orders",
    )
    assert wanted.names == ("reading", "reporting")
    assert not asked()


@pytest.mark.parametrize("kept", [{}, {"bundles": ["A B"], "roles": [], "objects": []}])
def test_what_was_not_kept_so_is_refused(kept):
    with pytest.raises(InvalidInputError):
        Asked.read(kept)


def test_one_database_is_asked_for():
    with pytest.raises(InvalidInputError, match="in one database"):
        flows.check_asked(asked(table(database="*")))
