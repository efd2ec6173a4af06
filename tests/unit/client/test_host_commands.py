from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.clock import rfc3339

LATER = rfc3339(datetime.now(UTC) + timedelta(days=30, minutes=1))


@pytest.mark.parametrize("arguments", [["hosts"], ["hosts", "list"]])
def test_hosts(logged_in, fake_ca, arguments):
    row = {
        "name": "db1",
        "dns": ["db1.test"],
        "ips": ["10.0.0.1"],
        "enrolled_at": LATER,
        "last_seen_at": None,
        "not_after": LATER,
    }
    fake_ca.routes["GET /v1/hosts"] = {"hosts": [row]}
    line = logged_in(*arguments).stdout.splitlines()[1].split()
    assert line == ["db1", "db1.test,", "10.0.0.1", "never", "in", "30", "days"]


def test_no_hosts_say_how_to_begin(logged_in, fake_ca):
    fake_ca.routes["GET /v1/hosts"] = {"hosts": []}
    assert "`pgward ca token host NAME` begins one" in logged_in("hosts").stderr


def test_hosts_are_removed(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/hosts/db1"] = {"revoked": 1}
    assert logged_in("hosts", "remove", "db1").stderr == (
        "removed the host db1; 1 certificate revoked\n"
    )
