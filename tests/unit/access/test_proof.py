from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.access.proof import Given, Right, Rules, Server, Somebody
from pgward.core.errors import InvalidInputError
from tests.fixtures.proof_worlds import RandomWorld, document

ORDERS, CUSTOMERS = ("shop", "public", "orders"), ("shop", "public", "customers")
USE = Right("USAGE", "shop", "public")
READ, WRITE = Right("SELECT", *ORDERS), Right("INSERT", *ORDERS)
SERVER = Server(
    "db1",
    frozenset({ORDERS, CUSTOMERS}),
    {"reporting": frozenset({USE, Right("SELECT", *CUSTOMERS)})},
)
PLACE = {"database": "shop", "schema": "public"}
READING = [{**PLACE, "grant": ["USAGE"]}, {**PLACE, "tables": ["o*"], "grant": ["SELECT"]}]
INTEGRATION = document("Integration", "shop-db", roleName="jit_{user}", hosts=["db1"])
BUNDLE = document("RoleBundle", "reading", integrations=["shop-db"], privileges=READING)
MEMBER = document("RoleBundle", "member", integrations=["shop-db"], roles=["reporting"])
FLOW = document(
    "AccessFlow",
    "oncall",
    services=["wire", "shop"],
    who={"groups": ["engineers"]},
    bundles=["reading", "member"],
    roles=["reporting"],
    privileges=READING,
)
ENTRY = document("AccessFlow", "entry", services=["wire"], who={"users": ["ann"]})
MAP = document("RoleMap", "m", hosts=["db1"], rules=[{"groups": ["dba"], "roles": ["reporting"]}])
WIRE = document("Service", "wire", allow={"groups": ["dba"]}, integration="shop-db")
PEOPLE = {
    "ann": Somebody("ann", frozenset({"engineers"})),
    "dora": Somebody("dora", frozenset({"dba"})),
}
READS = Given("ann", "wire", "oncall", frozenset({"reading"}))


def aware(policy=None, auth=None, **user):
    """A service in ``mode: postgres``."""
    postgres = {"user": user, "auth": auth or {"certificate": {"minutes": 5}}}
    if policy is not None:
        postgres["policy"] = policy
    return document("Service", "shop", allow={}, integration="shop-db", postgres=postgres)


def rules(*given_, shop=None, more=(), without=(), people=PEOPLE):
    resources = [INTEGRATION, BUNDLE, MEMBER, FLOW, ENTRY, MAP, WIRE, shop or aware(fromGrant=True)]
    kept = [each for each in resources if each not in without]
    return Rules([*kept, *more], people, SERVER, given_)


def at(service, **changes):
    return replace(READS, service=service, **changes)


def test_who_has_nothing_comes_in_nowhere():
    nothing = rules()
    for mode, service in (("native", ""), ("tunnel", "wire"), ("aware", "shop")):
        assert nothing.as_whom(mode, "ann", service, "jit_ann") is None


def test_who_is_named_comes_in_as_the_map_says():
    found = rules()
    assert found.native("dora") == {"reporting"}
    assert found.as_whom("tunnel", "dora", "wire", "reporting") == "reporting"
    assert found.as_whom("tunnel", "dora", "wire", "dora") is None
    assert found.as_whom("aware", "dora", "shop", "reporting") is None


def test_a_grant_opens_its_service_and_the_role_counts_everywhere():
    found = rules(READS)
    assert found.as_whom("native", "ann", "", "jit_ann") == "jit_ann"
    assert found.as_whom("tunnel", "ann", "wire", "jit_ann") == "jit_ann"
    assert not found.enters("ann", "shop")
    assert found.may("native", "ann", "", "jit_ann") == {READ}


