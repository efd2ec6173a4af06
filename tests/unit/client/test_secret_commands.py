import json
import os
import threading
from base64 import b64decode

import pytest

from pgward.client import secret_commands
from pgward.system import terminal
from tests.fixtures.commands import body

CANARY = "canary-Zx81"


@pytest.fixture(autouse=True)
def routes(fake_ca):
    fake_ca.routes |= {
        "POST /v1/secrets": {"name": "db", "version": 1},
        "POST /v1/secrets/db/rotate": {"name": "db", "version": 2},
    }


def sent(fake_ca) -> bytes:
    return b64decode(body(fake_ca)["value"])


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (f"{CANARY}\n", CANARY),
        (f"{CANARY}\r\n", CANARY),
        (CANARY, CANARY),
        (f" {CANARY} \n", f" {CANARY} "),
        (f"-----BEGIN\n{CANARY}\n-----END\n", f"-----BEGIN\n{CANARY}\n-----END\n"),
    ],
)
def test_standard_input_is_the_value_but_for_one_lines_end(logged_in, fake_ca, typed, expected):
    done = logged_in("secret", "create", "db", stdin=typed)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "the secret db is stored\n"
    assert sent(fake_ca).decode() == expected


def test_a_file_may_hold_any_bytes(logged_in, fake_ca, tmp_path):
    file = tmp_path / "value"
    file.write_bytes(b"\xff\x00\xfe")
    done = logged_in("secret", "rotate", "db", "--file", str(file))
    assert done.stderr == "the secret db has version 2 now\n"
    assert sent(fake_ca) == b"\xff\x00\xfe"
    assert logged_in("secret", "create", "db", "--file", "-", stdin="x").exit_code == 0
    assert sent(fake_ca) == b"x"


def test_a_value_on_the_command_line_is_warned_of(logged_in, fake_ca):
    done = logged_in("secret", "create", "db", "--value", CANARY)
    assert done.stderr.startswith("warning: others on this machine may have seen the value")
    assert sent(fake_ca).decode() == CANARY
    assert CANARY not in done.stdout + done.stderr


def test_on_a_terminal_it_is_asked_for_twice_and_not_shown(logged_in, fake_ca, monkeypatch):
    asked = []
    monkeypatch.setattr(terminal, "interactive", lambda: True)
    monkeypatch.setattr(
        terminal, "ask_password", lambda label, confirm: asked.append((label, confirm)) or CANARY
    )
    assert logged_in("secret", "create", "db").exit_code == 0
    assert asked == [("Value of db", True)]
    assert sent(fake_ca).decode() == CANARY


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        ((), "", "the value is empty"),
        ((), "\n", "the value is empty"),
        ((), "x" * 16385, "the value is longer than 16384 bytes"),
        (("--value", "a", "--file", "b"), "", "--value and --file exclude each other"),
    ],
)
def test_wrong_input_is_told_and_not_sent(logged_in, fake_ca, words, stdin, message):
    done = logged_in("secret", "create", "db", *words, stdin=stdin)
    assert (done.exit_code, done.stderr) == (2, f"pgward: {message}\n")
    assert fake_ca.calls == []


def test_a_file_that_is_not_there_is_told(logged_in, tmp_path):
    done = logged_in("secret", "create", "db", "--file", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "none" in done.stderr


def test_a_fifo_is_read_to_its_end(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def write():
        with path.open("wb") as file:
            for part in (b"one", b"two"):
                file.write(part)
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    assert b64decode(secret_commands._value("db", None, path)) == b"onetwo"
    writer.join()


LISTED = {
    "name": "db",
    "version": 2,
    "services": ["orders", "stock"],
    "created_at": "2026-11-21T12:00:00Z",
    "created_by": "root",
    "rotated_at": "2026-11-21T12:00:00Z",
    "rotated_by": "dba",
}


@pytest.mark.parametrize("words", [["secret"], ["secret", "list"]])
def test_secrets_are_listed_without_their_values(logged_in, fake_ca, words):
    fake_ca.routes["GET /v1/secrets"] = {"secrets": [LISTED], "key_made_at": None}
    row = logged_in(*words).stdout.splitlines()[1].split()
    assert (row[:4], row[-1]) == (["db", "2", "orders,", "stock"], "dba")
    assert json.loads(logged_in(*words, "-o", "json").stdout) == [LISTED]


def test_no_secret_says_how_to_begin(logged_in, fake_ca):
    fake_ca.routes["GET /v1/secrets"] = {"secrets": [], "key_made_at": None}
    assert "`pgward secret create NAME` makes one" in logged_in("secret").stderr


def test_deleting_by_force_says_what_breaks(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/secrets/db"] = {"change": "deleted", "services": ["orders"]}
    done = logged_in("secret", "delete", "db", "--force")
    assert done.stderr == "deleted the secret db; these services cannot log in now: orders\n"
    assert fake_ca.requests[-1].url.query == b"force=true"


def test_the_key_is_rotated(logged_in, fake_ca):
    fake_ca.routes["POST /v1/secret-key/rotate"] = {"number": 3, "secrets": 2}
    done = logged_in("secret", "rotate-key")
    assert done.stderr == "2 secrets encrypted with a new key\n"


def test_versions_are_shown_and_one_is_recovered(logged_in, fake_ca):
    version = {"version": 1, "state": "former", "created_by": "ann"}
    version |= {"created_at": "2026-11-21T11:00:00Z", "expires_at": "2026-12-21T11:00:00Z"}
    fake_ca.routes |= {
        "GET /v1/secrets/db/versions": {"name": "db", "versions": [version]},
        "POST /v1/secrets/db/recover": {"name": "db", "version": 3},
    }
    shown = logged_in("secret", "history", "db")
    assert "former" in shown.stdout.splitlines()[1]
    assert json.loads(logged_in("secret", "history", "db", "-o", "json").stdout) == [version]
    done = logged_in("secret", "recover", "db", "--version", "1")
    assert done.stderr == "the secret db has version 3 now, as 1 was\n"
    assert body(fake_ca) == {"version": 1}


def test_a_password_is_changed_at_the_server(logged_in, fake_ca):
    asked = {"secret": "db", "integration": "shop-db", "user": "app"}
    fake_ca.routes["POST /v1/secrets/db/change"] = asked
    done = logged_in("secret", "rotate", "db", "--now")
    assert done.stderr == (
        "asked for a new password of app at shop-db: `pgward secret accounts` shows what came"
        " of it\n"
    )
    refused = logged_in("secret", "rotate", "db", "--now", "--value", CANARY)
    assert refused.exit_code == 2
    assert "--now makes the value itself" in refused.stderr


def test_accounts_are_listed(logged_in, fake_ca):
    account = {"integration": "shop-db", "user": "app", "secret": "db", "every": "30d"}
    account |= {"due": False, "changed_at": None, "failure": "permission denied"}
    fake_ca.routes["GET /v1/accounts"] = {"accounts": [account]}
    shown = logged_in("secret", "accounts").stdout.splitlines()[1]
    assert shown.split() == [
        *("shop-db", "app", "db", "30d", "never", "no", "permission", "denied"),
    ]
    assert json.loads(logged_in("secret", "accounts", "-o", "json").stdout) == [account]
    fake_ca.routes["GET /v1/accounts"] = {"accounts": []}
    assert logged_in("secret", "accounts").stderr == "no integration names an account\n"
