import anyio
import pytest

from pgward.ca.login.ldap.directory import LdapDirectory
from pgward.ca.login.ldap.errors import (
    LdapError,
    LdapRefusedError,
    LdapResultError,
    LdapUnavailableError,
)
from pgward.ca.resources.ldap_provider import LdapSpec
from tests.fixtures.edge_process import quiet_port
from tests.fixtures.ldap_server import CA, bound, done, entry, hang_up, ldap_server, several

FOUND = several(entry("uid=alice,dc=x", uid="alice", entryUUID="id1"), done())


BASE = several(entry("dc=x"), done())


def directory(*urls, now=lambda: 100.0, password="service", **changes):
    fields = {
        "type": "ldap",
        "servers": list(urls),
        "ca": CA,
        "bindDn": "cn=s,dc=x",
        "userBase": "dc=x",
        "timeoutSeconds": 1,
        **changes,
    }
    spec = LdapSpec.model_validate({k: v for k, v in fields.items() if v is not None})
    return LdapDirectory(spec, password, monotonic=now)


def login(found, user="alice", password="alice's"):
    return anyio.run(found.authenticate, user, password)


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", ""), ("", "x"), (" alice", "x"), ("a\0", "x"), ("a" * 300, "x"), ("a", "x" * 2000)],
)
def test_what_proves_nothing_is_not_even_asked(user, password):
    with pytest.raises(LdapRefusedError):
        login(directory(f"ldaps://127.0.0.1:{quiet_port()}"), user, password)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (bound(49), "the LDAP server said 49"),
        (bound(53, "account locked\n"), "the LDAP server said 53 account locked"),
        (
            bound(49, "80090308: LdapErr: DSID-0C090447, comment: x, data 52e, v3839"),
            "the password is wrong",
        ),
        (
            bound(49, "80090308: LdapErr: DSID-0C090447, comment: x, data 533, v3839"),
            "the account is disabled",
        ),
    ],
)
def test_why_someone_is_refused_is_for_the_audit_log(answer, reason):
    with (
        ldap_server(bound(), FOUND, answer) as server,
        pytest.raises(LdapRefusedError) as caught,
    ):
        login(directory(server.url))
    assert caught.value.reason == reason
    assert caught.value.message == "wrong user name or password"


def test_a_name_that_nobody_has_costs_a_bind_as_well():
    with ldap_server(bound(), done(), bound(49)) as server:
        with pytest.raises(LdapRefusedError) as caught:
            login(directory(server.url))
        assert caught.value.reason == "the directory has no such entry"
    assert len(server.requests) == 3


def test_a_server_that_says_yes_to_nobody_lets_nobody_in():
    with ldap_server(bound(), done(), bound()) as server, pytest.raises(LdapRefusedError):
        login(directory(server.url))


def test_a_service_account_that_is_refused_is_no_fault_of_the_person():
    with (
        ldap_server(bound(49, "wrong")) as server,
        pytest.raises(LdapResultError, match="refused the service account cn=s,dc=x: result 49"),
    ):
        login(directory(server.url))


@pytest.mark.parametrize("answer", [bound(10), bound(13, "TLS wanted"), bound(8)])
def test_other_results_of_a_bind_are_the_directorys_fault(answer):
    with ldap_server(bound(), FOUND, answer) as server, pytest.raises(LdapResultError):
        login(directory(server.url))


def test_an_entry_without_a_name_is_not_bound_as():
    with (
        ldap_server(bound(), several(entry("", uid="alice"), done())) as server,
        pytest.raises(LdapUnavailableError, match="an entry without a name"),
    ):
        login(directory(server.url))


def test_the_next_server_is_asked_and_the_bad_one_avoided_for_a_while():
    times = iter(range(100, 1000, 10))
    dead = f"ldaps://127.0.0.1:{quiet_port()}"
    with ldap_server(bound(), FOUND, bound()) as server:
        found = directory(dead, server.url, now=lambda: next(times))
        assert login(found).name == "alice"
        assert [str(each) for each in found._in_order()] == [server.url, dead]
        assert login(found).subject == "id1"
        for _ in range(3):
            next(times)
        assert [str(each) for each in found._in_order()] == [dead, server.url]


def test_when_no_server_answers_the_last_ones_reason_is_told():
    with ldap_server(hang_up) as rude:
        urls = [f"ldaps://127.0.0.1:{quiet_port()}", rude.url]
        with pytest.raises(LdapUnavailableError, match="no LDAP server could be asked: ldaps://"):
            login(directory(*urls))


