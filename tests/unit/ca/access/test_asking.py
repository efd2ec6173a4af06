from datetime import timedelta

import pytest

from pgward.access.flows import Asked
from pgward.access.rights import Rights
from pgward.ca.store.schema_notices import notices
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
)
from tests.fixtures.access_world import BUNDLE, FLOW, SERVICE, on

NOTHING = Asked()


def test_a_request_waits_for_those_who_decide(access, clock):
    asked = access.ask()
    assert (asked.state, asked.flow, asked.integration) == ("pending", "oncall", "shop-db")
    assert asked.lapses_at == clock.now() + timedelta(hours=24)
    assert access.grant(asked.id) is None


@pytest.mark.parametrize(
    ("wish", "error", "said"),
    [
        ({"asked": NOTHING}, InvalidInputError, "nothing was named"),
        ({"asked": Asked(frozenset({"other"}))}, DeniedError, "does not offer the bundle other"),
        ({"asked": on("shop", "public", "t", "DELETE")}, DeniedError, "DELETE on table shop"),
        ({"asked": on("*")}, InvalidInputError, "in one database"),
        ({"seconds": 9 * 3600}, InvalidInputError, "for 8h at most"),
        ({"seconds": 1}, InvalidInputError, "at least 60"),
        ({"reason": ""}, InvalidInputError, "a reason is asked for"),
        ({"flow": "other"}, NotFoundError, "nothing that you may ask for"),
        ({"break_glass": True}, NotFoundError, "nothing that you may ask for"),
    ],
)
def test_what_cannot_be_asked_for(access, wish, error, said):
    with pytest.raises(error, match=said):
        access.ask(**wish)


@pytest.mark.parametrize("asked", [NOTHING, Asked(frozenset({"other"}))])
def test_the_hint_names_the_service(access, asked):
    with pytest.raises(PgwardError) as caught:
        access.ask(asked=asked)
    assert "`pgward request shop` shows what" in caught.value.hint


@pytest.mark.parametrize("user", ["dora", "adam", "olga"])
def test_whoever_may_not_ask_hears_of_no_service(access, user):
    with pytest.raises(NotFoundError, match="nothing that you may ask for on a service 'shop'"):
        access.ask(user)


def test_a_rule_says_yes_at_once_and_is_named(access, clock):
    access.flow(automatic=[{"name": "short", "match": "ctx.request.seconds <= 600"}])
    assert access.ask().state == "pending"
    asked = access.ask(seconds=600, asked=on())
    assert (asked.state, asked.rule) == ("approved", "short")
    grant = access.grant(asked.id)
    assert (grant.state, grant.role, grant.ends_at) == (
        "pending",
        "ann",
        clock.now() + timedelta(seconds=600),
    )


def test_a_flow_without_approvals_asks_nobody(access):
    access.flow(approvals=[])
    assert access.ask().state == "approved"


def test_what_only_lets_in_is_active_at_once(access):
    access.flow(bundles=None, roles=None, privileges=None, approvals=[])
    grant = access.grant(access.ask(asked=NOTHING).id)
    assert (grant.state, grant.integration, grant.role, grant.names) == (
        "active",
        None,
        None,
        ["oncall"],
    )


def test_the_flow_that_asks_nobody_is_taken_before_others(access):
    access.put("AccessFlow", "zz", FLOW | {"approvals": []})
    assert access.ask().flow == "zz"
    assert access.ask(flow="oncall").flow == "oncall"


def test_a_flow_that_does_not_fit_hinders_no_other(access):
    access.put("AccessFlow", "a", FLOW | {"approvals": [], "maxDuration": "30m"})
    assert access.ask().flow == "oncall"


def test_the_same_is_not_asked_for_twice(access):
    first = access.ask()
    with pytest.raises(ConflictError, match=f"already: {first.id}"):
        access.ask()
    access.ask(asked=on())


def test_what_nobody_could_approve_is_refused(access):
    access.flow(approvals=[{"users": ["ann"]}])
    with pytest.raises(ConflictError, match="nobody who could approve"):
        access.ask()
    access.flow(approvals=[{"groups": ["dba"], "count": 3}])
    with pytest.raises(ConflictError, match="nobody who could approve"):
        access.ask()


def test_rights_need_a_server(access):
    access.put("Service", "shop", SERVICE, integration=None)
    with pytest.raises(ConflictError, match="has no integration"):
        access.ask()


def test_a_bundle_must_be_for_the_server(access):
    access.put("RoleBundle", BUNDLE, {"integrations": ["other"], "roles": ["reporting"]})
    with pytest.raises(ConflictError, match="is not for this server"):
        access.ask()


def test_nobody_becomes_a_superuser_by_their_name(access):
    access.add("postgres", "engineers")
    with pytest.raises(InvalidInputError, match="not for people"):
        access.ask("postgres")


def test_a_broken_glass_gives_at_once_and_sounds_the_alarm(access, store):
    asked = access.ask("sam", break_glass=True)
    assert (asked.state, asked.break_glass) == ("approved", True)
    assert access.grant(asked.id).break_glass
    with store.read() as connection:
        rows = connection.execute(notices.select()).mappings().all()
    alarm = next(each for each in rows if each["kind"] == "break_glass")
    assert alarm["recipients"] == ["dirk", "dora"]


def test_a_broken_glass_always_needs_a_reason(access):
    access.flow(reason="optional")
    with pytest.raises(InvalidInputError, match="a reason is asked for"):
        access.ask("sam", break_glass=True, reason="")


def test_a_grant_is_made_longer_when_somebody_says_yes_again(access):
    grant = access.granted()
    longer = access.extend(grant.id)
    assert (longer.extends, longer.state, longer.lapses_at) == (grant.id, "pending", grant.ends_at)
    with pytest.raises(ConflictError, match="asked already"):
        access.extend(grant.id)
    access.decide(longer.id, "dirk")
    assert access.grant(grant.id).ends_at == grant.ends_at + timedelta(hours=1)
    assert access.grant(longer.id) is None


def test_no_grant_is_longer_than_the_flow_lets_it_be_in_all(access):
    access.flow(extend={"maxTotal": "8h"})
    grant = access.granted(seconds=8 * 3600 - 60)
    with pytest.raises(ConflictError, match="28800 seconds in all"):
        access.extend(grant.id)
    access.flow(extend=None)
    with pytest.raises(ConflictError, match="cannot be made longer"):
        access.extend(grant.id)


def test_what_has_ended_is_not_made_longer(access, clock):
    grant = access.granted()
    longer = access.extend(grant.id)
    clock.move(hours=1)
    with pytest.raises(ConflictError, match="has ended"):
        access.extend(grant.id)
    with pytest.raises(ConflictError, match="lapsed"):
        access.decide(longer.id, "dirk")


def test_roles_are_asked_for_by_their_exact_name(access):
    roles = Rights(roles=frozenset({"reporting"}))
    assert access.ask(asked=Asked(rights=roles)).state == "pending"
    with pytest.raises(DeniedError, match="does not offer the role Reporting"):
        access.ask(asked=Asked(rights=Rights(roles=frozenset({"Reporting"}))))
