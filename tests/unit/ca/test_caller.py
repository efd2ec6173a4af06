import pytest

from pgward.ca import caller
from pgward.ca.caller import Asked

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def test_there_is_no_client_outside_a_request():
    assert caller.client.get() is None


def test_each_request_has_an_id_of_its_own():
    asked = Asked()
    assert asked.id != Asked().id
    assert asked.ids() == {"request_id": asked.id}
    assert Asked("1", TRACE).ids() == {"request_id": "1", "trace_id": TRACE}


@pytest.mark.parametrize("parent", [f"00-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-00-more"])
def test_a_callers_trace_is_found(parent):
    assert caller.trace_id(parent) == TRACE


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"cc-{TRACE}-{PARENT}-01more",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
    ],
)
def test_what_is_no_traceparent(parent):
    assert caller.trace_id(parent) is None
