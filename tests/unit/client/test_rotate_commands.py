from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.clock import rfc3339
from tests.fixtures.commands import body

LATER = rfc3339(datetime.now(UTC) + timedelta(days=30, minutes=1))
BEFORE = rfc3339(datetime.now(UTC) - timedelta(days=5, minutes=1))
LAGGARD = {
    "machine": "host:db1",
    "since": BEFORE,
    "last_seen_at": None,
    "why": "it was not seen yet to let a client of the new CA in",
    "hint": "run `pgward hba refresh` there",
}


def authority(name, state="current", **fields):
    common = {"subject": "CN=x", "ends": LATER, "start_by": LATER, "is_due": False}
    return {"id": name, "state": state, **common, **fields}


def rotation(name, **fields):
    common = {
        "target": name.removesuffix("-2"),
        "old": [],
        "new": [],
        "phase": "trust-both",
        "since": BEFORE,
        "next": "issue-new",
        "is_ready": False,
        "laggards": [],
        "held": [],
        "history": [],
    }
    return {"id": name, **common, **fields}


@pytest.fixture
def shown(fake_ca):
    def show(*rotations, replicas=()):
        fake_ca.routes["GET /v1/rotations"] = {
            "authorities": [authority("user-root"), authority("user-issuing", is_due=True)],
            "retired": [],
            "rotations": list(rotations),
            "replicas": list(replicas),
        }

    return show


def test_the_cas_and_when_to_replace_them(logged_in, shown):
    shown()
    result = logged_in("ca", "rotate", "status")
    assert result.stdout == (
        "CA            STATE    ENDS        REPLACE\n"
        "user-root     current  in 30 days  in 30 days\n"
        "user-issuing  current  in 30 days  now\n"
    )
    assert result.stderr == "no rotation is under way\n"


def test_who_lags_and_what_is_still_held(logged_in, shown):
    held = {"kind": "person", "alive": 5, "left": 2, "last_ends": LATER}
    shown(
        rotation("user-issuing-2", laggards=[LAGGARD]),
        rotation("server-root-2", phase="issue-new", next="trust-new", held=[held]),
        replicas=[
            {"address": "ca1:8443", "seen_at": BEFORE, "lags": None},
            {"address": "ca2:8443", "seen_at": BEFORE, "lags": "it has no key of x"},
        ],
    )
    assert logged_in("ca", "rotate", "status").stderr == (
        "rotation user-issuing-2: trust-both, 5 days ago; not ready for issue-new\n"
        "  host:db1 lags: it was not seen yet to let a client of the new CA in\n"
        "    never seen; run `pgward hba refresh` there\n"
        "rotation server-root-2: issue-new, 5 days ago; not ready for trust-new\n"
        "  2 of 5 certificates of the old CA for person have no successor; the last ends in 30"
        " days\n"
        "replica ca2:8443 lags: it has no key of x\n"
    )


def test_status_for_programs(logged_in, shown):
    shown(rotation("user-issuing-2"))
    assert '"user-issuing-2"' in logged_in("ca", "rotate", "status", "-o", "json").stdout


def test_going_on_without_a_machine(logged_in, shown, fake_ca):
    shown(rotation("user-issuing-2"))
    fake_ca.routes["POST /v1/rotations/user-issuing-2/advance"] = {
        "id": "user-issuing-2",
        "phase": "issue-new",
        "revoked": 2,
    }
    result = logged_in(
        *("ca", "rotate", "advance", "--force-without", "db1", "--reason", "scrapped"),
        "--revoke-remaining",
    )
    assert result.stdout == "issue-new\n"
    assert result.stderr == (
        "2 certificates revoked\n"
        "the new CA issues; machines renew now, people at their next renewal\n"
    )
    assert body(fake_ca) == {
        "force_without": ["db1"],
        "reason": "scrapped",
        "revoke_remaining": True,
    }


def test_going_back(logged_in, shown, fake_ca):
    shown(rotation("user-issuing-2"), rotation("server-root-2"))
    fake_ca.routes["POST /v1/rotations/server-root-2/rollback"] = {
        "id": "server-root-2",
        "phase": "rolled-back",
        "revoked": 0,
    }
    result = logged_in("ca", "rotate", "rollback", "--hierarchy", "server")
    assert result.stdout == "rolled-back\n"
    assert body(fake_ca) == {"revoke_remaining": False}


def test_which_rotation_is_meant(logged_in, shown):
    shown(rotation("user-issuing-2"), rotation("server-root-2"))
    result = logged_in("ca", "rotate", "advance")
    assert (result.exit_code, "two rotations are under way" in result.stderr) == (2, True)
    shown()
    result = logged_in("ca", "rotate", "advance")
    assert (result.exit_code, "no rotation is under way" in result.stderr) == (1, True)