def test_a_wrong_password_is_not_tried_at_another_server():
    with (
        ldap_server(bound(), FOUND, bound(49)) as one,
        ldap_server(bound(), FOUND, bound()) as other,
    ):
        with pytest.raises(LdapRefusedError):
            login(directory(one.url, other.url))
        assert other.requests == []


def test_someone_can_be_looked_up_without_a_password():
    with ldap_server(bound(), FOUND) as server:
        assert anyio.run(directory(server.url).look_up, "alice").name == "alice"
    with ldap_server(bound(), done()) as server:
        assert anyio.run(directory(server.url).look_up, "alice") is None
    with ldap_server(bound()) as server:
        alone = directory(server.url, bindDn=None, userBase=None, userDn="uid={user},dc=x")
        with pytest.raises(LdapError, match="no service account"):
            anyio.run(alone.look_up, "alice")


def test_a_person_is_found_again_by_the_id():
    with ldap_server(bound(), FOUND) as server:
        found = directory(server.url)
        assert anyio.run(found.confirm, "id1").dn == "uid=alice,dc=x"
    assert b"entryUUID" in server.requests[1]
    assert b"id1" in server.requests[1]
    assert found.can_confirm("id1")
    assert not found.can_confirm("dn-sha256:0")
    with ldap_server(bound(), done(), BASE) as server:
        assert anyio.run(directory(server.url).confirm, "id1") is None


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((done(), done()), "may not read dc=x, so it finds nobody"),
        ((done(), done(32)), "result 32"),
        (
            (several(entry("uid=bob,dc=x", uid="bob", entryUUID="id2"), done()),),
            "another entryUUID",
        ),
        (
            (several(entry("a=b", entryUUID="id1"), entry("a=c", entryUUID="id1"), done()),),
            "several entries are entryUUID 'id1'",
        ),
        ((done(10),), "to another server, which is not asked"),
        ((done(4),), "several entries"),
    ],
)
def test_what_says_nothing_of_a_person_is_an_error(answers, message):
    with ldap_server(bound(), *answers) as server:
        with pytest.raises(LdapError, match=message) as caught:
            anyio.run(directory(server.url).confirm, "id1")
        assert not isinstance(caught.value, LdapRefusedError)


def test_who_is_closed_may_not_in():
    closed = several(
        entry("uid=a,dc=x", uid="a", entryUUID="id1", userAccountControl="514"), done()
    )
    with ldap_server(bound(), closed) as server, pytest.raises(LdapRefusedError) as caught:
        anyio.run(directory(server.url).confirm, "id1")
    assert caught.value.reason == "uid=a,dc=x is disabled (userAccountControl)"


def test_without_a_service_account_nobody_is_found_again():
    alone = directory("ldaps://ldap.test", bindDn=None, userBase=None, userDn="uid={user},dc=x")
    assert not alone.can_confirm("id1")
    with pytest.raises(LdapError, match="cannot be asked by an id"):
        anyio.run(alone.confirm, "id1")


def test_a_service_account_without_a_password_is_told_apart_from_none():
    with ldap_server(bound()) as server:
        [(_, problem)] = anyio.run(directory(server.url, password=None).check)
    assert problem == "the password of cn=s,dc=x is not stored: pgward idp secret stores it"


def test_each_server_is_checked():
    dead = f"ldaps://127.0.0.1:{quiet_port()}"
    with ldap_server(bound(), BASE) as server:
        found = anyio.run(directory(dead, server.url).check)
    assert [each for each, _ in found] == [dead, server.url]
    assert found[0][1].startswith(f"{dead} cannot be used")
    assert found[1][1] is None
    with ldap_server(bound(49)) as server:
        [(_, problem)] = anyio.run(directory(server.url).check)
        assert "refused the service account cn=s,dc=x" in problem


def test_a_person_in_too_many_groups_is_an_error_and_not_in_fewer():
    groups = several(*(entry(f"cn=g{number},dc=x", cn="g") for number in range(1001)), done())
    with (
        ldap_server(bound(), FOUND, bound(), bound(), groups) as server,
        pytest.raises(LdapResultError, match="more than 1000"),
    ):
        login(directory(server.url, groupBase="dc=x", groupFilter="(member={dn})"))
