import json
from pathlib import Path

from pgward.tunnel.edge.auditor.settings import AuditorSettings


def test_settings_are_a_line_and_back():
    settings = AuditorSettings(Path("/d"), ("file:///a", "syslog+tcp://b"), 5, "debug")
    line = settings.to_line()
    assert line.count(b"\n") == 1
    assert AuditorSettings.from_line(line) == settings
    assert AuditorSettings.from_line(line).tape_key == settings.tape_key
    assert repr(settings.tape_key) not in repr(settings)
    assert settings.place == Path("/d/audit")


def test_an_edge_of_an_earlier_version_has_no_key():
    settings = AuditorSettings(Path("/d"))
    fields = json.loads(settings.to_line())
    del fields["tape_key"]
    assert AuditorSettings.from_line(json.dumps(fields).encode()) == settings
