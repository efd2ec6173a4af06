"""Renewals: the provider is asked again, and what it says holds."""

import asyncio

import pytest
import sqlalchemy as sa

from pgward.ca.identity import sessions
from pgward.ca.login.oidc.confirming import OidcConfirmer
from pgward.ca.store.schema import login_sessions

RULES = {"createUsers": True, "groupsClaim": "groups", "refreshMinutes": 10}


@pytest.fixture
def world(oidc_world):
    oidc_world.add(**RULES)
    oidc_world.provider.claims = {"groups": ["dba"]}
    oidc_world.provider.reply = {"refresh_token": "r1"}
    return oidc_world


def refreshes(world) -> list[str]:
    return [form["refresh_token"] for _, form in world.provider.asked if "refresh_token" in form][
        1:  # the first was of the checks when it was added
    ]


def session_of(world, device):
    with world.api.store.read() as connection:
        found = sessions.find(connection, device.token, world.api.clock.now())
    assert found is not None
    return found


def row(world):
    with world.api.store.read() as connection:
        return connection.execute(
            sa.select(login_sessions).where(login_sessions.c.provider.is_not(None))
        ).one()


def test_it_is_asked_after_a_while_and_not_more_often(world):
    device = world.logged_in()
    assert world.renew(device).status_code == 200
    assert refreshes(world) == []
    world.api.clock.move(minutes=11)
    world.provider.nonce = None
    world.provider.reply = {"refresh_token": "r2"}
    assert [world.renew(device).status_code for _ in range(3)] == [200, 200, 200]
    assert refreshes(world) == ["r1"]
    world.api.clock.move(minutes=11)
    assert world.renew(device).status_code == 200
    assert refreshes(world) == ["r1", "r2"]


def test_the_token_is_sealed_in_the_store(world):
    world.provider.reply = {"refresh_token": "refresh-secret"}
    world.logged_in()
    assert b"refresh-secret" not in row(world).refresh_sealed


def test_groups_change_with_a_renewal(world):
    device = world.logged_in()
    world.api.clock.move(minutes=11)
    world.provider.claims = {"groups": ["dev"]}
    assert world.renew(device).status_code == 200
    assert world.groups("ann") == ["dev"]
    event = world.event("session.refresh")
    assert event["details"] == {
        "groups_added": ["dev"],
        "groups_removed": ["dba"],
        "provider": "corp",
    }


def test_what_did_not_change_is_not_put_on_record(world):
    device = world.logged_in()
    world.api.clock.move(minutes=11)
    assert world.renew(device).status_code == 200
    assert "session.refresh" not in [each["action"] for each in world.api.events()]


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required"])
def test_a_login_that_ended_there_ends_here(world, error):
    device = world.logged_in()
    certificate = device.certificate()
    world.api.clock.move(minutes=11)
    world.provider.refuses = {"error": error}
    answer = world.renew(device)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "the identity provider ended the login"
    assert device.call("GET", "/v1/me").status_code == 401
    found = world.admin.call("GET", f"/v1/certificates/{certificate['serial']}").json()
    assert found["revoked_at"] is not None
    event = world.event("session.end")
    assert (event["actor"], event["details"]["revoked"]) == ("ann", 1)


def test_somebody_who_may_not_log_in_any_more_is_out(oidc_world):
    oidc_world.add(**RULES, allowGroups=["dba"])
    oidc_world.provider.claims = {"groups": ["dba"]}
    oidc_world.provider.reply = {"refresh_token": "r1"}
    device = oidc_world.logged_in()
    oidc_world.api.clock.move(minutes=11)
    oidc_world.provider.claims = {"groups": ["dev"]}
    answer = oidc_world.renew(device)
    assert answer.status_code == 401
    assert "in a group that may log in" in answer.json()["error"]["message"]


def test_renewals_go_on_for_a_while_when_the_provider_is_away(world):
    device = world.logged_in()
    world.provider.away = True
    for minutes in (11, 120, 118):
        world.api.clock.move(minutes=minutes)
        assert world.renew(device).status_code == 200
    event = world.event("session.refresh")
    assert (event["outcome"], event["details"]["confirmed_at"]) == (
        "failed",
        "2026-11-21T12:00:00Z",
    )
    world.api.clock.move(minutes=2)
    answer = world.renew(device)
    assert answer.status_code == 503
    assert "corp has not confirmed your login for 251 minutes" in answer.json()["error"]["message"]
    world.provider.away = False
    world.api.clock.move(minutes=1)
    assert world.renew(device).status_code == 200


