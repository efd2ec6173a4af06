"""People and groups as files say them: what is done to them, and what is refused."""

import pytest

from pgward.ca.identity import external
from pgward.ca.store.schema_login import provider_groups


def user(name, **spec):
    return {"kind": "User", "metadata": {"name": name}, "spec": spec}


def group(name, *members):
    return {"kind": "Group", "metadata": {"name": name}, "spec": {"members": list(members)}}


def send(admin, *resources, **more):
    return admin.call("POST", "/v1/resources", {"resources": list(resources), **more})


def changes(answer):
    assert answer.status_code == 200, answer.text
    return [each["change"] for each in answer.json()["changes"]]


def get(admin, kind, name):
    return admin.call("GET", f"/v1/resources/{kind}/{name}").json()["resource"]


def history(admin, kind, name):
    found = admin.call("GET", f"/v1/resources/{kind}/{name}/history").json()["versions"]
    return [(each["version"], each["change"], each["by"], each["reason"]) for each in found]


def test_people_and_their_groups_are_made_from_files_in_any_order(admin):
    done = send(admin, group("dba", "ann", "bob"), user("ann", fullName="Ann"), user("bob"))
    assert changes(done) == ["created"] * 3
    assert done.json()["changes"][1]["notes"] == ["ann has no password yet: pgward user passwd ann"]
    assert done.json()["changes"][1]["resource"]["spec"]["groups"] == ["dba"]
    again = send(admin, group("dba", "ann", "bob"), user("ann", fullName="Ann"), user("bob"))
    assert changes(again) == ["unchanged"] * 3
    assert admin.call("GET", "/v1/users/ann").json()["user"]["groups"] == ["dba"]


def test_what_is_not_said_stays(admin):
    send(admin, user("ann", fullName="Ann", email="a@x", groups=["dba"]))
    send(admin, user("ann", validUntil="2027-01-01T00:00:00Z"))
    spec = {
        "fullName": "Ann",
        "email": "a@x",
        "groups": ["dba"],
        "validUntil": "2027-01-01T00:00:00Z",
    }
    assert get(admin, "user", "ann")["spec"] == spec
    assert changes(send(admin, user("ann", validUntil=None, groups=[]))) == ["updated"]
    assert get(admin, "user", "ann")["spec"] == {"fullName": "Ann", "email": "a@x", "groups": []}


def test_a_dry_run_changes_nobody(admin):
    assert changes(send(admin, user("ann"), dry_run=True)) == ["created"]
    assert admin.call("GET", "/v1/users/ann").status_code == 404


def test_members_that_are_nobody_are_refused(admin):
    refused = send(admin, group("dba", "nobody"))
    assert refused.status_code == 422
    assert "there is no user 'nobody'" in refused.text


def test_files_that_contradict_each_other_are_refused(admin):
    refused = send(admin, user("ann", groups=["dev"]), group("dba", "ann"))
    assert refused.status_code == 409
    assert "groups and members contradict each other" in refused.text
    assert admin.call("GET", "/v1/users/ann").status_code == 404


def test_whose_account_ends_loses_the_sessions(api, admin):
    api.add("ann")
    ann = api.device("ann")
    assert ann.call("GET", "/v1/me").status_code == 200
    send(admin, user("ann", validUntil="2020-01-01T00:00:00Z"))
    assert ann.call("GET", "/v1/me").status_code == 401


def test_deleting_a_person_cuts_off_and_deleting_a_group_empties_it(api, admin):
    api.add("ann", "dba")
    ann = api.device("ann")
    assert admin.call("DELETE", "/v1/resources/group/dba").json() == {"change": "deleted"}
    assert admin.call("GET", "/v1/users/ann").json()["user"]["groups"] == []
    assert admin.call("DELETE", "/v1/resources/user/ANN").json() == {"change": "deleted"}
    assert ann.call("GET", "/v1/me").status_code == 401
    actions = [e["action"] for e in api.events() if e["action"].endswith(".delete")]
    assert actions == ["group.delete", "user.delete"]


@pytest.mark.parametrize("body", [user("root", groups=[]), group("administrators", "ann")])
def test_the_last_administrator_stays_one(api, admin, body):
    api.add("ann")
    with api.store.write() as transaction:
        users = "UPDATE users SET valid_until = '2030-01-01' WHERE name = 'ann'"
        transaction.connection.exec_driver_sql(users)
    refused = send(admin, body)
    assert refused.status_code == 409


def test_a_version_is_another_one_whoever_changes_them(admin):
    send(admin, user("ann"))
    mine = get(admin, "user", "ann")
    admin.call("PATCH", "/v1/users/ann", {"full_name": "Ann"})
    mine["spec"]["email"] = "a@x"
    refused = send(admin, mine)
    assert (refused.status_code, "was changed" in refused.text) == (409, True)
    path, version = "/v1/resources/user/ann", mine["metadata"].pop("version")
    stale = admin.call("PUT", path, mine, **{"If-Match": f'"{version}"'})
    assert stale.status_code == 412
    version = get(admin, "user", "ann")["metadata"]["version"]
    assert admin.call("PUT", path, mine, **{"If-Match": f'"{version}"'}).status_code == 200


def test_the_history_has_what_changed_by_other_means_and_a_rollback(admin):
    send(admin, user("ann", fullName="Ann"), reason="joins")
    admin.call("PATCH", "/v1/users/ann", {"full_name": "Anne"})
    send(admin, user("ann", fullName="Anna"), reason="again")
    elsewhere = "changed by other means: the audit log has how, and by whom"
    assert history(admin, "user", "ann") == [
        (3, "updated", "root", "again"),
        (2, "updated", "unknown", elsewhere),
        (1, "created", "root", "joins"),
    ]
    back = admin.call("POST", "/v1/resources/user/ann/rollback", {"to": 1}).json()
    assert back["resource"]["spec"]["fullName"] == "Ann"


def test_of_whom_nothing_is_remembered_the_beginning_is(api, admin):
    api.add("ann")
    send(admin, user("ann", fullName="Ann"))
    assert history(admin, "user", "ann") == [(2, "updated", "root", ""), (1, "created", "test", "")]


def test_what_a_provider_says_is_the_providers_to_change(api, admin):
    api.add("ann", "dba", "dev")
    with api.store.write() as transaction:
        now = api.clock.now()
        external.link(transaction, "corp", "s-1", "ann", now=now, by="root")
        row = {"provider": "corp", "user_name": "ann", "group_name": "dba"}
        transaction.execute(provider_groups.insert().values(row))
    named = send(admin, user("ann", fullName="X"))
    assert (named.status_code, "ann comes from corp, which says fullName" in named.text) == (
        409,
        True,
    )
    for body in (user("ann", groups=["dev"]), group("dba", "root")):
        refused = send(admin, body)
        assert (refused.status_code, "as corp says so" in refused.text) == (409, True)
    assert changes(send(admin, user("ann", groups=["dba"]))) == ["updated"]


def test_what_is_exported_can_be_applied_again(api, admin):
    api.add("ann", "dba")
    found = [
        each
        for kind in ("User", "Group")
        for each in admin.call("GET", f"/v1/resources/{kind}").json()["resources"]
    ]
    assert set(changes(send(admin, *found))) == {"unchanged"}


def test_a_declared_secret_is_told_to_be_made(admin):
    body = {"kind": "Secret", "metadata": {"name": "db"}, "spec": {"maxAge": "90d"}}
    done = send(admin, body)
    assert changes(done) == ["created"]
    assert done.json()["changes"][0]["notes"] == [
        "there is no secret 'db' yet: pgward secret create db"
    ]
