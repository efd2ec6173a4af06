import pytest

from pgward.client.services import EdgeInfo, ServiceInfo, choose
from pgward.core.address import Address
from pgward.core.errors import NotFoundError

REPLY = {
    "name": "orders",
    "description": "all orders",
    "mode": "tcp",
    "server_name": "db1.internal",
    "database": None,
    "ssl_mode": "verify-full",
    "edges": [{"name": "e1", "address": "[::1]:7432", "server_name": "e1.test"}],
}


def test_a_reply_is_read_and_written_back():
    service = ServiceInfo.read(REPLY)
    assert service.edges == (EdgeInfo("e1", Address("::1", 7432), "e1.test"),)
    assert service.to_json() == REPLY


def test_choosing_by_name():
    service = ServiceInfo.read(REPLY)
    assert choose([service], "orders") is service


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("order", "did you mean orders?"),
        ("zzz", "pgward services lists those you may use"),
    ],
)
def test_a_service_that_is_not_there_or_not_for_you(name, hint):
    with pytest.raises(NotFoundError) as caught:
        choose([ServiceInfo.read(REPLY)], name)
    assert (caught.value.message, caught.value.hint) == (
        f"there is no service {name!r} for you",
        hint,
    )
