from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.clock import rfc3339

NOW = datetime.now(UTC)
LOGIN = {
    "id": "s1",
    "user": "alice",
    "current": True,
    "device_id": "d1",
    "device": "laptop",
    "method": "password",
    "provider": None,
    "factors": ["password", "totp"],
    "reason": "INC-1",
    "client": "10.0.0.1",
    "created_at": rfc3339(NOW - timedelta(hours=3)),
    "expires_at": rfc3339(NOW + timedelta(hours=9, minutes=1)),
}
OTHER = LOGIN | {
    "id": "s2",
    "current": False,
    "device": None,
    "method": "oidc",
    "provider": "corp",
    "factors": ["oidc"],
    "reason": None,
}


@pytest.mark.parametrize("arguments", [["logins"], ["logins", "list"]])
def test_sessions_are_listed(logged_in, fake_ca, arguments):
    fake_ca.routes["GET /v1/me/logins"] = {"logins": [LOGIN, OTHER]}
    lines = logged_in(*arguments).stdout.splitlines()
    assert lines[0].split() == ["ID", "DEVICE", "METHOD", "REASON", "FROM", "SINCE", "UNTIL"]
    assert lines[1].split()[:9] == [
        *("s1", "laptop", "(this", "one)", "password", "+", "totp", "INC-1", "10.0.0.1")
    ]
    assert lines[2].split()[:6] == ["s2", "unknown", "oidc", "at", "corp", "-"]


def test_sessions_of_another_person(logged_in, fake_ca):
    fake_ca.routes["GET /v1/users/bob/logins"] = {"logins": []}
    assert "there is no login session" in logged_in("logins", "--user", "bob").stderr


def test_sessions_are_ended(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/me/logins/s2"] = {"ended": 1, "revoked": 2}
    fake_ca.routes["DELETE /v1/me/logins"] = {"ended": 0, "revoked": 0}
    fake_ca.routes["DELETE /v1/users/bob/logins"] = {"ended": 2, "revoked": 1}
    for arguments, expected in {
        ("s2",): "1 login session ended; 2 certificates revoked\n",
        ("--others",): "0 login sessions ended; 0 certificates revoked\n",
        ("--others", "--user", "bob"): "2 login sessions ended; 1 certificate revoked\n",
    }.items():
        assert logged_in("logins", "end", *arguments).stderr == expected


@pytest.mark.parametrize("arguments", [[], ["s1", "--others"]])
def test_what_shall_end_must_be_said(logged_in, arguments):
    result = logged_in("logins", "end", *arguments)
    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        2,
        "pgward: name sessions, or say --others",
    )
