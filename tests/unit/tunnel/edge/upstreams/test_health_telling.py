"""How databases are, told to the CA."""

from typing import Any

import pytest

from pgward.core.address import Address
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.tunnel.edge.upstreams.health import Health
from pgward.tunnel.edge.upstreams.health_telling import Teller, by_service


def server(service, number, problem):
    return Health(service, Address(f"db{number}", 5432), problem, 0.1, 1.0)


UP = (server("orders", 1, None),)
DOWN = (server("orders", 1, "away"),)


class Ca:
    """Takes what it is told, or raises."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.error: Exception | None = None

    def call(self, method, path, fields):
        assert (method, path) == ("POST", "/v1/edge/databases")
        self.told.append(fields["services"])
        if self.error is not None:
            raise self.error
        return {"change": "updated"}


@pytest.fixture
def ca():
    return Ca()


def test_a_service_answers_if_one_of_its_servers_does():
    known = (
        *(server("a", 1, "away"), server("a", 2, None), server("a", 3, "away")),
        *(server("b", 1, "first"), server("b", 2, "second"), server("c", 1, None)),
    )
    assert by_service(known) == {"a": None, "b": "second", "c": None}
    assert by_service(()) == {}


def test_it_is_told_once_and_again_when_it_changes_or_after_a_while(ca):
    now, kept = [0.0], []
    teller = Teller(ca, lambda *given: kept.append(given), lambda: now[0])
    for known in (UP, UP, DOWN, DOWN):
        teller(known, False)
    assert ca.told == [{"orders": None}, {"orders": "away"}]
    now[0] = 601.0
    teller(DOWN, False)
    teller(DOWN, False)
    assert len(ca.told) == 3
    assert kept[0] == (UP, False)
    assert len(kept) == 6


def test_what_the_ca_did_not_take_is_told_in_the_next_round(ca):
    teller = Teller(ca, lambda *_: None)
    ca.error = UnavailableError("away")
    teller(UP, True)
    ca.error = None
    teller(UP, False)
    teller(UP, False)
    assert len(ca.told) == 2


def test_a_ca_that_asks_for_none_of_it_is_left_alone(ca):
    teller = Teller(ca, lambda *_: None)
    ca.error = NotFoundError("not found")
    teller(UP, True)
    teller(UP, False)
    assert len(ca.told) == 1
