import pytest

from pgward.system import terminal
from tests.fixtures.commands import body

ALICE = {
    "name": "bob",
    "full_name": "Bob",
    "email": "",
    "groups": ["dba"],
    "administrator": False,
    "blocked": True,
    "blocked_at": "2026-01-01T00:00:00Z",
    "blocked_reason": "left",
    "created_at": "2025-01-01T00:00:00Z",
    "created_by": "admin",
    "password_changed_at": None,
}


def test_adding_asks_for_the_password_twice(logged_in, fake_ca, monkeypatch):
    asked = []
    monkeypatch.setattr(
        terminal,
        "ask_password",
        lambda label, *, confirm: asked.append((label, confirm)) or "typed",
    )
    fake_ca.routes["POST /v1/users"] = {"user": ALICE}
    result = logged_in("user", "add", "bob", "--group", "a", "--group", "b", "--email", "b@x")
    assert (result.exit_code, result.stderr) == (0, "added bob to a, b\n")
    assert asked == [("New password for bob", True)]
    assert body(fake_ca) == {
        "name": "bob",
        "full_name": "",
        "email": "b@x",
        "groups": ["a", "b"],
        "password": "typed",
    }


def test_without_a_terminal_a_password_can_be_made(logged_in):
    for act in ("add", "passwd"):
        result = logged_in("user", act, "bob")
        assert result.exit_code == 2
        assert "hint: use --generate, --password-stdin or --password-file\n" in result.stderr


def test_a_reserved_name_is_refused_before_a_password_is_asked_for(logged_in):
    result = logged_in("user", "add", "Unknown")
    assert result.exit_code == 2
    assert "'Unknown' is reserved: the audit log has it" in result.output
    assert "hint: choose another name" in result.output


def test_a_generated_password_is_printed_after_it_was_set(logged_in, fake_ca):
    fake_ca.routes["POST /v1/users/bob/password"] = {"revoked": 2}
    result = logged_in("user", "passwd", "bob", "--generate")
    assert result.stdout == f"{body(fake_ca)['password']}\n"
    assert result.stderr == "new password set for bob; 2 certificates revoked\n"


def test_a_generated_password_is_not_printed_when_it_was_not_set(logged_in):
    result = logged_in("user", "passwd", "bob", "--generate")
    assert (result.exit_code, result.stdout) == (1, "")


def test_list_and_show(logged_in, fake_ca):
    fake_ca.routes["GET /v1/users"] = {"users": [ALICE]}
    fake_ca.routes["GET /v1/users/bob"] = {"user": ALICE}
    assert logged_in("user", "list").stdout == (
        "NAME  FULL NAME  E-MAIL  GROUPS  BLOCKED\nbob   Bob        -       dba     yes\n"
    )
    assert "blocked because  left\n" in logged_in("user", "show", "bob").stdout


def test_some_of_many_are_listed(logged_in, fake_ca):
    pages = iter([{"people": [ALICE], "after": "bob"}, {"people": [], "after": None}])
    fake_ca.routes["GET /v1/people"] = lambda _sent: next(pages)
    result = logged_in("user", "list", "--search", "bo", "--standing", "blocked")
    assert result.stdout.splitlines()[1:] == ["bob   Bob        -       dba     yes"]
    first, second = (request.url.params for request in fake_ca.requests[-2:])
    assert (first["text"], first["standing"], second["after"]) == ("bo", "blocked", "bob")
    assert logged_in("user", "list", "--standing", "tall").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "call", "sent"),
    [
        (["edit", "bob", "--email", ""], "PATCH /v1/users/bob", {"email": ""}),
        (["block", "bob", "--reason", "x"], "POST /v1/users/bob/block", {"reason": "x"}),
        (["unblock", "bob"], "POST /v1/users/bob/unblock", {}),
    ],
)
def test_changes(logged_in, fake_ca, arguments, call, sent):
    fake_ca.routes[call] = {"user": ALICE, "revoked": 1}
    assert logged_in("user", *arguments).exit_code == 0
    assert body(fake_ca) == sent


