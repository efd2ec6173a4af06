import pytest

from pgward.core.errors import NotFoundError
from pgward.doctor.checks import connector
from pgward.doctor.finding import Status
from pgward.programs import drivers, own_tunnel
from pgward.programs.own_tunnel import Held


class Driver:
    __version__ = "3.2"


@pytest.fixture
def there(monkeypatch):
    """Say which drivers there are, and which tunnels."""

    def there(imports, *tunnels):
        def driver(name):
            found = imports.get(name, NotFoundError("it is not installed"))
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(drivers, "driver", driver)
        monkeypatch.setattr(own_tunnel, "held", lambda _home: iter(tunnels))

    return there


def test_where_nothing_of_python_is_there(patient, there):
    there({})
    assert connector.look(patient) is None


def test_drivers_and_tunnels_of_programs(patient, there):
    there({"psycopg": Driver}, Held("orders", 7, 70, False), Held("stock", 8, 80, False))
    assert connector.look(patient).what == (
        "pgward.connect can use psycopg 3.2; process 70 has a tunnel of its own to orders;"
        " process 80 has a tunnel of its own to stock"
    )
    patient.service_name = "stock"
    assert "orders" not in connector.look(patient).what
    there({}, Held("stock", 8, 80, False))
    assert connector.look(patient).what.startswith("no driver in this Python; process 80")


def test_a_driver_without_its_library(patient, there):
    there({"psycopg": ImportError("no pq wrapper available"), "asyncpg": Driver})
    found = connector.look(patient)
    assert (found.status, found.what) == (
        Status.WARN,
        "cannot be imported: psycopg (ImportError)",
    )
    assert "psycopg[binary]" in found.hint


def test_a_tunnel_that_is_stopped(patient, there):
    there({}, Held("orders", 7, 70, True))
    found = connector.look(patient)
    assert (found.status, found.hint) == (Status.WARN, "kill -CONT 7, or end process 70")


def test_the_drivers_of_this_python(patient):
    assert "psycopg 3." in connector.look(patient).what