@pytest.mark.parametrize(
    "lie", [{"iss": "https://evil.test"}, {"sub": "s-2"}, {"aud": "other"}, {"exp": 1}]
)
def test_a_lie_confirms_nothing_and_changes_nothing(world, lie):
    device = world.logged_in()
    world.api.clock.move(minutes=11)
    world.provider.claims = {"groups": ["administrators"], **lie}
    assert world.renew(device).status_code == 200  # for a while
    assert world.groups("ann") == ["dba"]
    assert world.event("session.refresh")["outcome"] == "failed"


def test_a_wrong_secret_of_ours_ends_nobodys_login(world):
    device = world.logged_in()
    world.api.clock.move(minutes=11)
    world.provider.refuses = {"error": "invalid_client"}
    assert world.renew(device).status_code == 200


def test_without_a_refresh_token_a_login_lives_its_hours(world):
    world.provider.reply = {}
    device = world.logged_in()
    world.api.clock.move(hours=11)
    assert world.renew(device).status_code == 200
    assert refreshes(world) == []


def test_a_working_day_asks_the_person_nothing(world):
    device = world.logged_in()
    for number in range(2, 19):
        world.api.clock.move(minutes=41)
        world.provider.reply = {"refresh_token": f"r{number}"}
        assert world.renew(device).status_code == 200
    assert refreshes(world) == [f"r{number}" for number in range(1, 18)]
    assert world.api.clock.now().hour == 23


def test_logins_with_a_password_are_not_looked_at(world):
    world.provider.away = True
    world.api.clock.move(minutes=60)
    assert world.renew(world.admin).status_code == 200


def test_the_token_is_used_by_one_replica_at_a_time(world):
    """Two who refresh with one token end the login at providers that replace it each time."""
    device = world.logged_in()
    world.api.clock.move(minutes=11)
    confirmer = OidcConfirmer(world.office.desk, world.office.providers)
    [one], [other] = (confirmer.questions(session_of(world, device)) for _ in range(2))
    assert one.claim()
    assert not other.claim()  # by what both had read
    [later] = confirmer.questions(session_of(world, device))
    assert not later.claim()  # by what the other one wrote
    assert world.renew(device).status_code == 200
    assert refreshes(world) == []
    world.api.clock.move(seconds=61)  # the other one never came back
    assert world.renew(device).status_code == 200
    assert refreshes(world) == ["r1"]


def test_many_renewals_at_once_ask_once(world):
    device = world.logged_in()
    session = world.confirmations
    world.api.clock.move(minutes=11)
    login = session_of(world, device)
    assert login.id == row(world).id

    async def many() -> None:
        await asyncio.gather(*(session.confirm(login) for _ in range(10)))

    asyncio.run(many())
    assert refreshes(world) == ["r1"]


def test_a_slow_answer_holds_up_nobody_and_counts_when_it_comes(world):
    device = world.logged_in()
    confirmations = world.confirmations
    confirmations.patience = 0.01
    world.api.clock.move(minutes=11)
    world.provider.claims = {"groups": ["dev"]}
    world.provider.wait = asyncio.Event()
    login = session_of(world, device)

    async def slowly() -> None:
        await confirmations.confirm(login)
        assert world.groups("ann") == ["dba"]
        world.provider.wait.set()
        await asyncio.wait(confirmations._asking.values())

    asyncio.run(slowly())
    assert world.groups("ann") == ["dev"]
    assert row(world).refreshed_at == world.api.clock.now()


def test_after_another_key_seals_people_log_in_anew(world):
    device = world.logged_in()
    with world.api.store.write() as transaction:
        transaction.execute(sa.update(login_sessions).values(refresh_sealed=b"of another key"))
    world.api.clock.move(minutes=11)
    answer = world.renew(device)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "your login cannot be confirmed any more"


def test_a_provider_that_was_removed_confirms_nothing(world):
    device = world.logged_in()
    assert world.admin.call("DELETE", "/v1/identity-providers/corp").status_code == 200
    world.api.clock.move(minutes=11)
    assert world.renew(device).status_code == 401