def test_removing_several_stops_at_the_first_failure(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/users/one"] = {"revoked": 0}
    result = logged_in("user", "remove", "one", "two", "three")
    assert result.exit_code == 1
    assert fake_ca.calls == ["DELETE /v1/users/one", "DELETE /v1/users/two"]


def test_group_members(logged_in, fake_ca):
    fake_ca.routes["POST /v1/groups/ops/members"] = lambda sent: {"members": sent.get("add", [])}
    assert logged_in("group", "add", "ops", "a", "b").stderr == "in ops now: a, b\n"
    assert body(fake_ca) == {"add": ["a", "b"]}
    assert "so the group is gone" in logged_in("group", "remove", "ops", "a").stderr


def test_group_list_and_show(logged_in, fake_ca):
    fake_ca.routes["GET /v1/groups"] = {"groups": [{"name": "ops", "members": ["a", "b"]}]}
    assert logged_in("group", "list").stdout == "NAME  MEMBERS\nops   a, b\n"
    assert logged_in("group", "show", "ops").stdout == "name     ops\nmembers  a, b\n"
    assert logged_in("group", "show", "x").exit_code == 1


def test_second_factors_are_reset(logged_in, fake_ca):
    fake_ca.routes["POST /v1/users/bob/mfa/reset"] = {"removed": ["totp", "recovery"]}
    assert logged_in("user", "reset-mfa", "bob").stderr == "removed of bob: totp, recovery\n"
    fake_ca.routes["POST /v1/users/bob/mfa/reset"] = {"removed": []}
    assert logged_in("user", "reset-mfa", "bob").stderr == "bob has none\n"


def test_dates_are_sent_as_times(logged_in, fake_ca):
    fake_ca.routes["PATCH /v1/users/bob"] = {"user": ALICE}
    dates = ("--valid-from", "2026-12-01", "--valid-until", "2027-01-01T09:00:00+01:00")
    assert logged_in("user", "edit", "bob", *dates, "--must-change-password").exit_code == 0
    assert body(fake_ca) == {
        "valid_from": "2026-12-01T00:00:00Z",
        "valid_until": "2027-01-01T08:00:00Z",
        "must_change_password": True,
    }
    assert logged_in("user", "edit", "bob", "--valid-until", "none").exit_code == 0
    assert body(fake_ca) == {"valid_until": None}
    result = logged_in("user", "edit", "bob", "--valid-until", "tomorrow")
    assert result.stderr == (
        "pgward: --valid-until: 'tomorrow' is no time\n"
        "hint: 2026-12-01, 2026-12-01T08:00:00Z or none\n"
    )


LINK = "https://ca.example.com:8443/welcome?invitation=pgi1.x"
INVITATION = {"link": LINK, "mailed": False, "invitation": {"expires_at": "2026-12-01T00:00:00Z"}}


def test_a_new_person_is_added_and_invited(logged_in, fake_ca):
    fake_ca.routes["POST /v1/users"] = {"user": ALICE}
    fake_ca.routes["POST /v1/users/bob/invitation"] = INVITATION
    result = logged_in("user", "invite", "bob", "--group", "dba", "--hours", "5", "--no-mail")
    assert (result.exit_code, result.stdout) == (0, f"{LINK}\n")
    assert result.stderr == (
        "added bob\nthe link is good once, until 2026-12-01T00:00:00Z, and goes to nobody by"
        " itself: pass it on\n"
    )
    assert body(fake_ca) == {"hours": 5, "mail": False}
    fake_ca.routes["GET /v1/users/bob"] = {"user": ALICE}
    fake_ca.routes["POST /v1/users/bob/invitation"] = {**INVITATION, "mailed": True}
    again = logged_in("user", "invite", "bob")
    assert "also goes out by e-mail" in again.stderr
    result = logged_in("user", "invite", "bob", "--email", "b@x")
    assert (result.exit_code, "there is a user 'bob' already" in result.stderr) == (1, True)


def test_an_invitation_is_taken_back(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/users/bob/invitation"] = {"change": "deleted"}
    assert logged_in("user", "uninvite", "bob").stderr == "the link of bob counts no more\n"
