from types import SimpleNamespace

import pytest

from pgward.audit.tape.frames import TapeFullError
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.aware.refusals import (
    check_recording,
    check_way,
    no_room,
    nothing_to_show,
    told,
)
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.preface import Reason, RefusedError


def test_a_full_disk_is_told_as_postgresql_tells_it(caplog: pytest.LogCaptureFixture):
    """The other refusals are shown where sessions are opened: test_opening.py."""
    refusal = no_room(TapeFullError("the disk is full: /somewhere"))
    assert (refusal.reason, refusal.sqlstate) == (Reason.LIMIT, "53100")
    assert "/somewhere" not in refusal.message
    assert "the disk is full: /somewhere" in caplog.text


def test_nobody_comes_unrecorded_to_a_service_that_records():
    recorded, other = SimpleNamespace(recording="results"), SimpleNamespace(recording="none")
    assert check_recording(other, None) is None
    assert check_recording(recorded, SimpleNamespace(recipient="age1x")) == "age1x"
    for state in (None, SimpleNamespace(recipient=None)):
        with pytest.raises(RefusedError, match="has no key"):
            check_recording(recorded, state)


def test_the_log_says_what_to_do_and_the_client_whom_to_ask(caplog: pytest.LogCaptureFixture):
    decided = SimpleNamespace(asked=SimpleNamespace(service="shop", user="ann"))
    why = PgwardError("this edge knows no Vault", hint="set VAULT_ADDR")
    assert nothing_to_show(why, decided).message == "the edge has nothing to log in to shop with"
    assert caplog.messages == [
        "no credentials on shop for ann: this edge knows no Vault (set VAULT_ADDR)"
    ]


def test_the_log_does_not_send_whoever_runs_the_service_to_themselves(
    caplog: pytest.LogCaptureFixture,
):
    decided = SimpleNamespace(asked=SimpleNamespace(service="shop", user="ann"))
    away = UpstreamError("the edge cannot reach the database at db1:5432: Connection refused")
    assert told(away, decided).hint == "ask whoever runs the service"
    wrong = UpstreamError("the database does not let the edge in as app", fields={"C": "28P01"})
    assert (
        told(wrong, decided).hint == "tell whoever runs the service: the edge's log has the reason"
    )
    assert caplog.messages == [
        f"no session on shop for ann: {away.message}",
        f"no session on shop for ann: {wrong.message} (PostgreSQL's own log says more)",
    ]


@pytest.mark.parametrize(
    ("method", "ways", "is_in"),
    [
        ("web", {"certificate"}, True),
        ("tunnel", {"certificate"}, True),
        ("web", {"otp"}, False),
        ("otp", {"otp"}, True),
    ],
)
def test_the_web_client_comes_by_a_certificate(method, ways, is_in):
    asked = SimpleNamespace(method=method, postgres=SimpleNamespace(login=ways))
    if is_in:
        check_way(asked)
        return
    with pytest.raises(RefusedError, match="nobody in by a login certificate"):
        check_way(asked)
