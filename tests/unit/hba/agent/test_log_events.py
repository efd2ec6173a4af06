import json
from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.errors import UnavailableError
from pgward.hba.agent.backends import Backend
from pgward.hba.agent.duty import Turn
from pgward.hba.agent.log_events import POSITION_FILE, LiveCertificates, LogEvents
from pgward.hba.install.host import Host
from pgward.hba.logs.events import Certificate
from pgward.hba.logs.position import Position
from pgward.hba.server.datadir import DataDir

NOW = datetime.now(UTC) + timedelta(hours=1)
START = datetime(2026, 11, 22, 4, tzinfo=UTC)
SESSION = f"{int(START.timestamp()):x}.7"
BACKEND = Backend(
    7, "2026-11-22 04:00:00.123456+00", "app", "shop", "::1", 255, "/CN=ca", "/CN=ann"
)


class Live:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.closed = False

    def every(self):
        found = self.answers.pop(0) if self.answers else []
        if isinstance(found, Exception):
            raise found
        return found

    def close(self):
        self.closed = True


def line(message: str, severity: str = "LOG", session: str = SESSION) -> bytes:
    fields = {
        "timestamp": "2026-11-22 04:00:09.277 UTC",
        "pid": 7,
        "session_id": session,
        "error_severity": severity,
        "message": message,
    }
    return json.dumps(fields).encode() + b"\n"


LOGIN = line("connection authorized: user=app database=shop")


@pytest.fixture
def host(pg_files) -> Host:
    found = DataDir.open(pg_files.data_dir)
    found.disk.make_dir(found.path / "pgward")
    return Host(found, found.path / "pgward")


@pytest.fixture
def log(host):
    path = host.data_dir.path / "pg.json"
    path.write_bytes(line('role "old" does not exist', "FATAL"))
    path.chmod(0o644)
    return path


def duty(host, log, live=None) -> tuple[LogEvents, list]:
    told = []
    certificates = LiveCertificates(live or Live())
    return LogEvents(host, told, certificates, name="db1", log_file=log), told


def test_what_comes_is_told_from_the_first_turn_on(host, log):
    live = Live([BACKEND])
    made, told = duty(host, log, live)
    assert made.run(Turn(NOW)).due_in == 1.0
    assert told == []
    with log.open("ab") as file:
        file.write(LOGIN)
    made.run(Turn(NOW))
    assert [(each["actor"], each["details"]["serial"]) for each in told] == [("ann", "ff")]
    kept = Position.read((host.state_dir / POSITION_FILE).read_bytes())
    assert kept.offset == log.stat().st_size
    made.close()
    assert live.closed


def test_it_goes_on_where_it_was(host, log):
    made, _ = duty(host, log)
    made.run(Turn(NOW))
    made.close()
    with log.open("ab") as file:
        file.write(LOGIN)
    again, told = duty(host, log)
    again.run(Turn(NOW))
    assert [each["actor"] for each in told] == ["app"]
    again.run(Turn(NOW))
    assert len(told) == 1


def test_a_server_that_collects_no_log_is_no_problem(host, caplog):
    made, _ = duty(host, None)
    done = [made.run(Turn(NOW)) for _ in range(2)]
    assert [(each.due_in, each.problems) for each in done] == [(60.0, ())] * 2
    assert caplog.text.count("logging_collector is off") == 1
    made.close()


def test_a_log_that_is_gone_is_said_once(host, log, caplog):
    made, _ = duty(host, log)
    made.run(Turn(NOW))
    made.close()
    log.unlink()
    log.write_bytes(LOGIN * 2)
    again, _ = duty(host, log)
    for _ in range(2):
        again.run(Turn(NOW))
    assert caplog.text.count("is gone") == 1


def test_certificates_of_live_sessions():
    moment = [0.0]
    live = Live([BACKEND], UnavailableError("away"))
    certificates = LiveCertificates(live, lambda: moment[0])
    assert certificates.of(7, SESSION) == Certificate("ann", "ff")
    assert certificates.of(7, "pid 7") == Certificate("ann", "ff")
    assert certificates.of(8, SESSION) is None
    assert certificates.of(7, f"{int(START.timestamp()) - 60:x}.7") is None
    assert certificates.of(7, "x.7") is None
    moment[0] = 2.0
    assert certificates.of(7, SESSION) == Certificate("ann", "ff")  # the server is away
    moment[0] = 4.0
    assert certificates.of(7, SESSION) == Certificate("ann", "ff")  # the session has ended
    assert certificates.of(7, f"{int(START.timestamp()) + 60:x}.7") is None


def test_a_login_is_looked_at_before_it_is_told(host, log):
    """A session that is over when its login is settled was seen while it was not."""
    live = Live([BACKEND])
    made, told = duty(host, log, live)
    made.run(Turn(NOW))
    with log.open("ab") as file:
        file.write(LOGIN)
    read_at = START + timedelta(seconds=9)
    made.run(Turn(read_at))
    assert (told, live.answers) == ([], [])
    made.run(Turn(read_at + timedelta(seconds=5)))
    assert [each["details"]["serial"] for each in told] == ["ff"]
