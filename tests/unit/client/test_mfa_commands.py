import pytest

from pgward.system import terminal
from tests.fixtures.commands import body

URI = "otpauth://totp/pgward:alice?secret=GEZD&issuer=pgward"
OFFERED = {"uri": URI, "secret": "GEZD", "enrolment": "sealed"}


def have(proof="nothing", left=10):
    kinds = [{"kind": "totp", "created_at": "2026-11-21T09:00:00Z"}]
    return {"factors": kinds, "recovery_codes_left": left, "proof": proof}


@pytest.fixture
def typed(monkeypatch):
    """Have a person type this."""

    def typed(*texts):
        left = list(texts)
        monkeypatch.setattr(terminal, "ask", lambda _label: left.pop(0))
        monkeypatch.setattr(terminal, "ask_password", lambda _label: left.pop(0))

    return typed


def test_factors_are_listed(logged_in, fake_ca):
    found = have()
    found["factors"].append(
        {"kind": "webauthn", "name": "phone", "created_at": "2026-11-21T10:00:00Z"}
    )
    fake_ca.routes["GET /v1/me/mfa"] = found
    result = logged_in("mfa", "list")
    assert result.stdout.splitlines() == [
        "KIND     NAME   SINCE",
        "totp     -      2026-11-21T09:00:00Z",
        "passkey  phone  2026-11-21T10:00:00Z",
    ]
    assert result.stderr == "recovery codes left: 10\n"
    listed = logged_in("mfa", "list", "-o", "json").stdout
    assert '"recovery_codes_left": 10' in listed
    assert "proof" not in listed


def test_who_has_none_is_told(logged_in, fake_ca):
    fake_ca.routes["GET /v1/me/mfa"] = {"factors": [], "recovery_codes_left": 0, "proof": "login"}
    assert "you have no second factor" in logged_in("mfa", "list").output


@pytest.mark.parametrize(
    ("needed", "proof"),
    [
        ("nothing", {}),
        ("password", {"password": "secret"}),
        ("code", {"factor": "totp", "code": "123 456"}),
        ("code", {"factor": "recovery", "code": "0123-4567"}),
    ],
)
def test_an_app_is_set_up_with_the_proof_that_is_needed(logged_in, fake_ca, typed, needed, proof):
    fake_ca.routes["GET /v1/me/mfa"] = have(needed)
    fake_ca.routes["POST /v1/me/mfa/totp"] = OFFERED
    fake_ca.routes["POST /v1/me/mfa/totp/confirm"] = {"recovery_codes": ["a-b", "c-d"]}
    typed(*list(proof.values())[-1:], "654321")
    result = logged_in("mfa", "add", "totp")
    assert body(fake_ca) == {"enrolment": "sealed", "code": "654321", "proof": proof}
    assert result.stdout == "a-b\nc-d\n"
    assert f"or open: {URI}" in result.stderr
    assert "the authenticator app is set up" in result.stderr


def test_a_fresh_login_may_be_needed(logged_in, fake_ca):
    fake_ca.routes["GET /v1/me/mfa"] = have("login")
    for arguments in (["add", "totp"], ["remove", "totp"], ["recovery-codes"]):
        result = logged_in("mfa", *arguments)
        assert result.exit_code == 3
        assert result.stderr == (
            "pgward: this needs a fresh login\nhint: pgward login, then again\n"
        )


def test_an_app_is_removed(logged_in, fake_ca):
    fake_ca.routes["GET /v1/me/mfa"] = have()
    fake_ca.routes["POST /v1/me/mfa/remove"] = {"removed": ["totp", "recovery"]}
    assert logged_in("mfa", "remove", "totp").stderr == "removed: totp, recovery\n"
    assert body(fake_ca) == {"factor": "totp", "proof": {}}


def test_new_recovery_codes_are_printed(logged_in, fake_ca):
    fake_ca.routes["GET /v1/me/mfa"] = have()
    fake_ca.routes["POST /v1/me/mfa/recovery-codes"] = {"recovery_codes": ["a-b"]}
    assert logged_in("mfa", "recovery-codes").stdout == "a-b\n"


def test_without_a_terminal_nothing_is_guessed(logged_in, fake_ca):
    fake_ca.routes["GET /v1/me/mfa"] = have()
    fake_ca.routes["POST /v1/me/mfa/totp"] = OFFERED
    result = logged_in("mfa", "add", "totp")
    assert result.exit_code == 2
    assert "there is no terminal to ask on" in result.stderr
