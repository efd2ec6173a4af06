"""Which sinks there are: by their URLs' schemes."""

from collections.abc import Callable, Mapping
from typing import Final

from pgward.audit.sinks import file, otlp, syslog, webhook
from pgward.audit.sinks.sink import Sink, SinkUrl

_MAKERS: Mapping[str, tuple[Callable[[SinkUrl], Sink], frozenset[str]]] = {
    "file": (file.FileSink.of, file.OPTIONS),
    "syslog+tls": (syslog.SyslogSink.of, syslog.TLS_OPTIONS),
    "syslog+tcp": (syslog.SyslogSink.of, syslog.OPTIONS),
    "syslog+udp": (syslog.SyslogSink.of, syslog.OPTIONS),
    "otlp+https": (otlp.OtlpSink.of, otlp.OPTIONS),
    "otlp+http": (otlp.OtlpSink.of, otlp.OPTIONS),
    "webhook+https": (webhook.WebhookSink.of, webhook.OPTIONS),
}
_OPTIONS: Final = {scheme: options for scheme, (_, options) in _MAKERS.items()}


def parse(text: str) -> SinkUrl:
    """Read a sink's URL; raise InvalidInputError."""
    return SinkUrl.parse(text, _OPTIONS)


def open_sink(text: str) -> tuple[str, Sink]:
    """Return a sink with its name; raise InvalidInputError, StorageError. It connects later."""
    url = parse(text)
    return url.name, _MAKERS[url.parts.scheme][0](url)
