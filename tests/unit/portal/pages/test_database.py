"""What all pages about one database have in common."""

from pgward.ca.service.routes.me import ServiceInfo
from pgward.portal.pages import database

SERVICE = {
    "name": "orders",
    "description": "",
    "mode": "postgres",
    "server_name": "orders",
    "database": None,
    "ssl_mode": "disable",
    "edges": [
        {
            "name": "e1",
            "address": "[2001:db8::1]:6432",
            "server_name": "e1.test",
            "direct_names": ["orders.db.test"],
            "online": True,
        }
    ],
    "ways": {"certificate": True, "otp": False, "token": False, "reason_required": False},
    "health": "unknown",
    "step_up": None,
}


def test_a_service_is_read_as_clients_read_it():
    service = ServiceInfo.model_validate(SERVICE)
    (edge,) = database.edges(service)
    assert (edge.address.host, edge.address.port, edge.server_name) == (
        *("2001:db8::1", 6432, "e1.test"),
    )
    info = database.as_clients_know_it(service)
    assert (info.is_aware, info.edges) == (True, (edge,))
