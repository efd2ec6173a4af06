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
