"""What every command that does something prints under ``--output json``: facts with stable names.

A command that shows something takes ``output`` itself, and has tests where it is.
"""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import click
import pytest

from pgward.cli import NO_DOCUMENT, cli
from pgward.client.home import Home
from pgward.client.login.loopback import Loopback
from pgward.system import terminal
from pgward.system.paths import pgward_home
from tests.fixtures import asked
from tests.fixtures.fake_ca import URL
from tests.fixtures.reviewed import item, review
from tests.fixtures.services import entry

NOW = "2026-11-21T12:00:00Z"
KEY = "a" * 64
DEVICE = {"id": "d1", "user": "alice", "name": "laptop", "state": "approved"}
PASSKEY = {"id": KEY, "name": "phone", "synced": True, "last_used_at": None}
LINK = {"user": "ann", "subject": "s-1", "groups": [], "linked_at": NOW, "linked_by": "alice"}
STEP_UP = {"status": "done", "minutes": 15, "factors": ["totp"], "proved_until": NOW}
ROTATION = {"id": "r1", "target": "user-issuing"}
OTP = "otp-" + "a" * 26
LOGIN = {"service": "orders", "expires_at": NOW}
AT_EDGE = "edge.test:6432/app?sslmode=verify-full&sslrootcert=ROOT"
OTP_URI, TOKEN_URI = f"postgres://{OTP}:empty@{AT_EDGE}", f"postgres://tk-1@{AT_EDGE}"
CODES = {"recovery_codes": ["a-b", "c-d"]}
DONE = {"request": asked.approved()}
ACCESS = "/v1/access/requests"
REVIEWED = {"review": review(), "unreviewable": 0}
DECIDED = {"items": [item(1, user="ann")], "after": None}
RESOURCE = {"kind": "Service", "metadata": {"name": "orders", "version": 3}, "spec": {}}
ROUTES: dict[str, Any] = {
    f"GET {ACCESS}": {"requests": [asked.approved()], "after": None},
    f"GET {ACCESS}/{asked.ID}": DONE,
    **{
        f"POST {ACCESS}/{asked.ID}/{verb}": DONE
        for verb in ("approve", "deny", "cancel", "revoke", "acknowledge")
    },
    "POST /v1/access/reviews": REVIEWED,
    "POST /v1/access/reviews/q4/close": REVIEWED,
    "POST /v1/access/reviews/q4/confirm": DECIDED,
    "POST /v1/access/reviews/q4/end": DECIDED,
    "POST /v1/database-sessions/s1/end": {"session": "s1", "edge": "e1", "edge_seen_at": NOW},
    "POST /v1/users": {},
    "PATCH /v1/users/bob": {},
    "DELETE /v1/users/bob": {"revoked": 2},
    "POST /v1/users/bob/block": {"revoked": 1},
    "POST /v1/users/bob/unblock": {},
    "POST /v1/users/bob/password": {"revoked": 1},
    "POST /v1/users/bob/mfa/reset": {"removed": ["totp"]},
    "POST /v1/users/bob/invitation": {
        "link": "https://ca/welcome",
        "mailed": False,
        "invitation": {"expires_at": NOW},
    },
    "DELETE /v1/users/bob/invitation": {"change": "deleted"},
    "POST /v1/groups/dba/members": {"name": "dba", "members": ["bob"]},
    "POST /v1/tokens": {"token": "t", "expires_at": NOW},
    "DELETE /v1/edges/e1": {"revoked": 1},
    "DELETE /v1/hosts/db1": {"revoked": 1},
    "DELETE /v1/connectors/c1": {"revoked": 1},
    "DELETE /v1/resources/service/orders": {"change": "deleted"},
    "POST /v1/resources/service/orders/rollback": {"change": "updated", "resource": RESOURCE},
    "PUT /v1/identity-providers/corp/secret": {"change": "updated"},
    "POST /v1/identity-providers/corp/links": LINK,
    "DELETE /v1/identity-providers/corp/links/ann": {"revoked": 2},
    "DELETE /v1/identity-providers/corp": {"revoked": 1},
    "POST /v1/me/devices/approve": {"device": DEVICE},
    "POST /v1/me/devices/d1/revoke": {"revoked": 1},
    "PATCH /v1/me/devices/d1": {"device": DEVICE},
    "POST /v1/me/device-tokens": {"token": "t", "expires_at": NOW},
    "DELETE /v1/me/logins/s1": {"ended": 1, "revoked": 2},
    "DELETE /v1/me/logins/s2": {"ended": 1, "revoked": 0},
    "GET /v1/me/mfa": {"factors": [], "recovery_codes_left": 0, "proof": "nothing"},
    "POST /v1/me/mfa/totp": {"uri": "otpauth://totp/x?secret=G", "secret": "G", "enrolment": "e"},
    "POST /v1/me/mfa/totp/confirm": CODES,
    "POST /v1/me/mfa/remove": {"removed": ["totp", "recovery"]},
    "POST /v1/me/mfa/recovery-codes": CODES,
    "GET /v1/me/passkeys": {"passkeys": [PASSKEY]},
    "POST /v1/me/passkeys": {"url": f"{URL}/login?state=s", "code": "BCD-234", "flow": "f"},
    "POST /v1/me/passkey-attestations": {"passkey": PASSKEY},
    f"PATCH /v1/me/passkeys/{KEY}": {"passkey": PASSKEY},
    f"DELETE /v1/me/passkeys/{KEY}": {"removed": 1, "revoked": 2},
    "POST /v1/me/password": {"revoked": 3},
    "POST /v1/me/step-up": STEP_UP,
    "GET /v1/rotations": {"rotations": [ROTATION]},
    "POST /v1/rotations/r1/advance": {"phase": "issue-new", "revoked": 0},
    "POST /v1/rotations/r1/rollback": {"phase": "trust-both", "revoked": 1},
    "POST /v1/acme/keys/k1/revoke": {"accounts": 1, "revoked": 2},
    "GET /v1/services": {"services": [entry("orders")]},
    "POST /v1/me/otp": {"otp": OTP, "service": "orders", "expires_at": NOW},
    "POST /v1/me/tokens": {"id": "tk-1", "secret": "s", "service": "orders", "expires_at": NOW},
    "DELETE /v1/me/tokens/tk-1": {"change": "deleted"},
    "POST /v1/catalog/shop-db/refresh": {
        "integration": "shop-db",
        "asked_at": NOW,
        "connector": "c1",
        "edge": None,
    },
    "POST /v1/secrets": {"name": "db", "version": 1},
    "POST /v1/secrets/db/rotate": {"name": "db", "version": 2},
    "POST /v1/secrets/db/recover": {"name": "db", "version": 3},
    "DELETE /v1/secrets/db": {"change": "deleted", "services": []},
    "POST /v1/secret-key/rotate": {"number": 2, "secrets": 1},
    "POST /v1/recording-key/rotate": {"recipient": "age1new", "before": None},
    "POST /v1/acme/accounts/a1/revoke": {"accounts": 1, "revoked": 0},
}
# What is typed, and the document without its command and its messages.
TABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "user add": ("user add bob --password-stdin", {"name": "bob", "groups": []}),
    "user edit": ("user edit bob --email b@x.test", {"name": "bob", "email": "b@x.test"}),
    "user block": ("user block bob", {"name": "bob", "blocked": True, "certificates_revoked": 1}),
    "user unblock": ("user unblock bob", {"name": "bob", "blocked": False}),
    "user passwd": (
        "user passwd bob --password-stdin",
        {"name": "bob", "certificates_revoked": 1},
    ),
    "user invite": (
        "user invite bob",
        {"name": "bob", "mailed": False, "expires_at": NOW, "link": "https://ca/welcome"},
    ),
    "user uninvite": ("user uninvite bob", {"name": "bob"}),
    "user remove": ("user remove bob", {"removed": ["bob"], "certificates_revoked": 2}),
    "user reset-mfa": ("user reset-mfa bob", {"name": "bob", "removed": ["totp"]}),
    "group add": ("group add dba bob", {"name": "dba", "members": ["bob"]}),
    "group remove": ("group remove dba ann", {"name": "dba", "members": ["bob"]}),
    "ca token": (
        "ca token edge e1",
        {"kind": "edge", "name": "e1", "expires_at": NOW, "token": "t"},
    ),
    "edges remove": ("edges remove e1", {"removed": ["e1"], "certificates_revoked": 1}),
    "connectors remove": (
        "connectors remove c1",
        {"removed": ["c1"], "certificates_revoked": 1},
    ),
    "hosts remove": ("hosts remove db1", {"removed": ["db1"], "certificates_revoked": 1}),
    "delete": (
        "delete service orders",
        {"deleted": [{"kind": "service", "name": "orders"}]},
    ),
    "rollback": (
        "rollback service orders -m why",
        {"kind": "Service", "name": "orders", "change": "updated", "version": 3, "dry_run": False}
        | {"lines": ["Service orders updated"]},
    ),
    "idp secret": (
        "idp secret corp --client-secret-stdin",
        {"name": "corp", "has_secret": True},
    ),
    "idp link": ("idp link corp ann s-1", {"name": "corp", **LINK}),
    "idp unlink": (
        "idp unlink corp ann",
        {"name": "corp", "user": "ann", "certificates_revoked": 2},
    ),
    "idp remove": ("idp remove corp", {"removed": ["corp"], "certificates_revoked": 1}),
    "devices approve": ("devices approve ABCD-2345", DEVICE),
    "devices revoke": ("devices revoke d1", {"revoked": ["d1"], "certificates_revoked": 1}),
    "devices rename": ("devices rename d1 laptop", DEVICE),
    "devices token": ("devices token", {"expires_at": NOW, "token": "t"}),
    "sessions end": (
        "sessions end s1",
        {"session": "s1", "edge": "e1", "edge_seen_at": NOW},
    ),
    "sessions rotate-key": ("sessions rotate-key", {"recipient": "age1new", "before": None}),
    "logins end": ("logins end s1 s2", {"sessions_ended": 2, "certificates_revoked": 2}),
    "logout": (
        "logout",
        {"ended_at_ca": True, "problem": None, "provider": None, "provider_logout_url": None},
    ),
    "mfa add totp": ("mfa add totp", {"kind": "totp", **CODES}),
    "mfa add passkey": ("mfa add passkey", PASSKEY),
    "mfa remove": ("mfa remove totp", {"removed": ["totp", "recovery"]}),
    "mfa recovery-codes": ("mfa recovery-codes", CODES),
    "passkey add": ("passkey add", PASSKEY),
    "passkey rename": ("passkey rename phone desk", PASSKEY),
    "passkey remove": ("passkey remove phone", {"passkeys_removed": 1, "certificates_revoked": 2}),
    "passwd": ("passwd --password-stdin", {"user": "alice", "certificates_revoked": 3}),
    "step-up": (
        "step-up orders --code-stdin",
        {"service": "orders", "proved_until": NOW},
    ),
    "otp": ("otp orders", {**LOGIN, "user": OTP, "uri": OTP_URI, "command": f"psql '{OTP_URI}'"}),
    "token": (
        "token orders",
        {**LOGIN, "id": "tk-1", "user": "tk-1", "uri": TOKEN_URI, "password": "s"},
    ),
    "tokens revoke": ("tokens revoke tk-1", {"revoked": ["tk-1"]}),
    "secret create": ("secret create db", {"name": "db", "version": 1}),
    "catalog refresh": (
        "catalog refresh shop-db",
        {"integration": "shop-db", "asked_at": NOW, "connector": "c1", "edge": None},
    ),
    "secret recover": ("secret recover db --version 1", {"name": "db", "version": 3}),
    "secret rotate": ("secret rotate db", {"name": "db", "version": 2}),
    "secret delete": ("secret delete db", {"deleted": ["db"]}),
    "secret rotate-key": ("secret rotate-key", {"number": 2, "secrets": 1}),
    "ca rotate advance": (
        "ca rotate advance",
        {"rotation": "r1", "phase": "issue-new", "certificates_revoked": 0},
    ),
    "ca rotate rollback": (
        "ca rotate rollback",
        {"rotation": "r1", "phase": "trust-both", "certificates_revoked": 1},
    ),
    "ca acme key revoke": (
        "ca acme key revoke k1",
        {"revoked": ["k1"], "accounts_ended": 1, "certificates_revoked": 2},
    ),
    "ca acme account revoke": (
        "ca acme account revoke a1",
        {"revoked": ["a1"], "accounts_ended": 1, "certificates_revoked": 0},
    ),
    "agent stop": ("agent stop", {"stopped": False}),
    "approve": (f"approve {asked.ID} --yes", {"approved": [asked.approved()]}),
    "deny": (f"deny {asked.ID} --reason no", {"denied": [asked.approved()]}),
    "cancel": (f"cancel {asked.ID}", {"cancelled": [asked.approved()]}),
    "revoke": (f"revoke {asked.ID}", {"revoked": [asked.approved()]}),
    "access review start": ("access review start q4", REVIEWED),
    "access review confirm": ("access review confirm q4 1", {"rights": DECIDED["items"]}),
    "access review end": ("access review end q4 1 --yes", {"rights": DECIDED["items"]}),
    "access review close": ("access review close q4", REVIEWED),
    "requests acknowledge": (f"requests acknowledge {asked.ID}", DONE),
}
# These need more than the fake CA; the facts of each are looked at in the tests beside it.
ELSEWHERE = {
    "agent install",
    "agent start",
    "agent uninstall",
    "audit export",
    "ca log accept",
    "ca log export",
    "ca notices retry",
    "ca notices test",
    "ca rotate start",
    "connect",
    "connector enroll",
    "disconnect",
    "edge enroll",
    "edit",
    "export",
    "hba apply",
    "hba logs",
    "hba refresh",
    "hba remove",
    "hba roles",
    "hba rollback",
    "login",
    "sessions export",
    "sessions play",
}


