"""Where records go besides the CA: a file, syslog, OpenTelemetry, a webhook.

A **sink** takes lines (records as JSON, chained) in order, and raises SinkError when it cannot:
it gets the same lines again later. So a line comes at least once; its ``id`` tells it when it
comes twice. A sink is named by a URL; its options, which are never secrets, follow ``#``.
"""
