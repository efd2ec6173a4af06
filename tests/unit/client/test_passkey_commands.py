import webbrowser

import pytest

from pgward.client.login.loopback import Loopback
from tests.fixtures.commands import body
from tests.fixtures.fake_ca import URL

KEY = "a" * 64
PASSKEY = {
    "id": KEY,
    "name": "phone",
    "synced": True,
    "aaguid": "0",
    "transports": ["hybrid", "internal"],
    "created_at": "2026-11-21T12:00:00Z",
    "last_used_at": None,
}


@pytest.fixture
def ca(fake_ca):
    fake_ca.routes |= {
        "GET /v1/me/passkeys": {"passkeys": [PASSKEY]},
        "GET /v1/users/bob/passkeys": {"passkeys": []},
        "POST /v1/me/passkeys": {
            "url": f"{URL}/login?visit=v&state=s",
            "code": "BCD-234",
            "flow": "f",
        },
        "POST /v1/me/passkey-attestations": {"passkey": PASSKEY},
        f"PATCH /v1/me/passkeys/{KEY}": {"passkey": PASSKEY},
        f"DELETE /v1/me/passkeys/{KEY}": {"removed": 1, "revoked": 2},
        "DELETE /v1/users/bob/passkeys": {"removed": 2, "revoked": 1},
    }
    return fake_ca


def test_a_passkey_is_added_by_way_of_the_browser(logged_in, ca, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda _url: True)
    monkeypatch.setattr(Loopback, "wait", lambda _self, state: {"code": "c", "state": state})
    done = logged_in("passkey", "add", "--name", "phone")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == (
        "type this code on the page: BCD-234\n"
        "make the passkey with the browser that opens; if none does, open\n"
        f"{URL}/login?visit=v&state=s\n"
        "added the passkey 'phone'\n"
        "next time: pgward login --method passkey\n"
    )
    assert body(ca) == {"flow": "f", "answer": {"code": "c", "state": "s"}}
    (begun,) = [r for r in ca.requests if r.url.path == "/v1/me/passkeys"]
    assert b'"redirect_uri":"http://127.0.0.1:' in begun.content.replace(b": ", b":")


def test_a_ca_that_sends_the_browser_to_no_web_page_is_not_followed(logged_in, ca, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda _url: pytest.fail("opened"))
    ca.routes["POST /v1/me/passkeys"] |= {"url": "file:///etc/passwd"}
    assert "no web page" in logged_in("passkey", "add").stderr


@pytest.mark.usefixtures("ca")
def test_passkeys_are_listed(logged_in):
    done = logged_in("passkey", "list")
    assert done.stdout.splitlines() == [
        "NAME   SYNCED  REACHED BY        ADDED                 LAST USED",
        "phone  yes     hybrid, internal  2026-11-21T12:00:00Z  -",
    ]
    assert logged_in("passkey", "list", "--user", "bob").stderr == "bob has no passkey\n"


def test_a_passkey_is_renamed_and_removed_by_its_name(logged_in, ca):
    assert logged_in("passkey", "rename", "phone", "old").stderr == "renamed 'phone' to 'old'\n"
    assert body(ca) == {"name": "old"}
    done = logged_in("passkey", "remove", "phone")
    assert done.stderr == "removed 1 passkey; 2 certificates revoked\n"


@pytest.mark.usefixtures("ca")
def test_a_name_that_is_none_is_told(logged_in):
    done = logged_in("passkey", "remove", "other")
    assert (done.exit_code, done.stderr) == (
        1,
        "pgward: there is no passkey 'other'\nhint: pgward passkey list\n",
    )


@pytest.mark.usefixtures("ca")
def test_an_administrator_removes_all_of_somebodys(logged_in):
    done = logged_in("passkey", "remove", "--user", "bob", "--all")
    assert done.stderr == "removed 2 passkeys; 1 certificate revoked\n"


@pytest.mark.parametrize("arguments", [(), ("--all",), ("phone", "--all", "--user", "bob")])
def test_one_is_named_or_all_of_a_users(logged_in, ca, arguments):
    done = logged_in("passkey", "remove", *arguments)
    assert (done.exit_code, "name one passkey, or all of a user's" in done.stderr) == (2, True)
    assert ca.calls == []
