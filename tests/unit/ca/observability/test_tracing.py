import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pgward.ca import observe
from pgward.ca.observability.tracing import Tracing
from pgward.core.errors import DeniedError

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """Spans as they were sent, by name."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.tracing = Tracing(self.exporter)

    def spans(self):
        self.tracing._provider.force_flush()
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def traced():
    made = Traced()
    end = observe.watch(made.tracing)
    yield made
    end()
    made.tracing.close()


def test_a_request_is_a_span_with_its_steps_inside(traced):
    with observe.step("request", parent="", id="abc") as request:
        with observe.step("sign", what="person"):
            observe.event("issued", kind="person")
        request.add(method="POST", route="/v1/certificates/login", status="200")
    spans = traced.spans()
    outer, inner = spans["POST /v1/certificates/login"], spans["sign"]
    assert dict(outer.attributes) == {
        "pgward.request_id": "abc",
        "http.request.method": "POST",
        "http.route": "/v1/certificates/login",
        "http.response.status_code": 200,
    }
    assert inner.parent.span_id == outer.context.span_id
    assert dict(inner.attributes) == {"pgward.what": "person"}
    assert [event.name for event in inner.events] == ["issued"]
    assert outer.resource.attributes["service.name"] == "pgward-ca"


def test_a_request_goes_on_with_the_callers_trace(traced):
    with observe.step("request", parent=PARENT, id="1"):
        pass
    span = traced.spans()["request"]
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


@pytest.mark.parametrize("parent", ["", "nonsense", "00-0-0-01", "x" * 5000])
def test_a_strange_parent_begins_a_trace(traced, parent):
    with observe.step("request", parent=parent, id="1"):
        pass
    assert traced.spans()["request"].parent is None


def test_steps_outside_a_request_make_no_span(traced):
    with observe.step("store.write") as step:
        step.add(more="x")
    observe.event("issued", kind="api")
    assert traced.spans() == {}


def fail():
    with observe.step("request", parent="", id="1") as request:
        request.add(method="GET", route="/x", status="500")
        with observe.step("store.write"):
            raise DeniedError("s3cret")


def test_a_failure_is_told_by_its_type_and_not_its_text(traced):
    with pytest.raises(DeniedError):
        fail()
    spans = traced.spans()
    status = spans["store.write"].status
    assert (status.status_code.name, status.description) == ("ERROR", "DeniedError")
    assert spans["GET /x"].status.status_code.name == "ERROR"
    assert "s3cret" not in "".join(span.to_json() for span in spans.values())