def test_rights_of_several_grants_add_up():
    found = rules(READS, at("shop", bundles=frozenset({"member"})))
    assert found.may("aware", "ann", "shop", "jit_ann") == {READ, Right("SELECT", *CUSTOMERS)}
    found = rules(at("shop", bundles=frozenset(), roles=frozenset({"reporting"})))
    assert found.may("aware", "ann", "shop", "jit_ann") == {Right("SELECT", *CUSTOMERS)}


def test_a_table_in_a_schema_that_one_may_not_use_is_nothing():
    bare = at("wire", bundles=frozenset(), rights=frozenset({READ}))
    assert rules(bare).rights("jit_ann") == {READ}
    assert rules(bare).may("native", "ann", "", "jit_ann") == frozenset()


@pytest.mark.parametrize("without", [FLOW, INTEGRATION, WIRE])
def test_a_grant_is_as_good_as_what_it_rests_on(without):
    assert rules(READS).live() == (READS,)
    found = rules(READS, without=[without])
    assert (found.live(), found.native("ann")) == ((), frozenset())


def test_of_a_bundle_that_is_no_more_nothing_is_left():
    assert rules(READS, without=[BUNDLE]).live() == ()


def test_who_is_blocked_has_nothing():
    people = {"ann": replace(PEOPLE["ann"], blocked=True)}
    found = rules(READS, people=people)
    assert (found.live(), found.native("ann")) == ((), frozenset())
    assert not found.enters("ann", "wire")


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (READS, True),
        (at("shop"), True),
        (at("wire", roles=frozenset({"reporting"})), True),
        (at("wire", rights=frozenset({READ, USE})), True),
        (at("wire", rights=frozenset({WRITE})), False),
        (at("wire", rights=frozenset({Right("SELECT", *CUSTOMERS)})), False),
        (at("wire", roles=frozenset({"app"})), False),
        (at("wire", bundles=frozenset({"other"})), False),
        (at("else"), False),
        (replace(READS, person="dora"), False),
        (replace(READS, person="nobody"), False),
        (replace(READS, flow="other"), False),
        (at("wire", bundles=frozenset()), False),
        (at("wire", bundles=frozenset(), flow="entry"), True),
        (at("wire", flow="entry"), False),
    ],
)
def test_a_flow_lets_ask_for_what_it_names(wish, expected):
    assert rules().may_ask(wish) is expected


def test_the_way_in_gives_no_role():
    entry = Given("ann", "wire", "entry")
    found = rules(entry)
    assert found.enters("ann", "wire")
    assert (found.native("ann"), entry.names) == (frozenset(), {"entry"})


@pytest.mark.parametrize(
    ("user", "asked", "expected"),
    [
        ({"fromGrant": True}, "ann", "jit_ann"),
        ({"fromGrant": True}, "jit_ann", "jit_ann"),
        ({"fromGrant": True}, "reporting", None),
        ({"fromGrant": True, "allow": ["reporting"]}, "reporting", "reporting"),
        ({"fromGrant": True, "default": "reporting"}, "ann", "jit_ann"),
        ({"fromPerson": True}, "", "ann"),
        ({"default": "reporting"}, "ann", "reporting"),
        ({"allow": ["reporting"]}, "ann", None),
        ({"force": "app"}, "whoever", "app"),
    ],
)
def test_whoever_has_a_grant_lands_as_the_service_says(user, asked, expected):
    shop = aware(auth={"password": {}}, **user)
    assert rules(at("shop"), shop=shop).lands("ann", "shop", asked) == expected


def test_a_minted_certificate_is_taken_for_the_roles_of_the_map():
    grant = at("shop")
    assert rules(grant).lands("ann", "shop", "ann") == "jit_ann"
    assert rules(grant, shop=aware(force="app")).lands("ann", "shop", "ann") is None


def test_the_first_rule_that_matches_says_how_somebody_lands():
    shop = aware(fromGrant=True)
    shop["spec"]["postgres"] |= {
        "configs": {"one": {"user": {"force": "one"}}, "two": {"user": {"force": "two"}}},
        "rules": [
            {"match": "'writing' in ctx.user.grants", "config": "one"},
            {"matchAny": True, "config": "two"},
        ],
        "auth": {"password": {}},
    }
    assert rules(at("shop"), shop=shop).lands("ann", "shop", "ann") == "two"
    assert rules(at("shop")).lands("ann", "shop", "ann") == "jit_ann"


