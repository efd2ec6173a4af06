from pgward.client.spool import Spool
from pgward.hba.agent.interfaces import Events


def test_a_spool_keeps_events(tmp_path):
    spool = Spool(tmp_path / "spool", "agent", lambda events: [e["id"] for e in events])
    events: Events = spool
    events.append({"id": "x"})
    assert spool.waiting_bytes() > 0
    spool.deliver()
    spool.stop()
