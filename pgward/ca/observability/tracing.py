"""Traces by OpenTelemetry: a span for each request, and in it its transactions and signatures.

Imported only when traces are asked for. Where they go, and how many, is said by the standard
variables (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``, ``OTEL_SERVICE_NAME`` …).
Spans hold methods, route templates and statuses; never a path, a name or a header.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pgward import __version__
from pgward.ca.observe import Labels, Step

_SERVER_ERROR = "5"


class Tracing:
    """Observes this process (`pgward.ca.observe`); a step outside a request makes no span."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME") or "pgward-ca"
        resource = Resource.create({SERVICE_NAME: name, "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("pgward.ca", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def event(self, name: str, labels: Labels, count: int) -> None:
        """Note it in the span that goes on."""
        attributes = {f"pgward.{key}": value for key, value in labels.items()}
        trace.get_current_span().add_event(name, {**attributes, "pgward.count": count})

    def step(self, name: str, labels: Labels) -> AbstractContextManager[Step]:
        """Return what makes a span."""
        if name == "request":
            return self._request(labels)
        return self._inner(name, labels)

    @contextmanager
    def _request(self, labels: Labels) -> Iterator[Step]:
        carrier = {"traceparent": labels["parent"]} if labels.get("parent") else {}
        # An empty context: what this thread did before is no part of the request.
        parent = self._propagator.extract(carrier, Context())
        attributes = {"pgward.request_id": labels["id"]}
        with self._span("request", parent, SpanKind.SERVER, attributes) as span:
            yield _Spanned(span)

    @contextmanager
    def _inner(self, name: str, labels: Labels) -> Iterator[Step]:
        if not trace.get_current_span().is_recording():
            yield _Spanned(trace.INVALID_SPAN)
            return
        attributes = {f"pgward.{key}": value for key, value in labels.items()}
        with self._span(name, None, SpanKind.INTERNAL, attributes) as span:
            yield _Spanned(span)

    @contextmanager
    def _span(
        self, name: str, parent: Context | None, kind: SpanKind, attributes: dict[str, str]
    ) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            name,
            parent,
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                # An exception's text may hold what nobody should read; its type does not.
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise


class _Spanned:
    def __init__(self, span: Span) -> None:
        self._span = span

    def add(self, **labels: str) -> None:
        """Tell what is known only now."""
        names = {"method": "http.request.method", "route": "http.route"}
        for key, value in labels.items():
            if key == "status" and value.isdigit():
                self._span.set_attribute("http.response.status_code", int(value))
                if value.startswith(_SERVER_ERROR):
                    self._span.set_status(StatusCode.ERROR)
            else:
                self._span.set_attribute(names.get(key, f"pgward.{key}"), value)
        if "route" in labels:
            self._span.update_name(f"{labels.get('method', '')} {labels['route']}".strip())