@pytest.mark.parametrize(("labels", "expected"), [({"env": "prod", "a": "b"}, True), ({}, False)])
def test_flows_may_be_about_services_with_labels(labels, expected):
    flow = document("AccessFlow", "labelled", **FLOW["spec"])
    del flow["spec"]["services"]
    flow["spec"]["serviceLabels"] = {"env": "prod"}
    wire = document("Service", "wire", **WIRE["spec"], labels=labels)
    found = rules(more=[flow, wire], without=[WIRE])
    assert found.may_ask(replace(READS, flow="labelled")) is expected


@pytest.mark.parametrize(
    ("policy", "lets"),
    [
        ({"rules": []}, True),
        ({"rules": [("ALLOW", "'reading' in ctx.user.grants")]}, True),
        ({"rules": [("ALLOW", "'writing' in ctx.user.grants")]}, False),
        ({"rules": [("ALLOW", "!('writing' in ctx.user.grants)")]}, True),
        ({"rules": [("DENY", "'engineers' in ctx.user.groups")]}, False),
        ({"rules": [("DENY", "'dba' in ctx.user.groups")]}, False),
        (
            {
                "rules": [("DENY", "'dba' in ctx.user.groups")],
                "connect": {"default": "ALLOW"},
            },
            True,
        ),
        (
            {
                "rules": [
                    ("ALLOW", "'reading' in ctx.user.grants"),
                    ("DENY", "'engineers' in ctx.user.groups && 'reading' in ctx.user.grants"),
                ]
            },
            False,
        ),
    ],
)
def test_policies_decide_about_who_may_come(policy, lets):
    made = [{"name": "r", "effect": effect, "condition": c} for effect, c in policy["rules"]]
    shop = aware(policy=policy | {"rules": made}, fromGrant=True)
    found = rules(at("shop"), shop=shop).lands("ann", "shop", "ann")
    assert (found is not None) is lets


def test_policies_decide_about_statements_at_the_aware_edge_alone():
    deny = {
        "name": "r",
        "effect": "DENY",
        "on": "statement",
        "condition": "ctx.request.postgres.statement.reads",
    }
    found = rules(at("shop"), shop=aware(policy={"rules": [deny]}, fromGrant=True))
    assert found.may("aware", "ann", "shop", "jit_ann") == frozenset()
    assert found.may("native", "ann", "", "jit_ann") == {READ}
    default = {"rules": [], "statements": {"default": "DENY"}}
    found = rules(at("shop"), shop=aware(policy=default, fromGrant=True))
    assert found.may("aware", "ann", "shop", "jit_ann") == frozenset()


def test_a_condition_that_is_not_known_is_no_guess():
    rule = {"name": "r", "effect": "ALLOW", "condition": "true"}
    shop = aware(policy={"rules": [rule]}, fromGrant=True)
    with pytest.raises(InvalidInputError, match="does not know the condition 'true'"):
        rules(at("shop"), shop=shop).lands("ann", "shop", "ann")


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_nobody_has_what_nobody_gave(seed):
    """Of every world that the proof is run with: less given is never more allowed."""
    world = RandomWorld(seed, ["ann", "bob", "cat"], 5432)
    bare = world.rules()
    full = replace(bare, given=tuple(world.wishes(bare)))
    changed, _ = world.changed(full)
    for name in bare.people:
        role = f"jit_{name}"
        assert bare.rights(role) == frozenset()
        assert bare.native(name) <= full.native(name)
        assert full.may("aware", name, "granted", role) <= full.may("native", name, "", role)
        if changed.people[name].blocked:
            assert not changed.native(name)