def commands(
    group: click.Group, context: click.Context, path: str = ""
) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        whole = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, parent=context), whole)
        elif command is not None:
            yield whole, command


def root_file() -> str:
    """Return where the file with the CA's roots is."""
    return str(Home(pgward_home()).paths.ca)


def shows_something(command: click.Command) -> bool:
    callback = inspect.unwrap(command.callback or (lambda: None))
    return "output" in inspect.signature(callback).parameters


def test_every_command_that_does_something_is_here():
    found = {
        path
        for path, command in commands(cli, click.Context(cli))
        if path not in NO_DOCUMENT and not shows_something(command)
    }
    assert found == TABLE.keys() | ELSEWHERE


@pytest.mark.parametrize("path", TABLE)
def test_facts_have_names(logged_in, fake_ca, monkeypatch, path):
    fake_ca.routes |= ROUTES
    monkeypatch.setattr(terminal, "ask", lambda _label: "123456")
    monkeypatch.setattr(Loopback, "wait", lambda _self, state: {"code": "c", "state": state})
    monkeypatch.setattr("webbrowser.open", lambda _url: True)
    words, facts = TABLE[path]
    done = logged_in(*words.split(), "-o", "json", stdin="Correct-Horse-7\nBattery-Staple-8\n")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    del document["messages"]
    for name in ("uri", "command"):
        if name in document:
            document[name] = document[name].replace(root_file(), "ROOT")
    assert document == {"command": path, **facts}
