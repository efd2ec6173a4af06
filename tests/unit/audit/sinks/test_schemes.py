import pytest

from pgward.audit.sinks.schemes import open_sink, parse
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    "text",
    [
        "file:///tmp/audit",
        "syslog+tls://localhost",
        "syslog+tcp://localhost:514",
        "syslog+udp://localhost",
        "otlp+https://localhost:4318/v1/logs",
        "otlp+http://localhost:4318/v1/logs",
        "webhook+https://localhost/hook#secret=env:PATH",
    ],
)
def test_every_scheme_has_a_sink_that_connects_later(text):
    name, sink = open_sink(text)
    sink.close()
    assert name == parse(text).name


def test_others_are_refused():
    for text in ("http://localhost", "webhook+http://localhost", "", "/var/log/audit"):
        with pytest.raises(InvalidInputError, match="is no sink"):
            parse(text)
