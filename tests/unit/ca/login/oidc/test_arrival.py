"""Who somebody is here whom a provider knows."""

import pytest

from pgward.ca.identity import external

RULES = {"groupsClaim": "groups", "groupMap": {"admins": "administrators"}}


def refused(world) -> str:
    _, done = world.login()
    assert done.status_code == 403
    return done.json()["error"]["message"]


def test_nobody_is_made_up_by_default(oidc_world):
    oidc_world.add()
    assert refused(oidc_world) == (
        "the identity provider knows you as 'ann', but nobody here was told who that is"
    )
    assert oidc_world.user("ann") is None
    event = oidc_world.event("session.start")
    assert (event["actor"], event["reason"]) == (
        "unknown",
        "there is no such user: 'ann', subject 's-1' of corp",
    )


def test_a_name_takes_over_nobodys_account(oidc_world):
    oidc_world.api.add("Ann", "dba")
    oidc_world.add(createUsers=True)
    refused(oidc_world)
    assert "the name is a user's who is not linked" in oidc_world.event("session.start")["reason"]


def test_an_existing_account_is_linked_when_the_spec_says_so(oidc_world):
    oidc_world.api.add("Ann", "dba")
    oidc_world.add(linkExisting=True)
    _, done = oidc_world.login()
    assert done.json()["user"]["name"] == "Ann"
    assert oidc_world.event("session.start")["details"]["linked"] == "Ann"


def test_but_never_an_administrators(oidc_world):
    oidc_world.add(linkExisting=True, createUsers=True)
    oidc_world.provider.claims = {"preferred_username": "root"}
    refused(oidc_world)
    reason = oidc_world.event("session.start")["reason"]
    assert "the name is an administrator's, who is not linked" in reason


def test_a_name_that_is_reused_at_the_provider_is_another_person(oidc_world):
    oidc_world.add(createUsers=True, linkExisting=True)
    oidc_world.logged_in()
    oidc_world.provider.claims = {"sub": "s-2"}
    refused(oidc_world)
    assert "linked to somebody else" in oidc_world.event("session.start")["reason"]


def test_a_person_who_is_renamed_there_stays_who_they_are(oidc_world):
    oidc_world.add(createUsers=True)
    oidc_world.logged_in()
    oidc_world.provider.claims = {"preferred_username": "root"}
    _, done = oidc_world.login()
    assert done.json()["user"]["name"] == "ann"
    assert not done.json()["user"]["administrator"]


def test_the_hint_is_a_command_that_a_shell_takes(oidc_world):
    oidc_world.add()
    oidc_world.provider.claims = {"sub": "it's; rm -rf"}
    _, done = oidc_world.login()
    assert done.json()["error"]["hint"] == (
        "an administrator runs: pgward idp link corp USER 'it'\\''s; rm -rf'"
    )


def test_groups_follow_the_provider_and_those_given_here_stay(oidc_world):
    oidc_world.add(createUsers=True, **RULES)
    oidc_world.provider.claims = {"groups": ["dba", "dev"]}
    oidc_world.logged_in()
    oidc_world.admin.call("POST", "/v1/groups/local/members", {"add": ["ann"]})
    oidc_world.provider.claims = {"groups": ["dev", "ops"]}
    oidc_world.logged_in()
    assert oidc_world.groups("ann") == ["dev", "local", "ops"]
    details = oidc_world.event("session.start")["details"]
    assert (details["groups_added"], details["groups_removed"]) == (["ops"], ["dba"])
    oidc_world.provider.claims = {"groups": []}
    oidc_world.logged_in()
    assert oidc_world.groups("ann") == ["local"]


@pytest.mark.parametrize(
    ("groups", "is_administrator"), [(["administrators"], False), (["admins"], True)]
)
def test_administrators_are_mapped_explicitly(oidc_world, groups, is_administrator):
    oidc_world.add(createUsers=True, **RULES)
    oidc_world.provider.claims = {"groups": groups}
    _, done = oidc_world.login()
    assert done.json()["user"]["administrator"] == is_administrator


def test_the_last_login_is_known(oidc_world):
    oidc_world.add(createUsers=True)
    oidc_world.logged_in()
    oidc_world.api.clock.move(hours=1)
    oidc_world.logged_in()
    with oidc_world.api.store.read() as connection:
        (link,) = external.links(connection, "corp")
    assert (link.user, link.subject, link.linked_by) == ("ann", "s-1", "provider corp")
    assert link.last_login_at == oidc_world.api.clock.now()
