import pytest

from pgward.audit.tape.frames import TapeFullError
from pgward.tunnel.edge.aware.refusals import no_room
from pgward.tunnel.preface import Reason


def test_a_full_disk_is_told_as_postgresql_tells_it(caplog: pytest.LogCaptureFixture):
    """The other refusals are shown where sessions are opened: test_opening.py."""
    refusal = no_room(TapeFullError("the disk is full: /somewhere"))
    assert (refusal.reason, refusal.sqlstate) == (Reason.LIMIT, "53100")
    assert "/somewhere" not in refusal.message
    assert "the disk is full: /somewhere" in caplog.text
